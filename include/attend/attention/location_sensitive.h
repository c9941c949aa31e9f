#pragma once
#include "attend/attention/history.h"

namespace attend {

/// Of location_sensitive.
struct LocationSensitiveOptions {
  std::string input;            ///< previous, cumulative or both
  std::int64_t filters, width;  ///< n_f and the odd r
  double sharpening;            ///< multiplies the scores
  bool smoothing;               ///< σ(e)/Σ σ(e)

  LocationSensitiveOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Additive attention that sees a convolution of where it looked before.
/// Formula: f_t = F * w_{t−1} (F not flipped, zero padding, odd width r), e[t, s] = vᵀ tanh(W q_t + U k_s + U_f f[t, s] + b), w₋₁ = 0.
/// Option location_input: previous w_{t−1}, cumulative Σ_{t'<t} w_{t'}, or both as two channels (Shen et al. 2018).
/// Options of the paper: sharpening, the scores times β; smoothing, σ(e)/Σ σ(e) in place of the softmax.
/// Paper: Chorowski et al. 2015, §2, eq. 8–9. F [H·n_f, c, r], U_f [H, E, n_f].
/// Shapes: query [B, H, T, Dq], keys [B, Hk, S, D], values [B, Hk, S, Dv] -> [B, H, T, Dv]. Throws kUnsupported for a causal mask and
/// kValue for an even width. Cost: additive's, and B·H·T·S·n_f·(r + E). Steps are taken one after another.
/// Threads may share it as any Mechanism.
class LocationSensitive final : public AdditiveHistory {
 public:
  explicit LocationSensitive(const MechanismOptions& options);
  std::unique_ptr<State> start(const Memory& memory, std::int64_t rows) const override;

 protected:
  at::Tensor features(const HistoryState& state, bool by_loops) const override;
  const at::Tensor& feature_weight() const override { return filter_weight_; }
  at::Tensor weigh(ScoreCall& call) const override;
  at::Tensor mix(ScoreCall& call, const at::Tensor& weights) const override;

 private:
  bool previous_, cumulative_, smoothing_;
  double sharpening_;
  at::Tensor filters_, filter_weight_;
};

}  // namespace attend
