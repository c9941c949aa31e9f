#pragma once
#include <mutex>

#include "attend/ops/fused_attention.h"

namespace attend {

/// What steps of additive attention read again and again; all of it may have gradients. float32 or float64, heads already shared.
struct AdditiveSourceParts {
  at::Tensor key, value;                                 ///< [B, H, S, E], [B, H, S, Dv]
  at::Tensor energy;                                     ///< u [H, E]
  at::Tensor feature_weights;                            ///< a [H, F, E]; undefined: no features
  kernels::ScoreKind score = kernels::ScoreKind::kTanh;  ///< or kRelu
  double scale = 1;
  at::Tensor key_lengths;                               ///< int64 [B]; undefined: S
  std::shared_ptr<const kernels::PackedSource> packed;  ///< of key and value, both ways, for attend(); may be null
};

/// A source that a decoder's steps read one after another, with gradients that are made once for many steps.
///
/// A step's way back computes what the steps before it wait for, the gradients of its query, features and weights; what it does to the
/// source it hands on as a record, and the records of up to 64 steps together become one gradient of key, value, energy and feature
/// weights. Records travel through the graph as gradients do, so that any subset of steps, several losses, several decoders over one source
/// and a graph that is kept for another pass come out as the sum of gradients that they are. Equal to the plain composition up to rounding;
/// bits do not depend on threads. Formula: attend/kernels/additive_steps.h.
///
/// Made while gradients are recorded, it records them. Threads may share one. First derivatives only: create_graph throws kUnsupported.
/// What it reads must not be changed in place before the way back is done: kValue.
class AdditiveSource {
 public:
  /// Throws kShape or kValue for parts that do not fit each other.
  explicit AdditiveSource(const AdditiveSourceParts& parts);
  /// Whether steps are followed back into the source.
  bool tracked() const;
  /// Whether a call that is made now may use it: gradients were recorded when it was made, if they are now, and no part was changed since.
  bool current() const;

  /// e [B, H, R, S] of queries [B, H, R, E] and what a step knows of each key, features [B, H, R, S, F] (undefined where F is 0); 0 behind
  /// an item's keys. Same as: scale · matmul(f(query.unsqueeze(3) + key.unsqueeze(2) + matmul(features, a.unsqueeze(2))), u). A gradient of
  /// 0 says that the row does not see the key, and nothing of it is read then.
  at::Tensor scores(const at::Tensor& query, const at::Tensor& features) const;
  /// contexts [B, H, R, Dv] of weights [B, H, R, S]. Same as matmul(weights, value), but where a weight is 0, which hides a value, NaN too,
  /// and has the gradient 0.
  at::Tensor mix(const at::Tensor& weights) const;
  /// fused_attention() of the queries [B, H, R, E] of a step, of a source without features: its forward is that very call, so that its bits
  /// and statistics are. by_distance has no gradient, and rows, top and blocks have none either.
  FusedAttentionOutputs attend(const at::Tensor& query, FusedAttentionOptions options) const;

  /// Parts without gradients, as the loops read them, for the graph.
  struct Data;

 private:
  // Places in the graph where steps of as many rows hand in their records.
  struct Tokens {
    std::vector<at::Tensor> free;
    std::int64_t rows = -1;
  };
  at::Tensor token(bool of_scores, std::int64_t rows) const;

  AdditiveSourceParts parts_;
  std::shared_ptr<const Data> data_;
  bool recorded_;  // gradients, when it was made
  mutable std::mutex mutex_;
  mutable Tokens score_tokens_, value_tokens_;
};

}  // namespace attend
