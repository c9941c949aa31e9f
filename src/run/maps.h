#pragma once
// Collects the attention of a search: per call all sites, then row by row into the node that the row's step produced.
#include <map>
#include <utility>
#include <vector>

#include "attend/attention/observer.h"
#include "attend/models/seq2seq.h"
#include "attend/record/record.h"

namespace attend {

/// Keeps the weights of the latest call, by site and layer.
class WeightsObserver final : public Observer {
 public:
  using Key = std::pair<std::string, std::int64_t>;
  struct Map {
    at::Tensor weights;
    WeightKind kind = WeightKind::kSoftmax;
  };
  using Maps = std::map<Key, Map>;
  Request request(const AttentionSite&) override { return {.weights = true}; }
  void observe(const AttentionSite& site, const Result& result) override {
    seen_[{site.name, site.layer}] = {result.weights.detach().to(at::kFloat).contiguous(), result.kind};
    if (!site.name.ends_with(".self")) keep_scalars(site, result);
  }
  /// What a mechanism says of each row beside its weights, one number a head: centre, choice, ... [B, H, K]
  const std::map<std::string, at::Tensor>& scalars() const { return scalars_; }
  const Maps& seen() const { return seen_; }
  void clear() {
    seen_.clear();
    scalars_.clear();
  }

 private:
  void keep_scalars(const AttentionSite& site, const Result& result);
  std::map<std::string, at::Tensor> scalars_;
  Maps seen_;
};

/// The same, as records say it.
RowKind row_kind(WeightKind kind);

/// Gives a map of source tokens (or of the draft's) `columns` of them, its own from `first` on; of an encoder map the rows too.
void widen(AttentionMap& map, std::uint32_t columns, std::uint32_t first);

/// The maps of one item while its tree grows.
class GrowingMaps {
 public:
  /// Encoder maps: weights [B, H, S, S] of the whole batch, this item's number and length. What has one row, [B, H, 1, S], says
  /// something of each position, and stands on the diagonal.
  void add_encoder(const WeightsObserver::Maps& seen, std::int64_t item, std::int64_t length);
  /// The row of one hypothesis at one step becomes the row of the node it produced. Decoder-to-source weights are
  /// [B, H, K, S], those to a draft [B, H, K, D], decoder.self is [B·K, H, 1, t+1].
  void add_node(const WeightsObserver::Maps& seen, std::int64_t item, std::int64_t beams, std::int64_t row, std::int64_t length,
                std::int64_t draft_length = 0);
  /// The scalars of that row become those of the node; names end in ".HEAD" where there is more than one.
  void add_scalars(const std::map<std::string, at::Tensor>& scalars, std::int64_t item, std::int64_t row);
  std::vector<AttentionMap> finish();
  std::vector<NodeScalars> finish_scalars() { return std::move(scalars_); }

 private:
  struct Growing {
    bool self = false;
    RowKind kind = RowKind::kSoftmax;
    std::int64_t heads = 0;
    std::vector<std::vector<float>> rows;  // per node, [H, columns] of that row
  };
  std::map<WeightsObserver::Key, Growing> decoder_;
  std::vector<AttentionMap> encoder_;
  std::vector<NodeScalars> scalars_;
};

}  // namespace attend
