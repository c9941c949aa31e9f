#include "attend/attention/scaled_dot.h"

#include <cmath>

namespace attend {

void ScaledDotOptions::visit(OptionVisitor& v) {
  v(scale, "score_scale", 0.0, "scaled_dot: products are multiplied by this; 0 is 1 over the root of D, 1 leaves them as T5 does",
    between(0, 1e6));
}

double scaled_dot_scale(const MechanismOptions& o) {
  const auto given = o.of<ScaledDotOptions>().scale;
  return given > 0 ? given : 1.0 / std::sqrt(static_cast<double>(o.key_size));
}

ScaledDot::ScaledDot(const MechanismOptions& o) : scale_(scaled_dot_scale(o)), soft_cap_(o.of<SoftCapOptions>().cap) {
  check_equal_sizes("scaled_dot", o);
}

Factor ScaledDot::factor(const at::Tensor& query) const { return {.query = query, .scale = scale_, .soft_cap = soft_cap_}; }

std::vector<ScorePart> ScaledDot::parts(const at::Tensor& query, const at::Tensor& prepared) const {
  return {{"q·k", ScorePart::Of::kPair, at::matmul(query, prepared.mT())}};
}

extern constinit const MechanismEntry scaled_dot_entry{
    .name = "scaled_dot",
    .sentence = "a dot product divided by √D, so that its variance does not grow with D",
    .formula = "e[t,s] = q_t · k_s / √D",
    .paper = "Vaswani et al. 2017, §3.2.1, eq. 1",
    .parameters = "none",
    .cost = "B·H·T·S·D",
    .range = "global",
    .score = "multiplicative",
    .source = "self or cross",
    .capabilities = {.equal_sizes = true},
    .options = visit_scored<ScaledDotOptions, SoftCapOptions>,
    .make = [](const MechanismOptions& o) { return make_scored<ScaledDot>("scaled_dot", o); },
    .make_score = make_score_of<ScaledDot>};

}  // namespace attend
