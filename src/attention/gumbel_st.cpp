#include "attend/attention/gumbel_st.h"

#include "attend/attention/gumbel.h"

namespace attend {

GumbelSt::GumbelSt(const MechanismOptions& o) : Hard("gumbel_st", o), temperature_(o.of<GumbelOptions>().temperature) {}

at::Tensor GumbelSt::relaxed(const at::Tensor& weights, const at::Tensor& noisy, const at::Tensor& one_hot) const {
  return straight_through(one_hot, concrete(weights, noisy, temperature_));
}

extern constinit const MechanismEntry gumbel_st_entry{
    .name = "gumbel_st",
    .sentence = "the drawn position forward, the blurred weights of gumbel backward (biased)",
    .formula = "y = softmax((ln p_t + g)/τ), o = onehot(argmax y), c_t = Σ (sg(o − y) + y)_s v_s",
    .paper = "Jang, Gu & Poole 2017, §2.2",
    .parameters = "those of the inner score",
    .cost = "that of the inner score",
    .range = "hard",
    .score = "that of the inner score",
    .source = "self or cross",
    .capabilities = {.wraps = true, .picks = true, .samples = true},
    .options = visit_with_inner_score<HardOptions, GumbelOptions>,
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<GumbelSt>(o); }};

}  // namespace attend
