#pragma once
#include "attend/attention/score.h"

namespace attend {

/// Of dot and general.
struct ScalingOptions {
  std::string scaling;  ///< none or root; auto: the model chooses

  ScalingOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};
/// What it multiplies their scores by: 1/√D for root, else 1.
double score_scale(const MechanismOptions& options);

/// Dot-product score: the query itself is compared with every key.
/// Formula: e[t, s] = q_t · k_s, with Dq = D; options.scaling root divides it by √D. No parameters.
/// With options.soft_cap C: C tanh(e / C).
/// Paper: Luong, Pham & Manning 2015, §3.1, eq. 7. Its variance grows with D, so wide states saturate the softmax.
/// Shapes: query [B, H, T, D], keys [B, H, S, D] -> [B, H, T, S]. Throws kShape when Dq ≠ D.
/// Cost: B·H·T·S·D multiplications, no memory beyond the scores.
/// Same as: at::matmul(q, k.mT()).
/// Threads may share it as any Score.
class Dot final : public ProductScore {
 public:
  explicit Dot(const MechanismOptions& options);
  Factor factor(const at::Tensor& query) const override;

 private:
  double scale_, soft_cap_;
};

}  // namespace attend
