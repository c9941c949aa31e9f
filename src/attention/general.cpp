#include "attend/attention/general.h"

#include "attend/attention/dot.h"

namespace attend {

General::General(const MechanismOptions& o)
    : weight_(register_parameter("weight", initial_weight({o.heads, o.query_size, o.key_size}, o.key_size))),
      scale_(score_scale(o)),
      soft_cap_(o.of<SoftCapOptions>().cap) {}

at::Tensor General::prepare(const at::Tensor& keys) const { return per_head_linear(keys, weight_); }  // [B, H, S, Dq]

Factor General::factor(const at::Tensor& query) const { return {.query = query, .scale = scale_, .soft_cap = soft_cap_}; }

std::vector<ScorePart> General::parts(const at::Tensor& query, const at::Tensor& /*prepared*/) const {
  return {{"Wᵀ q", ScorePart::Of::kQuery, at::matmul(query, weight_)}};
}

extern constinit const MechanismEntry general_entry{.name = "general",
                                                    .sentence = "a learned matrix between query and key",
                                                    .formula = "e[t,s] = q_tᵀ W k_s",
                                                    .paper = "Luong, Pham & Manning 2015, §3.1, eq. 7",
                                                    .parameters = "W [H, Dq, D]",
                                                    .cost = "B·H·T·S·Dq + B·H·S·Dq·D once a source",
                                                    .range = "global",
                                                    .score = "multiplicative",
                                                    .source = "self or cross",
                                                    .capabilities = {},
                                                    .options = visit_scored<ScalingOptions, SoftCapOptions>,
                                                    .make = [](const MechanismOptions& o) { return make_scored<General>("general", o); },
                                                    .make_score = make_score_of<General>};

}  // namespace attend
