#pragma once
// What a search asks of a model, in plain numbers: rows of hypotheses go in; scores over the vocabulary come out and, when asked for,
// what each hypothesis attended to. Models of libtorch stand behind it (models/steps.h), and so may any other.
//
//   items       what was read, one text or picture each, numbered from 0 to items() − 1
//   rows        the hypotheses of one step, item by item, equally many for each item that is still searched
//   vocabulary  the tokens that may follow; models that copy have more than their vocabulary's size: its words and the sources' own
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attend/record/map_keeping.h"
#include "attend/record/record.h"
#include "attend/text/special_ids.h"

namespace attend {

/// Sizes of one item, in tokens.
struct ItemSize {
  std::int64_t source = 0;  ///< of what is read, </s> counted where it is there: as many columns has the attention to it
  std::int64_t words = 0;   ///< of these before the </s>: the ones that can stand for an unknown word
  std::int64_t draft = 0;   ///< of the draft that a second pass reads beside the source
};

/// What a search is going to need.
struct StepPlan {
  std::int64_t steps = 1;   ///< calls of step() at most
  std::vector<Site> shown;  ///< of which sites the rows are wanted; what is not named here may be left out and then costs nothing
  MapKeeping keep;          ///< which of their maps may be summarised, where there is one item and the map is seen whole
};

/// The hypotheses of one step, all of one length. rows = items still searched × beams.
struct StepRows {
  std::int64_t beams = 1;
  /// [rows] The row of the step before that each continues; at the first step the item that it belongs to. The rows of one item stand
  /// together, and items keep their order. An item none of whose rows is continued is dropped for good.
  std::span<const std::int32_t> parents;
  std::span<const std::int32_t> tokens;  ///< [rows] what each reads: <s> first, then the token that it ended in
};

/// Numbers of every row and head, where the model keeps them: row r, head h begins at
///   data + (r / group) · group_stride + (r % group) · row_stride + h · head_stride.
/// So a block [rows / group, heads, group, columns] is read as it lies, without a copy.
struct HeadRows {
  const float* data = nullptr;
  std::int64_t heads = 1, columns = 0, group = 1;
  std::int64_t group_stride = 0, row_stride = 0, head_stride = 0;
  /// `count` columns of one row and head.
  std::span<const float> at(std::int64_t row, std::int64_t head, std::int64_t count) const {
    return {data + row / group * group_stride + row % group * row_stride + head * head_stride, static_cast<std::size_t>(count)};
  }
  /// The view of a contiguous block [groups, heads, group, columns].
  static HeadRows of_block(const float* data, std::int64_t heads, std::int64_t group, std::int64_t columns) {
    return {data, heads, columns, group, heads * group * columns, columns, group * columns};
  }
};

/// What one site showed of the rows of a step. Columns past an item's own size are padding; where columns are steps, a row of step t has
/// t + 1 of its own.
struct SiteRows {
  const Site* site = nullptr;
  RowKind kind = RowKind::kSoftmax;
  HeadRows weights;
};
/// What a mechanism says of each row beside its weights, one number a head: a centre, p_gen, ... The name is that of the record
/// (scalar_name), to which the head's number is added where there are several.
struct ScalarRows {
  std::string name;
  HeadRows values;  ///< one column
};
/// Sites by name and layer, scalars by name.
struct ShownRows {
  std::span<const SiteRows> sites;
  std::span<const ScalarRows> scalars;
};

/// Row r has the scores scores[r · vocabulary, (r + 1) · vocabulary): any numbers s with ln p(token) = s[token] − normalisers[r]. −∞ is a
/// token that cannot follow. All of it belongs to the model and is valid until it is called again.
struct StepScores {
  std::int64_t vocabulary = 0;
  std::span<const float> scores;       ///< [rows, vocabulary]
  std::span<const float> normalisers;  ///< [rows], ln Σ exp(scores) of the row
  std::span<const float> peaks;        ///< [rows, ⌈vocabulary / kPeakBlock⌉], the largest score of each block of a row
  ShownRows shown;
  static constexpr std::int64_t kPeakBlock = 64;
  std::span<const float> of_row(std::int64_t row) const {
    return scores.subspan(static_cast<std::size_t>(row * vocabulary), static_cast<std::size_t>(vocabulary));
  }
  std::span<const float> peaks_of_row(std::int64_t row) const {
    const auto blocks = static_cast<std::size_t>((vocabulary + kPeakBlock - 1) / kPeakBlock);
    return peaks.subspan(static_cast<std::size_t>(row) * blocks, blocks);
  }
};

/// What forcing whole targets gives: row = item · longest + step. Rows past the end of an item's target are unspecified.
struct ForcedScores {
  std::int64_t longest = 0;          ///< steps of the longest target
  std::span<const float> log_probs;  ///< [items, longest], ln p of each token of the targets
  ShownRows shown;
};

/// A model that has something to read and writes token by token. The order of calls: start, encoder_maps where wanted, then either step
/// after step or one force_all.
///
/// One object serves one search, from one thread at a time. Searches in several threads take an object each; whether these may share what
/// is behind them (a network) is for their makers to say.
class StepModel {
 public:
  virtual ~StepModel() = default;

  virtual std::int64_t items() const = 0;
  /// Throws nothing for 0 <= item < items().
  virtual ItemSize size_of(std::int64_t item) const = 0;
  virtual SpecialIds special() const { return {}; }
  /// Every site it can show.
  virtual std::vector<Site> sites() const = 0;

  /// Reads the items. Called once, before all that follows.
  virtual void start(const StepPlan& plan) = 0;
  /// Maps of the sites of `plan.shown` that belong to the reading, such as the self-attention of an encoder: rows and columns are the
  /// tokens of that item. May be asked for after start() and before the first step.
  virtual std::vector<AttentionMap> encoder_maps(std::int64_t /*item*/) const { return {}; }
  /// Summaries of the maps of `plan.shown` that `plan.keep` leaves out, those seen since the last call of this: after start() of the
  /// reading, after force_all() of the target. Only of a single item.
  virtual std::vector<MapSummary> take_summaries() { return {}; }
  /// Continues every row by the token it reads.
  virtual StepScores step(const StepRows& rows) = 0;

  /// Teacher forcing of one target an item, each with </s>, in one pass; null where the model can only go step by step. Valid until the
  /// next call.
  virtual const ForcedScores* force_all(std::span<const std::vector<std::int32_t>> /*targets*/) { return nullptr; }

  /// Whether there is a second pass, which reads a draft beside the source.
  virtual bool revises() const { return false; }
  /// That pass over some of the items, with a draft for each, </s> at its end. It may outlive this object.
  virtual std::unique_ptr<StepModel> second_pass(std::span<const std::int64_t> /*items*/,
                                                 std::span<const std::vector<std::int32_t>> /*drafts*/) const {
    return nullptr;
  }
};

}  // namespace attend
