#pragma once
#include "attend/attention/hard.h"

namespace attend {

/// Hard attention with a straight-through gradient: one drawn position forward, the soft weights backward. Biased.
/// Formula: o = one-hot of z ~ Cat(p_t); y = sg(o − p) + p; c_t = Σ_s y_s v_s. Outside training as `hard`.
/// Paper: Bengio, Léonard & Courville 2013, §4.
/// Shapes and extras as `hard`, and sample [B, H, T, S] = y in training. Cost: that of the score. Threads may share it as any Mechanism.
class HardSt final : public Hard {
 public:
  explicit HardSt(const MechanismOptions& options) : Hard("hard_st", options) {}

 protected:
  at::Tensor relaxed(const at::Tensor& weights, const at::Tensor& noisy, const at::Tensor& one_hot) const override;
  Relaxation relaxation() const override { return {.straight = true}; }
  bool needs_reward() const override { return false; }
};

}  // namespace attend
