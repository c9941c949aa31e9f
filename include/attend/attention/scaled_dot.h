#pragma once
#include "attend/attention/score.h"

namespace attend {

/// Of scaled_dot.
struct ScaledDotOptions {
  double scale;  ///< what multiplies products; 0 = 1/√D

  ScaledDotOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};
/// That number.
double scaled_dot_scale(const MechanismOptions& options);

/// Scaled dot-product score: a dot product whose variance does not grow with the size of the key.
/// Formula: e[t, s] = q_t · k_s / √D. No parameters; the divisor is the constant √D, not a norm of the key (that is `cosine`).
/// options.scale above 0 multiplies in place of 1/√D; with 1 it is `dot`, as T5 has it.
/// With options.soft_cap C: C tanh(e / C), before masks and biases (Gemma Team 2024, Gemma 2, §2).
/// Paper: Vaswani et al. 2017, §3.2.1, eq. 1.
/// Shapes: query [B, H, T, D], keys [B, H, S, D] -> [B, H, T, S]. Throws kShape when Dq ≠ D.
/// Cost: B·H·T·S·D multiplications, no memory beyond the scores.
/// Same as: at::matmul(q / √D, k.mT()).
/// Threads may share it as any Score.
class ScaledDot final : public ProductScore {
 public:
  explicit ScaledDot(const MechanismOptions& options);
  Factor factor(const at::Tensor& query) const override;
  std::vector<ScorePart> parts(const at::Tensor& query, const at::Tensor& prepared) const override;

 private:
  double scale_, soft_cap_;
};

}  // namespace attend
