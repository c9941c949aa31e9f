#pragma once
#include "attend/attention/additive.h"

namespace attend {

/// Of attention_pooling.
struct PoolingOptions {
  std::int64_t rows;  ///< r, learned queries

  PoolingOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Pooling by attention: learned queries read a sequence and leave r vectors, or one.
/// Formula: a = softmax_s(u_i · tanh(W h_s + b)), c_i = Σ_s a[i, s] h_s, i < r.
/// Paper: Yang et al. 2016, §2.2 (r = 1); Lin et al. 2017 with r rows and the penalty ‖A Aᵀ − I‖²_F, which training may add.
/// W [H, E, D], b [H, E], u [H, r, E]. A bag: the order of the keys does not matter.
/// Shapes: keys [B, Hk, S, D], values [B, Hk, S, Dv] -> [B, H, T, Dv]; the query [B, H, T, Dq] is not read, only counted: T ≤ r rows, the
/// first T. Throws kShape for more, kUnsupported for a causal mask. Cost: B·H·S·(D·E + r·E). Threads may share it as any Mechanism.
class AttentionPooling final : public ScoredAttention {
 public:
  explicit AttentionPooling(const MechanismOptions& options);
  Memory prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const override;
};

}  // namespace attend
