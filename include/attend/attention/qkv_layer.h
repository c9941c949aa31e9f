#pragma once
#include "attend/attention/score.h"

namespace attend {

/// House layer: scaled dot attention with the states themselves as keys and values, then one rectified layer, to which the query is added.
/// Formula: w = softmax_{s < length}(q · k_s / √N), c = Σ_s w_s v_s, output = relu(W_1 c + b_1) + (W_2 q + b_2).
/// W_1 [H, U, Dv], W_2 [H, U, Dq], U = output_size or Dq. A source of length 0 gives relu(b_1) + W_2 q + b_2.
/// Shapes: query [B, H, T, N], keys [B, Hk, S, N], values [B, Hk, S, Dv] -> [B, H, T, U]. Queries past their own length count as zero.
/// Throws kShape unless query and key have one size. Cost: B·H·T·S·N + B·H·T·(Dv + N)·U. Threads may share it as any Mechanism.
class QkvLayer final : public ScoredAttention {
 public:
  explicit QkvLayer(const MechanismOptions& options);
  Result attend(const at::Tensor& query, const Memory& memory, State* state, const Request& request) const override;
  std::int64_t context_size(std::int64_t value_size) const override;

 protected:
  bool fuses() const override { return true; }

 private:
  at::Tensor context_weight_, context_bias_, query_weight_, query_bias_;
};

/// x [B, T, U] over its true lengths (int64 [B], undefined = T): "none" x itself, "mean" or "max" [B, U]; zeros for a length of 0.
/// Throws kUnknownName for another name.
at::Tensor pool(const at::Tensor& x, const at::Tensor& lengths, std::string_view kind);

}  // namespace attend
