#pragma once
#include "attend/attention/score.h"

namespace attend {

/// Size of the hidden layer of additive scores.
struct EnergyOptions {
  std::int64_t size;  ///< E; 0 = the size of the keys

  EnergyOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// E, or `otherwise` where none is given.
std::int64_t energy_size_of(const MechanismOptions& options, std::int64_t otherwise);

/// Of additive and what is built on it.
struct AdditiveOptions {
  bool normed;  ///< g v/‖v‖ in place of v

  AdditiveOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Additive score: a one-layer network over query and key.
/// Formula: e[t, s] = vᵀ tanh(W q_t + U k_s + b); W [H, E, Dq], U [H, E, D], v [H, E], b [H, E] by option (none in the paper).
/// Bounded: |e| ≤ ‖v‖₁. Option `normed`: g v/‖v‖ in place of v, g [H] starting at 1/√E (Salimans & Kingma 2016).
/// Paper: Bahdanau, Cho & Bengio 2015, §3.1 and A.1.2.
/// Shapes: query [B, H, T, Dq], keys [B, H, S, D] -> [B, H, T, S].
/// Cost: B·H·S·D·E once a source (U k), then B·H·T·(Dq·E + S·E); one block [B, H, T, S, E] is alive at a time.
/// Same as: at::matmul(at::tanh((q Wᵀ).unsqueeze(3) + (k Uᵀ).unsqueeze(2)), v).
/// Threads may share it as any Score.
class Additive : public Score {
 public:
  explicit Additive(const MechanismOptions& options);
  at::Tensor prepare(const at::Tensor& keys) const override;
  at::Tensor scores(const at::Tensor& query, const at::Tensor& prepared) const override;
  std::optional<kernels::ScoreKind> kind() const override { return kernels::ScoreKind::kTanh; }
  Factor factor(const at::Tensor& query) const override;
  std::vector<ScorePart> parts(const at::Tensor& query, const at::Tensor& prepared) const override;

  /// The two halves of scores(), for mechanisms that add to the sum in place: W q + U k + b [B, H, T, S, E], and vᵀ tanh of it.
  at::Tensor sums(const at::Tensor& query, const at::Tensor& prepared) const;
  at::Tensor energies(at::Tensor sums) const;
  std::int64_t energy_size() const { return energy_.size(1); }
  at::Tensor energy() const;  ///< v, or g v/‖v‖ [H, E]

 protected:
  /// What is done to W q + U k + b, in place.
  virtual at::Tensor activated(at::Tensor sum) const { return sum.tanh_(); }
  virtual std::string activation() const { return "tanh"; }
  at::Tensor& bias() { return bias_; }

 private:
  at::Tensor query_weight_, key_weight_, energy_, bias_, gain_;  // [H, E, Dq], [H, E, D], [H, E], [H, E], [H]
};

/// The options with b, and with g where `normed`, for scores that always have them.
MechanismOptions with_bias(MechanismOptions options, bool normed = false);

/// Σ_e hidden[.., e] energy[h, e]: the last step of the additive family. hidden [B, H, T, S, E], energy [H, E] -> [B, H, T, S].
at::Tensor additive_energies(const at::Tensor& hidden, const at::Tensor& energy);

}  // namespace attend
