#include "attend/attention/dot.h"

#include <cmath>

namespace attend {

void ScalingOptions::visit(OptionVisitor& v) {
  v(scaling, "score_scaling", "auto",
    "dot, general: root divides their scores by the root of D, none is the paper's form; auto is root in a transformer, else none",
    one_of({"auto", "none", "root"}));
}

double score_scale(const MechanismOptions& o) {
  return o.of<ScalingOptions>().scaling == "root" ? 1.0 / std::sqrt(static_cast<double>(o.key_size)) : 1.0;
}

Dot::Dot(const MechanismOptions& o) : scale_(score_scale(o)), soft_cap_(o.of<SoftCapOptions>().cap) { check_equal_sizes("dot", o); }

Factor Dot::factor(const at::Tensor& query) const { return {.query = query, .scale = scale_, .soft_cap = soft_cap_}; }

extern constinit const MechanismEntry dot_entry{.name = "dot",
                                                .sentence = "compares the query itself with every key",
                                                .formula = "e[t,s] = q_t · k_s",
                                                .paper = "Luong, Pham & Manning 2015, §3.1, eq. 7",
                                                .parameters = "none",
                                                .cost = "B·H·T·S·D",
                                                .range = "global",
                                                .score = "multiplicative",
                                                .source = "self or cross",
                                                .capabilities = {.equal_sizes = true},
                                                .options = visit_scored<ScalingOptions, SoftCapOptions>,
                                                .make = [](const MechanismOptions& o) { return make_scored<Dot>("dot", o); },
                                                .make_score = make_score_of<Dot>};

}  // namespace attend
