#include "attend/attention/monotonic.h"

#include "attend/ops/draws.h"
#include "attend/ops/monotonic.h"

namespace attend {

Monotonic::Monotonic(const MechanismOptions& o)
    : ScoredAttention("monotonic", (check_sizes("monotonic", o), std::make_shared<Additive>(with_bias(o, /*normed=*/true))), o) {
  offset_ = register_parameter("offset", at::full({o.heads}, -4.0, float_options()));  // [H]
}

Memory Monotonic::prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const {
  ATTEND_CHECK(!mask.causal, kUnsupported,
               "monotonic: a causal call would let the source grow while it is walked; use it in cross attention");
  return ScoredAttention::prepare(keys, values, mask);
}

// Training keeps the expected alignment "weights" [B, H, K, S], running the position "choice" [B, H, K, 1] of the last stop.
std::unique_ptr<State> Monotonic::start(const Memory& memory, std::int64_t rows) const {
  auto state = std::make_unique<HistoryState>();
  const auto batch = memory.batch(), heads = options().heads, keys = memory.size();
  auto first = at::zeros({batch, heads, rows, keys}, memory.keys().options().requires_grad(false));  // [B, H, K, S]
  if (keys > 0) first.select(3, 0).fill_(1);
  state->kept["weights"] = first;
  state->kept["choice"] = at::zeros({batch, heads, rows, 1}, index_options());
  return state;
}

at::Tensor Monotonic::energies(ScoreCall& /*call*/, const at::Tensor& query, const at::Tensor& keys) const {
  const auto e = score().scores(query, keys);  // [B, H, T, S]
  return e + offset_.view({1, -1, 1, 1});
}

at::Tensor Monotonic::weigh(ScoreCall& call) const {
  call.result.kind = WeightKind::kUnnormalised;
  auto& kept = static_cast<HistoryState&>(*call.state).kept;
  const auto& empty = call.hidden.rows;
  const auto keys = call.sizes.keys;
  at::Tensor weights;
  if (is_training()) {
    const auto noise = normal_draws(draw_keys(place(), call.sizes.batch), call.scores.sizes().slice(1));  // [B, H, T, S]
    auto p = at::sigmoid(call.scores + noise.to(call.scores.scalar_type()));  // [B, H, T, S]; −inf where hidden: 0
    if (empty.defined()) p = p.masked_fill(empty.unsqueeze(-1), 0.0);
    weights = expected_alignment(p, kept["weights"].to(p.scalar_type()).expand(p.sizes()));  // [B, H, T, S]
    kept["weights"] = empty.defined() ? at::where(empty.unsqueeze(-1), kept["weights"], weights) : weights;
  } else {
    auto stops = call.scores.gt(0).logical_and(at::arange(keys, index_options()).ge(kept["choice"]));  // [B, H, T, S]
    if (empty.defined()) stops = stops.masked_fill(empty.unsqueeze(-1), false);
    const auto any = stops.any(-1, /*keepdim=*/true);  // [B, H, T, 1]
    if (keys > 0) {
      const auto found = stops.to(at::kByte).argmax(-1, /*keepdim=*/true);  // [B, H, T, 1]; the first
      weights = at::zeros_like(call.scores.detach()).scatter_(3, found, 1.0).masked_fill(any.logical_not(), 0.0);  // [B, H, T, S]
      auto next = at::where(any, found, at::full({}, keys, index_options()));                                      // [B, H, T, 1]
      if (empty.defined()) next = at::where(empty.unsqueeze(-1), kept["choice"], next);
      kept["choice"] = next;
    } else {
      weights = at::zeros_like(call.scores);  // [B, H, T, S]
    }
  }
  return weights;
}

extern constinit const MechanismEntry monotonic_entry{
    .name = "monotonic",
    .sentence = "a reader that walks forward and decides at each position whether to stop",
    .formula = "p[t,s] = σ(e[t,s] + noise); y_s = (1 − p[t,s−1]) y_{s−1} + w[t−1,s], w[t,s] = p[t,s] y_s",
    .paper = "Raffel et al. 2017, §2",
    .parameters = "those of additive with g and b, r [H]",
    .cost = "that of additive; the expected alignment is sequential in S",
    .range = "local",
    .score = "additive",
    .source = "cross",
    .capabilities = {.position_aware = true, .stateful = true, .unnormalised = true, .not_causal = true, .samples = true, .stops = true},
    .options = visit_options<WeightDropoutOptions, EnergyOptions>,
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<Monotonic>(o); }};

}  // namespace attend
