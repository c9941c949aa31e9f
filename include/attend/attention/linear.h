#pragma once
#include "attend/attention/score.h"

namespace attend {

/// Linear attention: a kernel in place of the softmax, so that a source is read through two sums and not position by position.
/// Formula: w[t, s] = φ(q_t)·φ(k_s) / Σ_{j allowed} φ(q_t)·φ(k_j), φ(x) = elu(x) + 1;
///          c_t = φ(q_t)ᵀ A_t / (φ(q_t)·z_t), A_t = Σ_s φ(k_s) v_sᵀ, z_t = Σ_s φ(k_s), over the keys that t may see.
/// φ is held at 1e-12 at least, so that no row is 0/0.
/// Paper: Katharopoulos et al. 2020, eq. 4–6, and 9–12 for the causal form. No parameters. Its weights are those of a softmax of
/// ln φ(q)·φ(k); they are never sharp: one weight over n keys stays below one as φ grows.
/// Shapes: query [B, H, T, D], keys [B, Hk, S, D], values [B, Hk, S, Dv] -> [B, H, T, Dv]. Throws kShape when Dq ≠ D.
/// Cost by the sums: B·H·(T + S)·D·Dv, whatever T·S is; one more step of a decoder B·H·D·Dv, beside the copy of its cache when hypotheses
/// change places. Rows that are asked for cost S·D each, column sums (T + S)·D. Weights of all rows, sources shorter than 2·D·Dv/(D + Dv),
/// masks that differ from query to query (but for causal self-attention), positions and other normalisers are the plain composition's:
/// B·H·T·S·(D + Dv).
/// Same as: w = at::matmul(elu(q) + 1, (elu(k) + 1).mT()); at::matmul(w / w.sum(-1, true), v).
/// Threads may share it as any Mechanism.
class LinearAttention final : public ScoredAttention {
 public:
  explicit LinearAttention(const MechanismOptions& options);
  Memory prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const override;
};

}  // namespace attend
