#include "attend/attention/additive.h"

#include <cmath>

namespace attend {

void EnergyOptions::visit(OptionVisitor& v) {
  v(size, "energy", 0, "hidden size of additive scores; 0 is the size of the keys", between(0, 65536));
}

void AdditiveOptions::visit(OptionVisitor& v) { v(normed, "normed", false, "additive: use g v/|v| in place of v"); }

std::int64_t energy_size_of(const MechanismOptions& o, std::int64_t otherwise) {
  const auto given = o.of<EnergyOptions>().size;
  return given > 0 ? given : otherwise;
}

Additive::Additive(const MechanismOptions& o) {
  const auto energy = energy_size_of(o, o.key_size);
  query_weight_ = register_parameter("query_weight", initial_weight({o.heads, energy, o.query_size}, o.query_size));  // [H, E, Dq]
  key_weight_ = register_parameter("key_weight", initial_weight({o.heads, energy, o.key_size}, o.key_size));          // [H, E, D]
  energy_ = register_parameter("energy", initial_weight({o.heads, energy}, energy));                                  // [H, E]
  if (o.bias) bias_ = register_parameter("bias", at::zeros({o.heads, energy}, float_options()));
  if (o.of<AdditiveOptions>().normed)
    gain_ = register_parameter("gain", at::full({o.heads}, 1.0 / std::sqrt(static_cast<double>(energy)), float_options()));  // [H]
}

at::Tensor Additive::prepare(const at::Tensor& keys) const {
  auto projected = per_head_linear(keys, key_weight_);  // [B, H, S, E]
  if (bias_.defined()) projected = projected + bias_.unsqueeze(1);
  return projected;
}

at::Tensor Additive::scores(const at::Tensor& query, const at::Tensor& prepared) const { return energies(sums(query, prepared)); }

at::Tensor Additive::sums(const at::Tensor& query, const at::Tensor& prepared) const {
  return per_head_linear(query, query_weight_).unsqueeze(3) + prepared.unsqueeze(2);  // [B, H, T, S, E]
}

at::Tensor Additive::energies(at::Tensor sums) const { return additive_energies(activated(std::move(sums)), energy()); }  // [B, H, T, S]

at::Tensor Additive::energy() const {
  const auto v = widened(energy_);                                                         // [H, E]
  return gain_.defined() ? gain_.unsqueeze(1) * v / v.norm(2, {1}, /*keepdim=*/true) : v;  // [H, E]
}

Factor Additive::factor(const at::Tensor& query) const { return {per_head_linear(query, query_weight_), 1, energy()}; }

MechanismOptions with_bias(MechanismOptions o, bool normed) {
  o.bias = true;
  if (normed) o.of<AdditiveOptions>().normed = true;
  return o;
}

at::Tensor additive_energies(const at::Tensor& hidden, const at::Tensor& energy) {
  const auto v = energy;
  if (v.size(0) == 1) return at::matmul(hidden, v[0]);
  return at::matmul(hidden, v.view({1, v.size(0), 1, v.size(1), 1})).squeeze(-1);
}

std::vector<ScorePart> Additive::parts(const at::Tensor& query, const at::Tensor& prepared) const {
  const auto projected = per_head_linear(query, query_weight_);                   // [B, H, T, E]
  const auto hidden = activated(projected.unsqueeze(3) + prepared.unsqueeze(2));  // [B, H, T, S, E]
  const std::string keys = bias_.defined() ? "U k + b" : "U k";
  return {{"W q", ScorePart::Of::kQuery, projected},
          {keys, ScorePart::Of::kKey, prepared},
          {gain_.defined() ? "g v/|v|" : "v", ScorePart::Of::kHead, energy()},
          {activation() + "(W q + " + keys + ")", ScorePart::Of::kPair, hidden}};
}

extern constinit const MechanismEntry additive_entry{.name = "additive",
                                                     .sentence = "a one-layer network over query and key",
                                                     .formula = "e[t,s] = vᵀ tanh(W q_t + U k_s + b)",
                                                     .paper = "Bahdanau, Cho & Bengio 2015, §3.1, A.1.2",
                                                     .parameters = "W [H, E, Dq], U [H, E, D], v [H, E], b [H, E] by option",
                                                     .cost = "B·H·T·S·E + B·H·S·D·E once a source",
                                                     .range = "global",
                                                     .score = "additive",
                                                     .source = "self or cross",
                                                     .capabilities = {.scores_bounded = true},
                                                     .options = visit_scored<EnergyOptions, AdditiveOptions>,
                                                     .make = [](const MechanismOptions& o) { return make_scored<Additive>("additive", o); },
                                                     .make_score = make_score_of<Additive>};

}  // namespace attend
