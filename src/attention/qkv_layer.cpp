#include "attend/attention/qkv_layer.h"

#include "attend/attention/scaled_dot.h"

namespace attend {

QkvLayer::QkvLayer(const MechanismOptions& o)
    : ScoredAttention("qkv_layer", (check_sizes("qkv_layer", o), check_equal_sizes("qkv_layer", o), std::make_shared<ScaledDot>(o)), o) {
  const auto values = o.value_size > 0 ? o.value_size : o.key_size, out = o.output_size > 0 ? o.output_size : o.query_size;
  context_weight_ = register_parameter("context_weight", initial_weight({o.heads, out, values}, values));          // [H, U, Dv]
  context_bias_ = register_parameter("context_bias", at::zeros({o.heads, out}, float_options()));                  // [H, U]
  query_weight_ = register_parameter("query_weight", initial_weight({o.heads, out, o.query_size}, o.query_size));  // [H, U, Dq]
  query_bias_ = register_parameter("query_bias", at::zeros({o.heads, out}, float_options()));                      // [H, U]
}

std::int64_t QkvLayer::context_size(std::int64_t /*value_size*/) const { return context_weight_.size(1); }

Result QkvLayer::attend(const at::Tensor& query, const Memory& memory, State* state, const Request& request) const {
  auto result = ScoredAttention::attend(query, memory, state, request);
  auto q = query;
  auto lengths = memory.mask().query_lengths;
  if (!lengths.defined() && memory.mask().causal && q.size(2) == memory.size()) lengths = memory.mask().key_lengths;  // self-attention
  if (lengths.defined()) q = q.masked_fill(within_lengths(lengths, q.size(2)).logical_not().unsqueeze(1).unsqueeze(-1), 0.0);
  const auto biased = [](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    const auto wide = widened(x);
    return per_head_linear(wide, weight) + bias.unsqueeze(1);
  };
  const auto output =  // [B, H, T, U]
      at::relu(biased(result.context, context_weight_, context_bias_)) + biased(q, query_weight_, query_bias_);
  result.context = output.to(query.scalar_type());  // [B, H, T, U]
  return result;
}

at::Tensor pool(const at::Tensor& x, const at::Tensor& lengths, std::string_view kind) {
  if (kind == "none") return x;
  if (kind != "mean" && kind != "max") fail_unknown_name("pool", kind, std::vector<std::string>{"none", "mean", "max"});
  const auto live = lengths.defined() ? within_lengths(lengths, x.size(1)) : at::ones({x.size(0), x.size(1)}, bool_options());  // [B, T]
  const auto hidden = live.logical_not().unsqueeze(-1);                                                                         // [B, T, 1]
  const auto count = live.sum(1, /*keepdim=*/true);                                                                             // [B, 1]
  if (kind == "mean") return x.masked_fill(hidden, 0.0).sum(1) / count.clamp_min(1);
  if (x.size(1) == 0) return at::zeros({x.size(0), x.size(2)}, x.options());
  return x.masked_fill(hidden, -std::numeric_limits<double>::infinity()).amax(1).masked_fill(count.eq(0), 0.0);
}

extern constinit const MechanismEntry qkv_layer_entry{
    .name = "qkv_layer",
    .sentence = "scaled dot attention over the states as they are, a rectified layer, and the query added",
    .formula = "w = softmax(q·k_s/√N), c = Σ w v, output = relu(W_1 c + b_1) + (W_2 q + b_2)",
    .paper = "house layer",
    .parameters = "W_1 [H, U, Dv], b_1 [H, U], W_2 [H, U, N], b_2 [H, U]",
    .cost = "B·H·T·S·N + B·H·T·(Dv + N)·U",
    .range = "global",
    .score = "multiplicative",
    .source = "self or cross",
    .capabilities = {.equal_sizes = true, .projected = true, .adds_query = true},
    .options = visit_scored<ScaledDotOptions, SoftCapOptions>,
    .make = [](const MechanismOptions& o) -> std::shared_ptr<Mechanism> { return std::make_shared<QkvLayer>(o); }};

}  // namespace attend
