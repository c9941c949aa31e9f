#pragma once
#include "attend/attention/score.h"

namespace attend {

/// Of the hard family.
struct HardOptions {
  std::string test;  ///< outside training: argmax, soft or sample

  HardOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of hard alone.
struct SoftShareOptions {
  double share;  ///< of training examples that are attended softly

  SoftShareOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Hard attention: one position is read. In training it is drawn, outside training it is the best one.
/// Formula: p_t = normaliser(e_t); training z_t ~ Cat(p_t), c_t = v_{z_t}; else z_t = argmax p_t (option hard_test: soft, sample).
/// The draw has no gradient. Training minimises −[ℓ + λ_r sg(ℓ − b) Σ_t ln p_t(z_t) + λ_e Σ_t H(p_t)] with ℓ = ln p(y | z, x), which
/// train/auxiliary.h does from the extras. With probability hard_soft_share an example's steps all use the soft context instead.
/// Paper: Xu et al. 2015 (Show, Attend and Tell), §4.1, eq. 8–12; Williams 1992.
/// Shapes: query [B, H, T, Dq], keys [B, Hk, S, D], values [B, Hk, S, Dv] -> [B, H, T, Dv]; weights are p. Extras: choice int64
/// [B, H, T] (−1 in empty rows), log_prob [B, H, T] (0 where soft or empty), was_soft bool [B, T], reward_baseline [512] (a buffer).
/// The fused kernel draws the same keys by the same counters and stores no weights.
/// Cost: that of the score. Threads may share it as any Mechanism.
class Hard : public ScoredAttention {
 public:
  explicit Hard(const MechanismOptions& options) : Hard("hard", options) {}
  std::unique_ptr<State> start(const Memory& memory, std::int64_t rows) const override;

 protected:
  Hard(std::string name, const MechanismOptions& options);
  at::Tensor mix(ScoreCall& call, const at::Tensor& weights) const override;
  /// The mixing vector y in training, from p, ln p + g (Gumbel noise g; −inf where hidden) and the one-hot of its maximum.
  virtual at::Tensor relaxed(const at::Tensor& weights, const at::Tensor& noisy, const at::Tensor& one_hot) const;
  /// What training mixes the values by, as the fused kernel is asked for it.
  struct Relaxation {
    bool straight = false;   ///< forward the choice, backward the mixture; else the mixture both ways, if it is noisy, or the choice alone
    bool noisy = false;      ///< the mixture is that of relaxed(): softmax((ln p + g) / temperature); else that of p
    double temperature = 1;  ///< of a noisy one
  };
  virtual Relaxation relaxation() const { return {}; }
  bool fuses() const override { return true; }
  bool fuses_with(const State& state) const override;
  std::string why_not_fused_itself(const AttendCall& call) const override;
  FusedAttentionOutputs mix_fused(FusedCall& call) const override;
  /// True when the draw carries no gradient, and the score function does.
  virtual bool needs_reward() const { return true; }

 private:
  static at::Tensor noisy_context(const FusedCall& call, const Relaxation& relaxation);
  enum class Test { kArgmax, kSoft, kSample } test_;
  double soft_share_;
  at::Tensor draw_soft(std::int64_t batch) const;  // bool [B]: the examples that attend softly
  at::Tensor reward_baseline_;
};

/// Forward `hard`, backward as if it were `soft`: sg(hard − soft) + soft without the rounding.
at::Tensor straight_through(const at::Tensor& hard, const at::Tensor& soft);

}  // namespace attend
