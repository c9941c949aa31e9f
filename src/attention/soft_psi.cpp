#include "attend/attention/soft_psi.h"

namespace attend {

SoftPsi::SoftPsi(const MechanismOptions& options) : Additive(with_bias(options)) {}

extern constinit const MechanismEntry soft_psi_entry{
    .name = "soft_psi",
    .sentence = "a distribution over the source that sees the state before and after the step",
    .formula = "e[t,s] = uᵀ tanh(W_x x_s + W_p h_{t−1} + W_n h_t + W_q q + b), c_t = Σ p_t(s) x_s",
    .paper = "project definition",
    .parameters = "W_x [H, E, D], [W_p W_n W_q] [H, E, 2N + Nq], u [H, E], b [H, E]",
    .cost = "B·H·T·S·E + B·H·S·D·E once a source",
    .range = "global",
    .score = "additive",
    .source = "cross",
    .capabilities = {.reads_previous = true, .scores_bounded = true},
    .options = visit_scored<EnergyOptions, AdditiveOptions>,
    .make = [](const MechanismOptions& o) { return make_scored<SoftPsi>("soft_psi", o); }};

}  // namespace attend
