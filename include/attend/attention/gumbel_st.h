#pragma once
#include "attend/attention/hard.h"

namespace attend {

/// Straight-through Gumbel attention: the drawn position forward, the blurred weights of `gumbel` backward. Biased.
/// Formula: y = softmax((ln p_t + g)/τ); o = one-hot of argmax y; c_t = Σ_s (sg(o − y) + y)_s v_s. Outside training as `hard`.
/// Paper: Jang, Gu & Poole 2017, §2.2.
/// Shapes and extras as `hard`, and sample [B, H, T, S] in training. Cost: that of the score. Threads may share it as any Mechanism.
class GumbelSt final : public Hard {
 public:
  explicit GumbelSt(const MechanismOptions& options);

 protected:
  at::Tensor relaxed(const at::Tensor& weights, const at::Tensor& noisy, const at::Tensor& one_hot) const override;
  Relaxation relaxation() const override { return {.straight = true, .noisy = true, .temperature = temperature_}; }
  bool needs_reward() const override { return false; }

 private:
  double temperature_;
};

}  // namespace attend
