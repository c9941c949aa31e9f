#pragma once
#include "attend/attention/score.h"

namespace attend {

/// Cosine score: the angle between query and key, sharpened by a learned temperature.
/// Formula: e[t, s] = g q_t·k_s / (max(‖q_t‖, ε) max(‖k_s‖, ε)), g = exp(min(γ, ln 100)), γ [H] starting at ln 10, ε = 1e-6.
/// Invariant to positive scaling of q and k; the largest weight over n keys is at most e^{2g}/(e^{2g} + n − 1).
/// Paper: Graves, Wayne & Danihelka 2014, eq. 6; Henry et al. 2020; Liu et al. 2022 (Swin v2), §3.
/// Shapes: query [B, H, T, D], keys [B, H, S, D] -> [B, H, T, S]. Throws kShape when Dq ≠ D.
/// Cost: B·H·T·S·D, and one norm a query and a key.
/// Same as: g * at::matmul(q / ‖q‖, (k / ‖k‖).mT()).
/// Threads may share it as any Score.
class Cosine final : public ProductScore {
 public:
  explicit Cosine(const MechanismOptions& options);
  at::Tensor prepare(const at::Tensor& keys) const override;
  Factor factor(const at::Tensor& query) const override;
  std::vector<ScorePart> parts(const at::Tensor& query, const at::Tensor& prepared) const override;

 private:
  at::Tensor log_gain_;  // [H]
};

}  // namespace attend
