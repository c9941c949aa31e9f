#pragma once
#include "attend/attention/additive.h"

namespace attend {

/// Of concat.
struct ConcatOptions {
  bool plain_source;  ///< vᵀ tanh(W q + k)

  ConcatOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Concat score: one matrix over the joined query and key.
/// Formula: e[t, s] = vᵀ tanh(W [q_t; k_s]); W [H, E, Dq + D], v [H, E]. Identical to `additive` without bias for W = [W_q, U].
/// Option `concat_plain_source`: vᵀ tanh(W q_t + k_s) with E = D, as the authors' released program has it.
/// Paper: Luong, Pham & Manning 2015, §3.1, eq. 7.
/// Shapes: query [B, H, T, Dq], keys [B, H, S, D] -> [B, H, T, S]. Throws kValue when concat_plain_source and E ≠ D.
/// Cost: as `additive`: the key half of W is applied once a source, the joined vectors are never built.
/// Same as: at::matmul(at::tanh(at::matmul(at::cat({q, k}, -1), W.mT())), v).
/// Threads may share it as any Score.
class Concat final : public Score {
 public:
  explicit Concat(const MechanismOptions& options);
  at::Tensor prepare(const at::Tensor& keys) const override;
  at::Tensor scores(const at::Tensor& query, const at::Tensor& prepared) const override;
  std::optional<kernels::ScoreKind> kind() const override { return kernels::ScoreKind::kTanh; }
  Factor factor(const at::Tensor& query) const override;
  std::vector<ScorePart> parts(const at::Tensor& query, const at::Tensor& prepared) const override;

 private:
  std::int64_t query_size_;
  at::Tensor weight_, energy_;  // [H, E, Dq + D] (or [H, E, Dq]), [H, E]
};

}  // namespace attend
