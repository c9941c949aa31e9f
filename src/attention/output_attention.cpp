#include "attend/attention/output_attention.h"

#include "attend/attention/dot.h"

#include "attend/attention/score.h"

namespace attend {

const Site& OutputAttention::site() {
  static const Site site{.name = "output.self", .columns = ColumnAxis::kStep, .role = SiteRole::kSelf, .mechanism = "output_attention"};
  return site;
}

OutputAttention::OutputAttention(std::int64_t embedding, std::int64_t size)
    : weight_(register_parameter("weight", initial_weight({size, embedding + size}, embedding + size))),
      bias_(register_parameter("bias", at::zeros({size}, float_options()))),
      attention_(register_module(
          "attention",
          make_mechanism("general", {.query_size = size,
                                     .key_size = size,
                                     .own = OptionSet().set(&ScalingOptions::scaling, "none").set(&SoftCapOptions::cap, 0)}))) {}

void OutputAttention::History::reorder(const at::Tensor& rows) {
  memory.reorder(rows);
  if (output.defined()) output = output.index_select(0, rows);
}

at::Tensor OutputAttention::joined(const at::Tensor& outputs, const at::Tensor& vectors) const {
  return at::tanh(at::linear(at::cat({vectors, outputs}, -1), weight_, bias_));
}

// outputs [B, T, N] on a memory of at most T − 1 earlier ones.
at::Tensor OutputAttention::read(const at::Tensor& outputs, const Memory& memory, Observer* observer) const {
  auto result = attention_->attend(outputs.unsqueeze(1), memory, nullptr, observer ? observer->request(site()) : Request{});
  const auto context = result.context.squeeze(1);  // [B, T, N]
  if (observer) {
    for (auto* map : {&result.weights, &result.scores})  // nothing is said of <s>, the first thing a decoder reads
      if (map->defined()) *map = at::constant_pad_nd(*map, {1, 0}, map == &result.scores ? -std::numeric_limits<double>::infinity() : 0.0);
    observer->observe(site(), result);
  }
  return context;
}

at::Tensor OutputAttention::operator()(const at::Tensor& outputs, const at::Tensor& vectors, Observer* observer) const {
  const auto earlier = outputs.size(1) - 1;
  const auto u = joined(outputs.narrow(1, 0, earlier), vectors.narrow(1, 1, earlier)).unsqueeze(1);  // [B, 1, T − 1, N]
  return read(outputs, attention_->prepare(u, u, Mask{.causal = true}), observer);                   // bottom-right: step t sees j < t
}

at::Tensor OutputAttention::step(const at::Tensor& output, const at::Tensor& vector, History& history, Observer* observer) const {
  auto& memory = history.memory;
  const auto rows = output.size(0), size = output.size(1);
  const auto last =  // [rows, 1, 1 or 0, N]
      history.output.defined() ? joined(history.output, vector).view({rows, 1, 1, size}) : output.new_zeros({rows, 1, 0, size});
  memory.append(attention_->prepare(last, last, Mask{}), std::numeric_limits<std::int64_t>::max());
  history.output = output;
  return read(output.unsqueeze(1), memory, observer).squeeze(1);
}

extern constinit const MechanismEntry output_attention_entry{
    .name = "output_attention",
    .sentence = "a decoder looks back at its own earlier outputs",
    .formula = "u_j = tanh(W_u [E y_j; h̃_j]), γ_t = softmax_{j<t}(h̃_tᵀ W_γ u_j), logits W_o [h̃_t; Σ_j γ[t,j] u_j]",
    .paper = "Paulus, Xiong & Socher 2018, §2.2",
    .parameters = "W_u [N, Ne + N], W_γ [N, N]",
    .cost = "B·T²·N",
    .range = "global",
    .score = "multiplicative",
    .source = "own output",
    .capabilities = {.stateful = true},
    .options = visit_options<>,
    .make = nullptr,
    .used_by = "model.output_attention: true, beside any attention of a recurrent decoder"};

}  // namespace attend
