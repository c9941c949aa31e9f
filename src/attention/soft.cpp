#include "attend/attention/soft.h"

namespace attend {

extern constinit const MechanismEntry soft_entry{
    .name = "soft",
    .sentence = "the mean of the values under the distribution that hard draws from",
    .formula = "c_t = E_{s ~ p_t}[v_s], p_t = softmax(e_t)",
    .paper = "Xu et al. 2015, §4.2",
    .parameters = "those of the inner score",
    .cost = "that of the inner score",
    .range = "global",
    .score = "that of the inner score",
    .source = "self or cross",
    .capabilities = {.wraps = true},
    .options = visit_with_inner_score<>,
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<Soft>(o); }};

}  // namespace attend
