#pragma once
#include "attend/attention/score.h"

namespace attend {

/// Of knn.
struct KnnOptions {
  std::int64_t keys;  ///< K

  KnnOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Nearest keys only: of all keys a query may see, the K with the largest scores, exactly.
/// Formula: N(t) = the K keys s with the largest e[t, s] (ties: the lower s); w_t = normaliser of e_t over N(t), 0 elsewhere;
/// c_t = Σ_{s ∈ N(t)} w[t, s] v_s. e is that of the inner score. K ≥ S is the inner score itself.
/// Paper: Gupta et al. 2021 (top-k attention); Wu et al. 2022 (memorizing transformers), §3.1, for keys of an earlier text.
/// The choice has no gradient; the scores of the chosen keys have theirs.
/// Shapes: query [B, H, T, Dq], keys [B, Hk, S, D], values [B, Hk, S, Dv] -> [B, H, T, Dv]. Option knn_keys = K.
/// Cost: that of the inner score, and B·H·T·S for the choice.
/// Same as: e.masked_fill(e < e.topk(K).values[.., -1:], -inf).softmax(-1) where no scores are equal.
/// Threads may share it as any Mechanism.
class Knn final : public ScoredAttention {
 public:
  explicit Knn(const MechanismOptions& options);

 protected:
  at::Tensor weigh(ScoreCall& call) const override;

 private:
  std::int64_t nearest_;  // K
};

}  // namespace attend
