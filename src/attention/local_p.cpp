#include "attend/attention/local_p.h"

#include "attend/attention/additive.h"

namespace attend {

void LocalPOptions::visit(OptionVisitor& v) {
  v(renormalise, "local_renorm", false, "local_p: let the Gaussian enter the scores, so that weights sum to 1");
}

LocalP::LocalP(const MechanismOptions& o)
    : ScoredAttention("local_p", make_inner_score("local_p", o), o),
      inside_(o.of<CentreOptions>().centre == "inside"),
      renormalise_(o.of<LocalPOptions>().renormalise),
      window_(o.of<LocalOptions>().window) {
  const auto& centre = o.of<CentreOptions>().centre;
  ATTEND_CHECK(inside_ || centre == "default" || centre == "paper", kUnknownName, "local_p: centre '{}' is not known; valid: paper, inside",
               centre);
  ATTEND_CHECK(window_ >= 1, kValue, "local_p: the window must be at least 1, got {}", window_);
  const auto size = energy_size_of(o, o.query_size);
  centre_weight_ = register_parameter("centre_weight", initial_weight({o.heads, size, o.query_size}, o.query_size));  // [H, P, Dq]
  centre_vector_ = register_parameter("centre_vector", initial_weight({o.heads, size}, size));                        // [H, P]
}

Memory LocalP::prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const {
  ATTEND_CHECK(!mask.causal, kUnsupported,
               "local_p: a causal call would move the centre whenever the source grows; use local_m, or local_p in cross attention");
  return ScoredAttention::prepare(keys, values, mask);
}

void LocalP::look(ScoreCall& call) const {
  const auto empty = call.hidden.rows;
  const auto hidden = at::tanh(per_head_linear(widened(call.query), centre_weight_));  // [B, H, T, P]
  const auto vector = centre_vector_.unsqueeze(-1);                                    // [H, P, 1]
  const auto share = at::sigmoid(at::matmul(hidden, vector).squeeze(-1));              // [B, H, T]
  const auto lengths = call.key_lengths().view({-1, 1, 1}).to(share.scalar_type());    // [B or 1, 1, 1]
  const auto centre = inside_ ? share * (lengths - 1) : share * lengths - 1;           // [B, H, T]
  call.span.window = {.centre = centre, .radius = window_, .deviation = static_cast<double>(window_) / 2, .renormalised = renormalise_};
  call.result.extras["centre"] = {empty.defined() ? centre.masked_fill(empty, 0.0) : centre};
}

std::string LocalP::why_not_fused_itself(const AttendCall& call) const {
  constexpr std::int64_t kWidest = kernels::kMostWhole / 2 - 64;
  if (renormalise_ && weighing().temperature != 1) return "its temperature divides more than products";
  if (!renormalise_ && weighing().normaliser != "softmax") return "its Gaussian multiplies sparse weights";
  if (!renormalise_ && window_ > kWidest && call.memory.size() > kernels::kMostWhole)
    return fmt::format("its Gaussian is wider than {} keys to each side", kWidest);
  return {};
}

at::Tensor LocalP::weigh(ScoreCall& call) const {
  const auto penalty = gaussian_exponent(call.span.window, call.sizes.keys);  // [B, H, T, S]
  if (call.span.window.renormalised) {
    call.scores = call.scores + penalty;  // [B, H, T, S]
    return normalise(call, call.scores);
  }
  const auto weights = normalise(call, call.scores) * penalty.exp();  // [B, H, T, S]
  call.result.kind = WeightKind::kUnnormalised;
  return weights;
}

extern constinit const MechanismEntry local_p_entry{
    .name = "local_p",
    .sentence = "a window around a predicted position, its middle favoured by a Gaussian",
    .formula = "p_t = S σ(v_pᵀ tanh(W_p q_t)) − 1, w[t,s] = softmax(e)[s] exp(−(s−p_t)²/2ς²), |s − p_t| ≤ R = 2ς",
    .paper = "Luong, Pham & Manning 2015, §3.2, eq. 9–10",
    .parameters = "W_p [H, P, Dq], v_p [H, P], those of the inner score",
    .cost = "that of the inner score, and B·H·T·P·Dq",
    .range = "local",
    .score = "that of the inner score",
    .source = "cross",
    .capabilities = {.position_aware = true, .wraps = true, .unnormalised = true, .not_causal = true},
    .options = visit_with_inner_score<EnergyOptions, LocalOptions, CentreOptions, LocalPOptions>,
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<LocalP>(o); }};

}  // namespace attend
