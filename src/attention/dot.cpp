#include "attend/attention/dot.h"

namespace attend {

Dot::Dot(const MechanismOptions& o) : scale_(score_scale(o)) { check_equal_sizes("dot", o); }

at::Tensor Dot::scores(const at::Tensor& query, const at::Tensor& prepared) const {
  return at::matmul(query * scale_, prepared.mT());  // [B, H, T, S]
}

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
                                                .make = [](const MechanismOptions& o) { return make_scored<Dot>("dot", o); },
                                                .make_score = make_score_of<Dot>};

}  // namespace attend
