#pragma once
#include "attend/attention/local.h"

namespace attend {

/// Of local_m.
struct LocalMOptions {
  bool clamp;  ///< no centre beyond the source's end

  LocalMOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Local attention with a monotonic centre: target step t looks at the keys around position t.
/// Formula: p_t = t (absolute; clamped to S_b − 1 unless clamp is off), allowed where |s − p_t| ≤ R, then any score and normaliser.
/// Option centre = scaled: p_t = t (S_b − 1) / max(T_b − 1, 1), where target lengths are known; needs R ≥ 1, refused when causal.
/// Paper: Luong, Pham & Manning 2015, §3.2 (local-m). It does not say what happens beyond the source's end: the authors' program clamps.
/// Shapes: query [B, H, T, Dq], keys [B, Hk, S, D], values [B, Hk, S, Dv] -> [B, H, T, Dv]; extras centre [B, T].
/// Throws kValue for R < 0, or a scaled centre with R < 1 or with a state; kUnsupported for a scaled centre with a causal mask.
/// Cost: that of the score over the windows in the fused kernel, else over all keys.
/// Same as: the inner score with mask.keep = |s − p_t| ≤ R.
/// Threads may share it as any Mechanism.
class LocalM final : public ScoredAttention {
 public:
  explicit LocalM(const MechanismOptions& options);
  Memory prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const override;
  std::unique_ptr<State> start(const Memory& memory, std::int64_t rows) const override;

 protected:
  bool fuses() const override { return true; }
  void look(ScoreCall& call) const override;

 private:
  bool scaled_, clamp_;
  std::int64_t window_;  // R
};

}  // namespace attend
