#include "attend/attention/concat.h"

#include "attend/attention/additive.h"

namespace attend {

void ConcatOptions::visit(OptionVisitor& v) {
  v(plain_source, "concat_plain_source", false, "concat: add the source state itself, unprojected");
}

Concat::Concat(const MechanismOptions& o) : query_size_(o.query_size) {
  const auto energy = energy_size_of(o, o.key_size);
  const bool plain = o.of<ConcatOptions>().plain_source;
  ATTEND_CHECK(!plain || energy == o.key_size, kValue,
               "concat: concat_plain_source adds the key itself, so the energy size must be D={}, got {}", o.key_size, energy);
  const auto joined = plain ? o.query_size : o.query_size + o.key_size;
  weight_ = register_parameter("weight", initial_weight({o.heads, energy, joined}, joined));
  energy_ = register_parameter("energy", initial_weight({o.heads, energy}, energy));  // [H, E]
}

at::Tensor Concat::prepare(const at::Tensor& keys) const {
  const auto key_columns = weight_.size(2) - query_size_;
  if (key_columns == 0) return keys;                                          // concat_plain_source
  return per_head_linear(keys, weight_.narrow(2, query_size_, key_columns));  // [B, H, S, E]
}

at::Tensor Concat::scores(const at::Tensor& query, const at::Tensor& prepared) const {
  const auto projected = per_head_linear(query, weight_.narrow(2, 0, query_size_));  // [B, H, T, E]
  return additive_energies((projected.unsqueeze(3) + prepared.unsqueeze(2)).tanh_(), energy_);
}

Factor Concat::factor(const at::Tensor& query) const {
  return {per_head_linear(query, weight_.narrow(2, 0, query_size_)), 1, widened(energy_)};
}

std::vector<ScorePart> Concat::parts(const at::Tensor& query, const at::Tensor& prepared) const {
  const auto projected = per_head_linear(query, weight_.narrow(2, 0, query_size_));  // [B, H, T, E]
  const bool plain = weight_.size(2) == query_size_;
  return {{plain ? "W q" : "W_q q", ScorePart::Of::kQuery, projected},
          {plain ? "k" : "W_k k", ScorePart::Of::kKey, prepared},
          {"v", ScorePart::Of::kHead, energy_},
          {plain ? "tanh(W q + k)" : "tanh(W [q; k])", ScorePart::Of::kPair, at::tanh(projected.unsqueeze(3) + prepared.unsqueeze(2))}};
}

extern constinit const MechanismEntry concat_entry{.name = "concat",
                                                   .sentence = "one matrix over the joined query and key",
                                                   .formula = "e[t,s] = vᵀ tanh(W [q_t; k_s])",
                                                   .paper = "Luong, Pham & Manning 2015, §3.1, eq. 7",
                                                   .parameters = "W [H, E, Dq + D], v [H, E]",
                                                   .cost = "B·H·T·S·E + B·H·S·D·E once a source",
                                                   .range = "global",
                                                   .score = "additive",
                                                   .source = "self or cross",
                                                   .capabilities = {.scores_bounded = true},
                                                   .options = visit_scored<EnergyOptions, ConcatOptions>,
                                                   .make = [](const MechanismOptions& o) { return make_scored<Concat>("concat", o); },
                                                   .make_score = make_score_of<Concat>};

}  // namespace attend
