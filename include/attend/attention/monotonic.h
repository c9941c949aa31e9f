#pragma once
#include "attend/attention/history.h"

namespace attend {

/// Monotonic attention: the reader walks forward through the source and decides at each position whether to stop.
/// Formula: e[t, s] = g v̂·tanh(W q_t + U k_s + b) + r, p[t, s] = σ(e[t, s] + noise), g starting at 1/√E, r at −4, noise N(0, 1) in
///   training only. Training, the expected alignment: y_s = (1 − p[t, s−1]) y_{s−1} + w[t−1, s], w[t, s] = p[t, s] y_s, w₋₁ = one-hot(0).
///   Else: from the last choice on, which may be chosen again, the first s with e > 0; when there is none, this and every later
///   context is 0. Hidden positions have p = 0. Σ w ≤ 1. There is no lse.
/// Paper: Raffel et al. 2017, §2.
/// Shapes: query [B, H, T, Dq], keys [B, Hk, S, D], values [B, Hk, S, Dv] -> [B, H, T, Dv]. Throws kUnsupported for a causal mask.
/// Cost: additive's; the expected alignment is one step of S after another. Threads may share it as any Mechanism.
class Monotonic final : public ScoredAttention {
 public:
  explicit Monotonic(const MechanismOptions& options);
  Memory prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const override;
  std::unique_ptr<State> start(const Memory& memory, std::int64_t rows) const override;

 protected:
  bool remembers() const override { return true; }
  at::Tensor energies(ScoreCall& call, const at::Tensor& query, const at::Tensor& keys) const override;
  at::Tensor weigh(ScoreCall& call) const override;

 private:
  at::Tensor offset_;  // r [H]
};

}  // namespace attend
