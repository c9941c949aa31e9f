#include "attend/attention/hard_st.h"

namespace attend {

at::Tensor HardSt::relaxed(const at::Tensor& weights, const at::Tensor& /*noisy*/, const at::Tensor& one_hot) const {
  return straight_through(one_hot, weights);
}

extern constinit const MechanismEntry hard_st_entry{
    .name = "hard_st",
    .sentence = "one drawn position forward, the soft weights backward (biased)",
    .formula = "o = onehot(z ~ Cat(p_t)), y = sg(o − p) + p, c_t = Σ y_s v_s",
    .paper = "Bengio, Léonard & Courville 2013",
    .parameters = "those of the inner score",
    .cost = "that of the inner score",
    .range = "hard",
    .score = "that of the inner score",
    .source = "self or cross",
    .capabilities = {.wraps = true, .picks = true, .samples = true},
    .options = visit_with_inner_score<HardOptions>,
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<HardSt>(o); }};

}  // namespace attend
