#include "attend/attention/cosine.h"

#include <cmath>

namespace attend {

namespace {

// x / max(‖x‖, ε). The clamp sits before the root: the derivative of √ at 0 is infinite.
at::Tensor unit(const at::Tensor& x) { return x / x.square().sum(-1, /*keepdim=*/true).clamp_min(1e-12).sqrt(); }

}  // namespace

Cosine::Cosine(const MechanismOptions& o)
    : log_gain_(register_parameter("log_gain", at::full({o.heads}, std::log(10.0), float_options()))) {
  check_equal_sizes("cosine", o);
}

at::Tensor Cosine::prepare(const at::Tensor& keys) const { return unit(keys); }

Factor Cosine::factor(const at::Tensor& query) const {
  const auto gain = log_gain_.clamp_max(std::log(100.0)).exp().view({-1, 1, 1});  // [H, 1, 1]
  return {.query = unit(query) * gain};                                           // [B, H, T, D]
}

std::vector<ScorePart> Cosine::parts(const at::Tensor& query, const at::Tensor& prepared) const {
  const auto gain = log_gain_.clamp_max(std::log(100.0)).exp().unsqueeze(1);  // [H, 1]
  return {{"g", ScorePart::Of::kHead, gain}, {"cosine", ScorePart::Of::kPair, at::matmul(unit(query), prepared.mT())}};
}

extern constinit const MechanismEntry cosine_entry{.name = "cosine",
                                                   .sentence = "the angle between query and key, sharpened by a learned temperature",
                                                   .formula = "e[t,s] = g q_t·k_s / (‖q_t‖ ‖k_s‖)",
                                                   .paper = "Graves, Wayne & Danihelka 2014, eq. 6; Henry et al. 2020; Liu et al. 2022, §3",
                                                   .parameters = "γ [H], g = exp(γ)",
                                                   .cost = "B·H·T·S·D",
                                                   .range = "global",
                                                   .score = "multiplicative",
                                                   .source = "self or cross",
                                                   .capabilities = {.equal_sizes = true, .scores_bounded = true},
                                                   .options = visit_scored<>,
                                                   .make = [](const MechanismOptions& o) { return make_scored<Cosine>("cosine", o); },
                                                   .make_score = make_score_of<Cosine>};

}  // namespace attend
