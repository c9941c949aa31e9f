#include "attend/attention/history.h"

namespace attend {

at::Tensor reorder_hypotheses(const at::Tensor& x, const at::Tensor& rows, std::int64_t beams) {
  const auto by_row = x.transpose(1, 2).flatten(0, 1).index_select(0, rows);  // [B'·K', H, *]
  return by_row.unflatten(0, {-1, beams}).transpose(1, 2).contiguous();
}

void HistoryState::reorder(const at::Tensor& rows, std::int64_t beams) {
  for (auto& [name, x] : kept) x = reorder_hypotheses(x, rows, beams);
}

AdditiveHistory::AdditiveHistory(const std::string& name, const MechanismOptions& o)
    : ScoredAttention(name, (check_sizes(name, o), std::make_shared<Additive>(o)), o) {}

Memory AdditiveHistory::prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const {
  ATTEND_CHECK(!mask.causal, kUnsupported, "{}: a causal call would let the source grow under the history; use it in cross attention",
               called());
  return ScoredAttention::prepare(keys, values, mask);
}

at::Tensor AdditiveHistory::energies(ScoreCall& call, const at::Tensor& query, const at::Tensor& keys) const {
  auto sums = additive().sums(query, keys);
  add_history(history(call), sums);
  return additive().energies(std::move(sums));
}

at::Tensor AdditiveHistory::nothing_yet(const Memory& memory, std::int64_t rows) const {
  return at::zeros({memory.batch(), options().heads, rows, memory.size()}, memory.keys().options().requires_grad(false));
}

}  // namespace attend
