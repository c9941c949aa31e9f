#pragma once
#include "attend/attention/score.h"

namespace attend {

/// Soft attention as an expectation: the context is the mean of the values under the distribution that `hard` draws from.
/// Formula: p_t = normaliser(e_t), c_t = E_{s ~ p_t}[v_s] = Σ_s p_t(s) v_s.
/// Paper: Xu et al. 2015 (Show, Attend and Tell), §4.2.
/// Shapes: query [B, H, T, Dq], keys [B, Hk, S, D], values [B, Hk, S, Dv] -> [B, H, T, Dv]. Cost: that of the score.
/// Same as: the inner score under its own name.
/// Threads may share it as any Mechanism.
class Soft final : public ScoredAttention {
 public:
  explicit Soft(const MechanismOptions& options) : ScoredAttention("soft", make_inner_score("soft", options), options) {}
};

}  // namespace attend
