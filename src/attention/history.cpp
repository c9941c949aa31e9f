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
  auto memory = ScoredAttention::prepare(keys, values, mask);
  const auto known = widened(zero_hidden(keys, memory.visible()));  // [B, Hk, S, D]
  memory.set_prepared(std::make_shared<PerKey>(of_keys(known), known.scalar_type() == at::kDouble ? nullptr : source_of(memory)));
  return memory;
}

std::shared_ptr<const AdditiveSource> AdditiveHistory::source_of(const Memory& memory) const {
  const auto heads = options().heads;
  AdditiveSourceParts parts;
  parts.key = share_heads(memory.keys(), heads);               // [B, H, S, E]
  parts.value = share_heads(widened(memory.values()), heads);  // [B, H, S, Dv]
  parts.energy = additive().energy();                          // [H, E]
  parts.feature_weights = widened(feature_weight()).mT();      // [H, F, E]
  if (memory.mask().key_lengths.defined()) parts.key_lengths = memory.mask().key_lengths.contiguous();
  return std::make_shared<AdditiveSource>(parts);
}

std::string AdditiveHistory::why_not_steps(const AttendCall& call) const {
  if (call.query.scalar_type() == at::kDouble) return "float64 is left to the plain composition";
  if (!call.query.is_cpu()) return "it runs on the CPU alone";
  return {};
}

Result AdditiveHistory::attend_steps(const AttendCall& call) const {
  const auto& prepared = call.memory.prepared();
  auto source = prepared ? static_cast<const PerKey&>(*prepared).source : nullptr;
  if (!source || !source->current()) source = source_of(call.memory);
  return attend_plainly(call.query, call.memory, call.state, call.request, source.get());
}

at::Tensor AdditiveHistory::energies(ScoreCall& call, const at::Tensor& query, const at::Tensor& keys) const {
  const auto x = features(history(call), call.source != nullptr);  // [B, H, K, S, F]
  if (call.source) return call.source->scores(additive().factor(query).query, x);
  auto sums = additive().sums(query, keys);  // [B, H, K, S, E]
  const auto& weight = feature_weight();     // [H, E, F]
  if (x.size(4) == 1)
    sums.addcmul_(x, weight.view({1, weight.size(0), 1, 1, weight.size(1)}));
  else
    sums.add_(at::matmul(x, weight.mT().view({1, weight.size(0), 1, weight.size(2), weight.size(1)})));
  return additive().energies(std::move(sums));
}

at::Tensor AdditiveHistory::nothing_yet(const Memory& memory, std::int64_t rows) const {
  return at::zeros({memory.batch(), options().heads, rows, memory.size()}, memory.keys().options().requires_grad(false));
}

extern const Implementation steps_implementation;
const Implementation steps_implementation{
    .name = "steps",
    .sentence = "additive scores with what was attended to before, step by step; no [S, E] of a step is stored",
    .declines = [](const AttendCall& call) -> std::string {
      const auto* mechanism = dynamic_cast<const AdditiveHistory*>(&call.mechanism);
      return mechanism ? mechanism->why_not_steps(call) : "its scores are not additive with a term of the steps before";
    },
    .run = [](const AttendCall& call) { return static_cast<const AdditiveHistory&>(call.mechanism).attend_steps(call); }};

}  // namespace attend
