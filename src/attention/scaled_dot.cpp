#include "attend/attention/scaled_dot.h"

namespace attend {

ScaledDot::ScaledDot(const MechanismOptions& o) : scale_(scaled_dot_scale(o)) { check_equal_sizes("scaled_dot", o); }

at::Tensor ScaledDot::scores(const at::Tensor& query, const at::Tensor& prepared) const {
  return at::matmul(query * scale_, prepared.mT());  // [B, H, T, S]
}

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
    .make = [](const MechanismOptions& o) { return make_scored<ScaledDot>("scaled_dot", o); },
    .make_score = make_score_of<ScaledDot>};

}  // namespace attend
