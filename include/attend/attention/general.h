#pragma once
#include "attend/attention/score.h"

namespace attend {

/// Bilinear score: a learned matrix between query and key.
/// Formula: e[t, s] = q_tᵀ W k_s, W [H, Dq, D], no bias; options.scaling root divides it by √D. W = I gives `dot`.
/// With options.soft_cap C: C tanh(e / C).
/// Paper: Luong, Pham & Manning 2015, §3.1, eq. 7.
/// Shapes: query [B, H, T, Dq], keys [B, H, S, D] -> [B, H, T, S].
/// Cost: B·H·S·Dq·D once a source (W k), then B·H·T·S·Dq.
/// Same as: at::matmul(q, at::matmul(k, W.mT()).mT()).
/// Threads may share it as any Score.
class General final : public ProductScore {
 public:
  explicit General(const MechanismOptions& options);
  at::Tensor prepare(const at::Tensor& keys) const override;
  Factor factor(const at::Tensor& query) const override;
  std::vector<ScorePart> parts(const at::Tensor& query, const at::Tensor& prepared) const override;

 private:
  at::Tensor weight_;  // [H, Dq, D]
  double scale_, soft_cap_;
};

}  // namespace attend
