#pragma once
#include "attend/attention/additive.h"

namespace attend {

/// Additive score with a rectifier: unbounded, and with b = 0 positively homogeneous, e(λq, λk) = λ e(q, k) for λ ≥ 0.
/// Formula: e[t, s] = vᵀ relu(W q_t + U k_s + b); parameters as `additive`, b [H, E] always, starting at 0.1: units that are all
/// off would leave uniform weights and no gradient. Option `normed` as there.
/// Paper: the form of Bahdanau, Cho & Bengio 2015, A.1.2, rectified.
/// Shapes: query [B, H, T, Dq], keys [B, H, S, D] -> [B, H, T, S].
/// Cost: as `additive`.
/// Same as: at::matmul(at::relu((q Wᵀ).unsqueeze(3) + (k Uᵀ + b).unsqueeze(2)), v).
/// Threads may share it as any Score.
class AdditiveRelu final : public Additive {
 public:
  explicit AdditiveRelu(const MechanismOptions& options);
  std::optional<kernels::ScoreKind> kind() const override { return kernels::ScoreKind::kRelu; }

 protected:
  at::Tensor activated(at::Tensor sum) const override { return sum.relu_(); }
  std::string activation() const override { return "relu"; }
};

}  // namespace attend
