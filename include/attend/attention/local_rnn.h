#pragma once
#include <optional>

#include "attend/attention/local.h"

namespace attend {

/// Of local_rnn.
struct LocalRnnOptions {
  std::string cell, inner;  ///< its cell; softmax or raw
  std::int64_t size;        ///< N_r
  bool whole;               ///< R = ∞ in place of the window

  LocalRnnOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Recurrent local attention: for each query a cell walks the source and scores it as it goes; partial contexts are combined.
/// Formula: g₋₁ = tanh(W_0 q + b_0), g_s = cell([k_s; q], g_{s−1}), e_s = a·[g_s; q] + b; β[s, j] = softmax of e_j over allowed j in
///   [s − R, s], c_s = Σ_j β[s, j] v_j; α = softmax_s(e), c = Σ_s α_s c_s. Hidden positions are skipped: the state is carried over them.
/// The weights returned are the effective ones, ω_j = Σ_s α_s β[s, j], and entropy is theirs; lse is that of the outer softmax.
/// Options: local_whole R = ∞, else R = window; local_inner raw: c_s = Σ_j e_j v_j, and ω is no distribution; local_cell.
/// Project definition. W_0 [H, N_r, Dq], b_0 [H, N_r], the cell's W [H, G·N_r, D], [H, G·N_r, Dq], U [H, G·N_r, N_r], a [H, N_r + Dq], b
/// [H]. Shapes: query [B, H, T, Dq], keys [B, Hk, S, D], values [B, Hk, S, Dv] -> [B, H, T, Dv]; extras when weights are asked for: outer
/// [B, H, T, S] = α, inner [B, H, T, S, S] = β. Cost: B·H·T·S·N_r·(N_r + D + Dq), one step of S after another; B·H·T·S² memory for β.
/// Threads may share it as any Mechanism.
class LocalRnn final : public ScoredAttention {
 public:
  explicit LocalRnn(const MechanismOptions& options);

 protected:
  at::Tensor energies(ScoreCall& call, const at::Tensor& query, const at::Tensor& keys) const override;
  at::Tensor weigh(ScoreCall& call) const override;

 private:
  bool raw_;
  std::optional<std::int64_t> window_;  // how far a partial context reaches back; without one to the source's beginning
};

}  // namespace attend
