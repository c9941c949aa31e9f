#include "attend/attention/location_sensitive.h"

#include "attend/ops/location.h"

namespace attend {

void LocationSensitiveOptions::visit(OptionVisitor& v) {
  v(input, "location_input", "previous", "location_sensitive: which past weights are convolved",
    one_of({"previous", "cumulative", "both"}));
  v(filters, "location_filters", 10, "location_sensitive: filters", between(1, 4096));
  v(width, "location_width", 11, "location_sensitive: width of a filter, odd", between(1, 4095));
  v(sharpening, "sharpening", 1.0, "location_sensitive: multiplies the scores", between(1e-6, 1e6));
  v(smoothing, "smoothing", false, "location_sensitive: weights by logistic functions in place of exponentials");
}

LocationSensitive::LocationSensitive(const MechanismOptions& o) : AdditiveHistory("location_sensitive", o) {
  const auto& own = o.of<LocationSensitiveOptions>();
  ATTEND_CHECK(own.input == "previous" || own.input == "cumulative" || own.input == "both", kUnknownName,
               "location_sensitive: location_input '{}' is not known; valid: previous, cumulative, both", own.input);
  ATTEND_CHECK(own.width % 2 == 1, kValue, "location_sensitive: location_width must be odd, got {}; a filter needs a middle", own.width);
  previous_ = own.input != "cumulative";
  cumulative_ = own.input != "previous";
  sharpening_ = own.sharpening;
  smoothing_ = own.smoothing;
  const std::int64_t channels = previous_ && cumulative_ ? 2 : 1;
  filters_ =  // [H·n_f, c, r]
      register_parameter("filters", initial_weight({o.heads * own.filters, channels, own.width}, channels * own.width));
  filter_weight_ =  // [H, E, n_f]
      register_parameter("filter_weight", initial_weight({o.heads, additive().energy_size(), own.filters}, own.filters));
}

std::unique_ptr<State> LocationSensitive::start(const Memory& memory, std::int64_t rows) const {
  auto state = std::make_unique<HistoryState>();
  if (previous_) state->kept["previous"] = nothing_yet(memory, rows);
  if (cumulative_) state->kept["total"] = nothing_yet(memory, rows);
  return state;
}

at::Tensor LocationSensitive::features(const HistoryState& state, bool by_loops) const {
  std::vector<at::Tensor> channels;
  for (const auto& [name, x] : state.kept) channels.push_back(x);                              // each [B, H, K, S]
  const auto seen = channels.size() == 1 ? channels[0].unsqueeze(3) : at::stack(channels, 3);  // [B, H, K, c, S]
  if (by_loops) return location_features(seen, filters_);
  const auto batch = seen.size(0), heads = seen.size(1), rows = seen.size(2), keys = seen.size(4);
  const auto& filters = filters_;
  if (keys == 0) return at::zeros({batch, heads, rows, 0, filters.size(0) / heads}, seen.options());  // [B, H, K, 0, n_f]
  const auto input = seen.transpose(1, 2).reshape({batch * rows, heads * seen.size(3), keys});        // [B·K, H·c, S]
  const auto f =                                                                                      // [B·K, H·n_f, S]
      at::conv1d(input, filters, {}, /*stride=*/1, /*padding=*/filters.size(2) / 2, /*dilation=*/1, /*groups=*/heads);
  return f.view({batch, rows, heads, filters.size(0) / heads, keys}).transpose(1, 2).transpose(3, 4);  // [B, H, K, S, n_f]
}

at::Tensor LocationSensitive::weigh(ScoreCall& call) const {
  if (sharpening_ != 1) call.scores = call.scores * sharpening_;
  if (smoothing_) call.scores = at::log_sigmoid(call.scores);  // σ(e)/Σ σ(e) as a softmax: 0/0 cannot come of it
  return normalise(call, call.scores);
}

at::Tensor LocationSensitive::mix(ScoreCall& call, const at::Tensor& weights) const {
  auto& kept = history(call).kept;
  const auto& empty = call.hidden.rows;  // such a row passes its state on
  if (previous_) kept["previous"] = empty.defined() ? at::where(empty.unsqueeze(-1), kept["previous"], weights) : weights;
  if (cumulative_) kept["total"] = kept["total"] + weights;
  return mixed(call, weights);
}

extern constinit const MechanismEntry location_sensitive_entry{
    .name = "location_sensitive",
    .sentence = "additive attention that sees a convolution of where it looked before",
    .formula = "f_t = F * w_{t−1}, e[t,s] = vᵀ tanh(W q_t + U k_s + U_f f[t,s] + b)",
    .paper = "Chorowski et al. 2015, §2, eq. 8–9",
    .parameters = "those of additive, F [H·n_f, c, r], U_f [H, E, n_f]",
    .cost = "B·H·T·S·(E + n_f·(r + E)) + B·H·S·D·E once a source",
    .range = "global",
    .score = "additive",
    .source = "cross",
    .capabilities = {.position_aware = true, .stateful = true, .not_causal = true, .scores_bounded = true},
    .options = visit_scored<EnergyOptions, AdditiveOptions, LocationSensitiveOptions>,
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<LocationSensitive>(o); }};

}  // namespace attend
