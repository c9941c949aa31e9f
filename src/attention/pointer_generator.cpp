#include "attend/attention/pointer_generator.h"

#include <limits>

#include "attend/attention/score.h"

namespace attend {

PointerGenerator::PointerGenerator(std::int64_t context, std::int64_t state, std::int64_t embedding)
    : context_weight_(register_parameter("context_weight", initial_weight({context}, context + state + embedding))),
      state_weight_(register_parameter("state_weight", initial_weight({state}, context + state + embedding))),
      vector_weight_(register_parameter("vector_weight", initial_weight({embedding}, context + state + embedding))),
      bias_(register_parameter("bias", at::zeros({}, float_options()))) {}

at::Tensor PointerGenerator::operator()(const at::Tensor& contexts, const at::Tensor& states, const at::Tensor& vectors) const {
  return at::matmul(contexts, context_weight_) + at::matmul(states, state_weight_) + at::matmul(vectors, vector_weight_) + bias_;  // [B, T]
}

SourceWords SourceWords::select(const at::Tensor& items) const { return {ids.defined() ? ids.index_select(0, items) : ids, own}; }

PointerMixture pointer_mixture(const at::Tensor& logits, const at::Tensor& switches, const at::Tensor& weights, const SourceWords& words) {
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  const auto batch = logits.size(0), steps = logits.size(1);
  ATTEND_CHECK(weights.dim() == 3 && weights.size(0) == batch && weights.size(1) == steps, kShape,
               "pointer_generator: weights must be [B={}, T={}, S], got {}", batch, steps, shape_text(weights));
  ATTEND_CHECK(words.ids.sizes() == at::IntArrayRef({batch, weights.size(2)}), kShape,
               "pointer_generator: the words of the source must be [B={}, S={}], got {}", batch, weights.size(2), shape_text(words.ids));
  const auto mass = weights.sum(-1, /*keepdim=*/true);  // [B, T, 1]
  const auto empty = mass.le(0);                        // [B, T, 1]
  PointerMixture mixture;
  mixture.weights = weights / mass.masked_fill(empty, 1.0);               // [B, T, S]
  const auto gate = switches.unsqueeze(-1);                               // [B, T, 1]
  mixture.p_gen = at::sigmoid(gate).masked_fill(empty, 1.0).squeeze(-1);  // [B, T]

  const auto spoken = at::log_softmax(logits, -1) + at::log_sigmoid(gate).masked_fill(empty, 0.0);  // [B, T, V]
  const auto generated = at::constant_pad_nd(spoken, {0, words.own}, kNever);                       // [B, T, V + own]
  const auto copied =
      at::zeros_like(generated).scatter_add(2, words.ids.unsqueeze(1).expand_as(weights), mixture.weights);  // [B, T, V + own]
  const auto can_copy = copied.gt(0), can_speak = generated.gt(kNever);                                      // [B, T, V + own]
  const auto pointed = copied.masked_fill(can_copy.logical_not(), 1.0).log() + at::log_sigmoid(-gate);       // [B, T, V + own]
  // Where a part is missing it must not enter the sum: logaddexp(−inf, −inf) has a gradient of NaN.
  const auto both = at::logaddexp(generated.masked_fill(can_speak.logical_not(), 0.0), pointed);  // [B, T, V + own]
  mixture.log_probs = at::where(can_copy, at::where(can_speak, both, pointed), generated);        // [B, T, V + own]
  return mixture;
}

extern constinit const MechanismEntry pointer_generator_entry{
    .name = "pointer_generator",
    .sentence = "the output layer may copy words of the source, those outside the vocabulary too",
    .formula = "g_t = σ(w_c·c_t + w_s·s_t + w_x·x_t + b), P(y) = g_t P_vocab(y) + (1 − g_t) Σ_{s: x_s = y} w[t,s]",
    .paper = "See, Liu & Manning 2017, eq. 8–9",
    .parameters = "w_c [Dv], w_s [N], w_x [Ne], b",
    .cost = "B·T·(V + S)",
    .range = "global",
    .score = "multiplicative",
    .source = "cross",
    .options = visit_options<>,
    .make = nullptr,
    .used_by = "model.pointer_generator: true, beside any attention to a source"};

}  // namespace attend
