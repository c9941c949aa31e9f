#include "attend/attention/additive_relu.h"

namespace attend {

AdditiveRelu::AdditiveRelu(const MechanismOptions& o) : Additive(with_bias(o)) {
  const at::NoGradGuard no_grad;
  bias().fill_(0.1);
}

extern constinit const MechanismEntry additive_relu_entry{
    .name = "additive_relu",
    .sentence = "a one-layer rectified network over query and key",
    .formula = "e[t,s] = vᵀ relu(W q_t + U k_s + b)",
    .paper = "the form of Bahdanau, Cho & Bengio 2015, A.1.2, rectified",
    .parameters = "W [H, E, Dq], U [H, E, D], v [H, E], b [H, E]",
    .cost = "B·H·T·S·E + B·H·S·D·E once a source",
    .range = "global",
    .score = "additive",
    .source = "self or cross",
    .capabilities = {.scores_bounded = true},  // a long query settles which units are active, whatever the key
    .options = visit_scored<EnergyOptions, AdditiveOptions>,
    .make = [](const MechanismOptions& o) { return make_scored<AdditiveRelu>("additive_relu", o); },
    .make_score = make_score_of<AdditiveRelu>};

}  // namespace attend
