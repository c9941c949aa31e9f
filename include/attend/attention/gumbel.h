#pragma once
#include "attend/attention/hard.h"

namespace attend {

/// Of gumbel and gumbel_st.
struct GumbelOptions {
  double temperature;

  GumbelOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Soft attention blurred towards a draw: softmax of log-weights with Gumbel noise. Biased as an estimate of `hard`.
/// Formula: y = softmax((ln p_t + g)/τ), g = −ln(−ln u), u uniform; c_t = Σ_s y_s v_s. Outside training as `hard`.
/// Paper: Jang, Gu & Poole 2017; Maddison, Mnih & Teh 2017.
/// Shapes and extras as `hard`, and sample [B, H, T, S] = y in training, where weights are asked for. Cost: that of the score. Threads may
/// share it as any Mechanism.
class Gumbel final : public Hard {
 public:
  explicit Gumbel(const MechanismOptions& options);

 protected:
  at::Tensor relaxed(const at::Tensor& weights, const at::Tensor& noisy, const at::Tensor& one_hot) const override;
  Relaxation relaxation() const override { return {.noisy = true, .temperature = temperature_}; }
  bool needs_reward() const override { return false; }

 private:
  double temperature_;
};

/// softmax(noisy/τ) over the last dimension, zeros where all weights of a row are.
at::Tensor concrete(const at::Tensor& weights, const at::Tensor& noisy, double temperature);

}  // namespace attend
