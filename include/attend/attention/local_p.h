#pragma once
#include "attend/attention/local.h"

namespace attend {

/// Of local_p.
struct LocalPOptions {
  bool renormalise;  ///< the Gaussian enters the scores, Σ w = 1

  LocalPOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Local attention with a predicted centre: the query says where the window stands, a Gaussian favours its middle.
/// Formula: p_t = S_b σ(v_pᵀ tanh(W_p q_t)) − 1 (the paper's 1-based S·σ(·), moved to index 0); over p_t − R ≤ s ≤ p_t + R:
///   w[t, s] = softmax(e)[s] exp(−(s − p_t)² / 2ς²), ς = R/2. Not renormalised: Σ w ≤ 1.
/// Option renormalise: softmax(e − (s − p_t)² / 2ς²), Σ w = 1. Option centre = inside: p_t = (S_b − 1) σ(·), both ends within reach.
/// Paper: Luong, Pham & Manning 2015, §3.2, eq. 9–10. W_p [H, P, Dq], v_p [H, P], P = energy_size or Dq.
/// Shapes: query [B, H, T, Dq], keys [B, Hk, S, D], values [B, Hk, S, Dv] -> [B, H, T, Dv]; extras centre [B, H, T]. lse and entropy are
/// those of the softmax part. Throws kValue for R < 1 and kUnsupported for a causal mask: S_b would move p_t from step to step.
/// Cost: that of the score over the windows in the fused kernel, else over all keys, and B·H·T·P·Dq. Threads may share it as any Mechanism.
class LocalP final : public ScoredAttention {
 public:
  explicit LocalP(const MechanismOptions& options);
  Memory prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const override;

 protected:
  bool fuses() const override { return true; }
  std::string why_not_fused_itself(const AttendCall& call) const override;
  void look(ScoreCall& call) const override;
  at::Tensor weigh(ScoreCall& call) const override;

 private:
  bool inside_, renormalise_;
  std::int64_t window_;                       // R
  at::Tensor centre_weight_, centre_vector_;  // W_p [H, P, Dq], v_p [H, P]
};

}  // namespace attend
