#pragma once
#include "attend/attention/additive.h"

namespace attend {

/// Soft attention whose distribution function sees the state before and after the step, and a query.
/// Formula: e[t, s] = uᵀ tanh(W_x x_s + W_p h_{t−1} + W_n h_t + W_q q_t + b), p_t = softmax(e_t), c_t = Σ_s p_t(s) x_s.
/// Project definition. The query of a call is the joined vector [h_{t−1}; h_t; q_t], so W_p, W_n and W_q are columns of one matrix:
/// query_weight [H, E, Dq]; W_x is key_weight [H, E, D]; u, b [H, E]. A recurrent decoder takes q_t = E y_{t−1}, and with
/// psi_replace_query its next state reads c_t.
/// The energy of a source reads no other source: when one is appended, the mass Σ exp e never falls, and the weights before it shrink
/// by one factor.
/// Shapes: query [B, H, T, Dq], keys [B, Hk, S, D], values [B, Hk, S, Dv] -> [B, H, T, Dv]. Cost: that of `additive`.
/// Threads may share it as any Score.
class SoftPsi final : public Additive {
 public:
  explicit SoftPsi(const MechanismOptions& options);
};

}  // namespace attend
