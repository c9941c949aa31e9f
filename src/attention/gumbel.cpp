#include "attend/attention/gumbel.h"

namespace attend {

void GumbelOptions::visit(OptionVisitor& v) {
  v(temperature, "gumbel_temperature", 1.0, "gumbel, gumbel_st: near 0 one position, large uniform", between(1e-3, 1e3));
}

Gumbel::Gumbel(const MechanismOptions& o) : Hard("gumbel", o), temperature_(o.of<GumbelOptions>().temperature) {}

at::Tensor Gumbel::relaxed(const at::Tensor& weights, const at::Tensor& noisy, const at::Tensor& /*one_hot*/) const {
  return concrete(weights, noisy, temperature_);
}

at::Tensor concrete(const at::Tensor& weights, const at::Tensor& noisy, double temperature) {
  // An empty row has nothing but −inf; it comes out as zeros, like its weights.
  const auto empty = weights.le(0).all(-1, /*keepdim=*/true);  // [B, H, T, 1]
  return at::softmax(noisy.masked_fill(empty, 0.0) / temperature, -1).masked_fill(empty, 0.0);
}

extern constinit const MechanismEntry gumbel_entry{
    .name = "gumbel",
    .sentence = "a softmax blurred towards a draw by Gumbel noise (biased)",
    .formula = "y = softmax((ln p_t + g)/τ), g = −ln(−ln u), c_t = Σ y_s v_s",
    .paper = "Jang, Gu & Poole 2017; Maddison, Mnih & Teh 2017",
    .parameters = "those of the inner score",
    .cost = "that of the inner score",
    .range = "hard",
    .score = "that of the inner score",
    .source = "self or cross",
    .capabilities = {.wraps = true, .picks = true, .samples = true},
    .options = visit_with_inner_score<HardOptions, GumbelOptions>,
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<Gumbel>(o); }};

}  // namespace attend
