#pragma once
#include "attend/attention/history.h"

namespace attend {

/// Of coverage.
struct CoverageOptions {
  std::string kind;   ///< sum, fertility or gru
  std::int64_t size;  ///< of gru: d

  CoverageOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Additive attention that knows how much of each source position it has already read.
/// Formula: e[t, s] = vᵀ tanh(W q_t + U k_s + V_c C[t−1, s] + b), C₋₁ = 0. Option coverage:
///   sum        C_t = C_{t−1} + w_t, V_c [H, E, 1] (See, Liu & Manning 2017, eq. 10–11)
///   fertility  C_t = C_{t−1} + w_t / Φ_s, Φ_s = 2 σ(u_f · k_s) (Tu et al. 2016, §4.2)
///   gru        C[t, s] = gru([w[t, s]; k_s; q_t], C[t−1, s]), d = coverage_size numbers, V_c [H, E, d] (Tu et al. 2016, §4.1.2)
/// Training adds λ Σ_t Σ_s min(w[t, s], C[t−1, s]) (See et al., eq. 12–13), C the plain running sum for all three kinds.
/// Shapes: query [B, H, T, Dq], keys [B, Hk, S, D], values [B, Hk, S, Dv] -> [B, H, T, Dv]. Extras: coverage [B, H, T, S] = the sum
/// of the weights up to and with the step, coverage_loss [B, H, T]. Throws kUnsupported for a causal mask.
/// Cost: additive's, and B·H·T·S·E·d. Steps are taken one after another. Threads may share it as any Mechanism.
class Coverage final : public AdditiveHistory {
 public:
  explicit Coverage(const MechanismOptions& options);
  std::unique_ptr<State> start(const Memory& memory, std::int64_t rows) const override;

 protected:
  at::Tensor features(const HistoryState& state, bool by_loops) const override;
  const at::Tensor& feature_weight() const override { return coverage_weight_; }
  at::Tensor of_keys(const at::Tensor& keys) const override;
  at::Tensor mix(ScoreCall& call, const at::Tensor& weights) const override;

 private:
  at::Tensor next(const ScoreCall& call, const at::Tensor& weights, const at::Tensor& before) const;
  enum class Kind { kSum, kFertility, kGru } kind_;
  at::Tensor coverage_weight_;                               // V_c [H, E, 1 or d]
  at::Tensor fertility_weight_;                              // u_f [H, 1, D]
  at::Tensor gru_key_, gru_query_, gru_weight_, gru_state_;  // [H, 3d, D], [H, 3d, Dq], [H, 3d], [H, 3d, d]
  at::Tensor gru_bias_, gru_state_bias_;                     // [H, 3d]
};

}  // namespace attend
