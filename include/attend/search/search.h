#pragma once
// Beam search over token ids, and forced decoding. Greedy search is a beam of one.
//
// All functions here may be called in several threads at once, each with a model of its own (search/step_model.h).
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attend/core/options.h"
#include "attend/record/record.h"
#include "attend/search/control.h"
#include "attend/search/step_model.h"

namespace attend {

/// Config section `decode`, and the flags of running verbs.
struct SearchOptions {
  std::int64_t beam, n_best, min_length, max_length_extra, rounds;
  double length_penalty, coverage_penalty, max_length_ratio;
  bool allow_unknown, replace_unk;
  std::string layer;  ///< whose attention to the source counts: last, or a number from 0
  SearchOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
  std::optional<std::int64_t> source_layer() const { return parse_layer(layer); }
};

/// A finished hypothesis of a search.
struct FoundHypothesis {
  std::vector<std::int32_t> tokens;   ///< with </s>
  std::vector<float> log_probs;       ///< of each token
  std::vector<std::int32_t> sources;  ///< with replace_unk: the source word each <unk> attends to most, −1 for other tokens
  std::int32_t last_node = -1;
  double log_prob = 0;  ///< natural log, summed over all tokens
  double score = 0;     ///< log_prob / lp + cp, what hypotheses are ranked by
  bool cut = false;     ///< the length limit ended it where the model would have gone on
};

/// What a search over one item found: n-best first to last, and the tree of everything that was kept. Maps and scalars are there when it
/// recorded.
struct SearchResult : SearchTree {
  std::vector<FoundHypothesis> best;
  std::vector<std::int32_t> draft;  ///< what a second pass has read beside the source, with </s>; empty of a first pass
};

/// Searches for each item of a model.
///
/// A step keeps the best K of all continuations of the live hypotheses. One that ends in </s> counts only if it ranks among
/// those K, and leaves the beam; the rest live on. Length |Y| counts </s>; at max_length = max(ratio·S_b + extra, min_length) only </s> may
/// follow. Final order: log P / lp + cp, lp = ((5 + |Y|)/6)^α, cp = β Σ_s ln min(Σ_t w[t, s], 1) (search/penalties.h; weights: the mean
/// over heads of the attention to the source in options.layer). The search of an item ends when no live hypothesis can still enter the
/// n-best. Ties: lower parent, then lower token id. Constraints only remove continuations, so log_prob is the model's own.
///
/// Throws kValue for more results than hypotheses, for a layer that is not there, for a coverage penalty or replace_unk with a model
/// that has no attention to the source, and for scores that are no numbers; kInterrupted when it was cancelled.
std::vector<SearchResult> search(StepModel& model, const SearchOptions& options, const SearchControl& control = {});

/// The same by the second pass of a model that revises, reading one draft an item, each with </s>. Scores are ln p₂(y | x, ŷ).
/// Throws kValue for a model without one.
std::vector<SearchResult> revise(const StepModel& model, std::span<const std::vector<std::int32_t>> drafts, const SearchOptions& options,
                                 const SearchControl& control = {});

/// Search, then for a model that revises up to options.rounds times what it found as the draft of the next. An item ends when its text
/// repeats, or when ln p₂ has fallen, with what came before the fall. For other models, or no rounds, search alone.
std::vector<SearchResult> search_in_rounds(StepModel& model, const SearchOptions& options, const SearchControl& control = {});

/// Forced decoding: the log-probability of one target an item, each with </s>, and what the model attends to while it writes it. One
/// hypothesis an item, in the shape of `search`. Models that can take whole targets at once (force_all) do so in one pass, all others go
/// step by step. Throws kValue unless there is one target an item and none is empty; kInterrupted when it was cancelled.
std::vector<SearchResult> force(StepModel& model, std::span<const std::vector<std::int32_t>> targets, const SearchControl& control = {});

}  // namespace attend
