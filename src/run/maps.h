#pragma once
// Collects the attention of a search: per call all sites, then row by row into the node that the row's step produced.
#include <map>
#include <string>
#include <vector>

#include "attend/attention/observer.h"
#include "attend/models/seq2seq.h"
#include "attend/record/record.h"

namespace attend {

/// What one site showed.
struct SeenMap {
  Site site;
  at::Tensor weights;  ///< [B, H, rows, columns]
  WeightKind kind = WeightKind::kSoftmax;
};
using SeenMaps = std::vector<SeenMap>;

/// The weights of the attention to the source (record/site.h); null where none was seen.
const at::Tensor* source_weights(const SeenMaps& seen, std::optional<std::int64_t> layer = {});

/// Keeps the weights of the latest call of each site, in the order of names and layers.
class WeightsObserver final : public Observer {
 public:
  Request request(const Site&) override { return {.weights = true}; }
  void observe(const Site& site, const Result& result) override;
  /// What a mechanism says of each row beside its weights, one number a head: centre, choice, ... [B, H, K]
  const std::map<std::string, at::Tensor>& scalars() const { return scalars_; }
  const SeenMaps& seen() const { return seen_; }
  void clear() {
    seen_.clear();
    scalars_.clear();
  }

 private:
  void keep_scalars(const Site& site, const Result& result);
  std::map<std::string, at::Tensor> scalars_;
  SeenMaps seen_;
};

/// The same, as records say it.
RowKind row_kind(WeightKind kind);

/// Gives a map over a part of the source all of its `tokens` as columns, and as rows where those are tokens of the source too.
void widen(AttentionMap& map, std::uint32_t tokens, std::uint32_t first_row, std::uint32_t first_column);

/// Which row of a batch a node comes from.
struct NodeRow {
  std::int64_t item = 0, beams = 1, hypothesis = 0;  ///< of the batch, hypotheses an item, which of them
  std::int64_t source_length = 0, draft_length = 0;  ///< tokens of the item's own
};

/// The maps of one item while its tree grows.
class GrowingMaps {
 public:
  /// Encoder maps: weights [B, H, S, S] of the whole batch, this item's number and length. What has one row, [B, H, 1, S], says
  /// something of each position, and stands on the diagonal.
  void add_encoder(const SeenMaps& seen, std::int64_t item, std::int64_t length);
  /// The row of one hypothesis at one step becomes the row of the node it produced. Weights are [B, H, K, columns], where columns are
  /// steps [B·K, H, 1, t + 1].
  void add_node(const SeenMaps& seen, const NodeRow& row);
  /// The scalars of that row become those of the node; names end in ".HEAD" where there is more than one.
  void add_scalars(const std::map<std::string, at::Tensor>& scalars, std::int64_t item, std::int64_t row);
  std::vector<AttentionMap> finish();
  std::vector<NodeScalars> finish_scalars() { return std::move(scalars_); }

 private:
  struct Growing {
    Site site;
    RowKind kind = RowKind::kSoftmax;
    std::int64_t heads = 0;
    std::vector<std::vector<float>> rows;  // per node, [H, columns] of that row
  };
  std::vector<Growing> decoder_;
  std::vector<AttentionMap> encoder_;
  std::vector<NodeScalars> scalars_;
};

}  // namespace attend
