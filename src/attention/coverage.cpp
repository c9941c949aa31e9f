#include "attend/attention/coverage.h"

#include "attend/ops/recurrent.h"

namespace attend {

void CoverageOptions::visit(OptionVisitor& v) {
  v(kind, "coverage", "sum", "coverage: what is kept of past weights", one_of({"sum", "fertility", "gru"}));
  v(size, "coverage_size", 10, "coverage gru: numbers kept for each position", between(1, 4096));
}

Coverage::Coverage(const MechanismOptions& o) : AdditiveHistory("coverage", o) {
  const auto& own = o.of<CoverageOptions>();
  ATTEND_CHECK(own.kind == "sum" || own.kind == "fertility" || own.kind == "gru", kUnknownName,
               "coverage: kind '{}' is not known; valid: sum, fertility, gru", own.kind);
  kind_ = own.kind == "gru" ? Kind::kGru : own.kind == "fertility" ? Kind::kFertility : Kind::kSum;
  const auto size = kind_ == Kind::kGru ? own.size : 1;
  coverage_weight_ = register_parameter("coverage_weight", initial_weight({o.heads, additive().energy_size(), size}, size));  // [H, E, d]
  if (kind_ == Kind::kFertility)
    fertility_weight_ = register_parameter("fertility_weight", initial_weight({o.heads, 1, o.key_size}, o.key_size));  // [H, 1, D]
  if (kind_ != Kind::kGru) return;
  const auto input = 1 + o.key_size + o.query_size;
  gru_key_ = register_parameter("gru_key", initial_weight({o.heads, 3 * size, o.key_size}, input));         // [H, 3d, D]
  gru_query_ = register_parameter("gru_query", initial_weight({o.heads, 3 * size, o.query_size}, input));   // [H, 3d, Dq]
  gru_weight_ = register_parameter("gru_weight", initial_weight({o.heads, 3 * size}, input));               // [H, 3d]
  gru_state_ = register_parameter("gru_state", initial_weight({o.heads, 3 * size, size}, size));            // [H, 3d, d]
  gru_bias_ = register_parameter("gru_bias", at::zeros({o.heads, 3 * size}, float_options()));              // [H, 3d]
  gru_state_bias_ = register_parameter("gru_state_bias", at::zeros({o.heads, 3 * size}, float_options()));  // [H, 3d]
}

at::Tensor Coverage::of_keys(const at::Tensor& keys) const {
  // 1/Φ = (1 + exp(−u·k))/2 [B, H, S, 1]. Below −30 the source is read out after its first glance; an infinite 1/Φ times a weight of 0 is
  // NaN.
  if (kind_ == Kind::kFertility) return 0.5 / at::sigmoid(per_head_linear(keys, fertility_weight_).clamp_min(-30));
  if (kind_ == Kind::kGru) return per_head_linear(keys, gru_key_) + gru_bias_.unsqueeze(1);  // [B, H, S, 3d]
  return {};
}

std::unique_ptr<State> Coverage::start(const Memory& memory, std::int64_t rows) const {
  auto state = std::make_unique<HistoryState>();
  state->kept["total"] = nothing_yet(memory, rows);
  if (kind_ == Kind::kFertility) state->kept["coverage"] = state->kept["total"];
  if (kind_ == Kind::kGru) state->kept["coverage"] = state->kept["total"].unsqueeze(-1).expand({-1, -1, -1, -1, coverage_weight_.size(2)});
  return state;
}

at::Tensor Coverage::features(const HistoryState& state, bool /*by_loops*/) const {
  if (kind_ == Kind::kGru) return state.kept.at("coverage");                       // [B, H, K, S, d]
  return state.kept.at(kind_ == Kind::kSum ? "total" : "coverage").unsqueeze(-1);  // [B, H, K, S, 1]
}

at::Tensor Coverage::mix(ScoreCall& call, const at::Tensor& weights) const {
  auto& kept = history(call).kept;
  auto& total = kept["total"];
  call.result.extras["coverage_loss"] = {at::minimum(weights, total).sum(-1)};
  total = total + weights;  // [B, H, T, S]
  call.result.extras["coverage"] = {total, Axis::kCell};
  if (kind_ != Kind::kSum) kept["coverage"] = next(call, weights, kept["coverage"]);
  return mixed(call, weights);
}

at::Tensor Coverage::next(const ScoreCall& call, const at::Tensor& weights, const at::Tensor& before) const {
  const auto& more = static_cast<const PerKey&>(*call.memory.prepared()).value;  // [B, H, S, 1 or 3d]
  if (kind_ == Kind::kFertility) return before + weights * more.squeeze(-1).unsqueeze(2);
  const auto heads = weights.size(1);
  const auto of_weight = weights.unsqueeze(-1) * gru_weight_.view({1, heads, 1, 1, -1});  // [B, H, T, S, 3d]
  const auto of_query = per_head_linear(widened(call.query), gru_query_).unsqueeze(3);    // [B, H, T, 1, 3d]
  const auto from_input = of_weight + of_query + more.unsqueeze(2);                       // [B, H, T, S, 3d]
  const auto& state_weight = gru_state_;                                                  // [H, 3d, d]
  const auto from_state =                                                                 // [B, H, T, S, 3d]
      at::matmul(before, state_weight.mT().view({1, heads, 1, state_weight.size(2), -1})) + gru_state_bias_.view({1, heads, 1, 1, -1});
  const auto old = before.expand({weights.size(0), heads, weights.size(2), weights.size(3), before.size(-1)});  // [B, H, T, S, d]
  const auto flat = [](const at::Tensor& x) { return x.reshape({-1, x.size(-1)}); };
  const auto after = gru_pointwise(flat(from_input), flat(from_state), flat(old)).view(old.sizes());  // [B, H, T, S, d]
  const auto& empty = call.hidden.rows;                                                               // such a row passes its state on
  return empty.defined() ? at::where(empty.unsqueeze(-1).unsqueeze(-1), old, after) : after;
}

extern constinit const MechanismEntry coverage_entry{
    .name = "coverage",
    .sentence = "additive attention that knows how much of each position it has read",
    .formula = "e[t,s] = vᵀ tanh(W q_t + U k_s + V_c C[t−1,s] + b), C_t = C_{t−1} + w_t",
    .paper = "Tu et al. 2016, §4; See, Liu & Manning 2017, eq. 10–13",
    .parameters = "those of additive, V_c [H, E, d]",
    .cost = "B·H·T·S·E·d + B·H·S·D·E once a source",
    .range = "global",
    .score = "additive",
    .source = "cross",
    .capabilities = {.stateful = true, .not_causal = true, .repeats_cost = true, .scores_bounded = true},
    .options = visit_scored<EnergyOptions, AdditiveOptions, CoverageOptions>,
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<Coverage>(o); }};

}  // namespace attend
