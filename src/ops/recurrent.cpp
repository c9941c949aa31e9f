#include "attend/ops/recurrent.h"

#include <torch/csrc/autograd/custom_function.h>

#include "attend/ops/packed_linear.h"

namespace attend {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

struct StepLinear::Tape {
  std::vector<at::Tensor> inputs, gradients;
  PackedWeight packed;
};

namespace {

// The backward passes here compute on plain tensors; with create_graph their results would pass for constants.
void refuse_second_derivatives(const char* who, const char* cure) {
  ATTEND_CHECK(!at::GradMode::is_enabled(), kUnsupported, "{}: create_graph needs second derivatives, which it does not have; use {}", who,
               cure);
}

// Backward passes receive the tape through a capsule: saved_data holds IValues only.
struct TapeHolder : torch::CustomClassHolder {
  std::shared_ptr<StepLinear::Tape> tape;
};

// Identity on the weight, upstream of every step. Its backward runs after those of all steps and turns the tape into
// the weight's gradient.
struct WeightAnchor : Function<WeightAnchor> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& weight, std::shared_ptr<StepLinear::Tape> tape) {
    auto holder = c10::make_intrusive<TapeHolder>();
    holder->tape = std::move(tape);
    ctx->saved_data["tape"] = c10::IValue::make_capsule(holder);
    ctx->set_materialize_grads(false);
    return weight.view_as(weight);
  }
  static tensor_list backward(AutogradContext* ctx, tensor_list /*gradients*/) {
    auto capsule = ctx->saved_data["tape"].toCapsule();
    auto& tape = *static_cast<TapeHolder*>(capsule.get())->tape;
    at::Tensor gradient;
    if (!tape.inputs.empty()) {
      gradient = at::matmul(at::cat(tape.gradients).t(), at::cat(tape.inputs));  // [out, in]
      tape.inputs.clear();
      tape.gradients.clear();
    }
    return {gradient, at::Tensor()};
  }
};

struct StepProduct : Function<StepProduct> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& /*anchor*/, const at::Tensor& weight,
                            const std::optional<at::Tensor>& addend, std::shared_ptr<StepLinear::Tape> tape) {
    const auto& packed = tape->packed;
    const auto y = packed.linear(x, weight, addend.value_or(at::Tensor()));  // [rows, out]
    auto holder = c10::make_intrusive<TapeHolder>();
    holder->tape = std::move(tape);
    ctx->saved_data["tape"] = c10::IValue::make_capsule(holder);
    ctx->saved_data["addend_dimensions"] = addend ? addend->dim() : 0;
    ctx->save_for_backward({x, weight});
    return y;
  }
  static tensor_list backward(AutogradContext* ctx, tensor_list gradients) {
    refuse_second_derivatives("StepLinear", "at::linear");
    const auto saved = ctx->get_saved_variables();
    auto capsule = ctx->saved_data["tape"].toCapsule();
    auto& tape = *static_cast<TapeHolder*>(capsule.get())->tape;
    // A backward pass towards other leaves never reaches the anchor, which alone empties the tape.
    if (ctx->needs_input_grad(1)) {
      tape.inputs.push_back(saved[0].detach());  // with its history the tape would own its own graph
      tape.gradients.push_back(gradients[0]);
    }
    const auto to_input = ctx->needs_input_grad(0) ? tape.packed.back(gradients[0], saved[1]) : at::Tensor();  // [rows, in]
    at::Tensor to_addend;
    const auto dimensions = ctx->saved_data["addend_dimensions"].toInt();
    if (dimensions > 0 && ctx->needs_input_grad(3)) to_addend = dimensions == 1 ? gradients[0].sum(0) : gradients[0];
    return {to_input, at::Tensor(), at::Tensor(), to_addend, at::Tensor()};
  }
};

struct LstmPointwise : Function<LstmPointwise> {
  static tensor_list forward(AutogradContext* ctx, const at::Tensor& gates, const at::Tensor& c) {
    const auto n = c.size(-1);
    at::Tensor active = at::empty_like(gates);  // [rows, 4N]
    auto in_forget = active.narrow(-1, 0, 2 * n), candidate = active.narrow(-1, 2 * n, n), out = active.narrow(-1, 3 * n, n);
    at::sigmoid_out(in_forget, gates.narrow(-1, 0, 2 * n));
    at::tanh_out(candidate, gates.narrow(-1, 2 * n, n));
    at::sigmoid_out(out, gates.narrow(-1, 3 * n, n));
    at::Tensor next_c = (active.narrow(-1, n, n) * c).addcmul_(active.narrow(-1, 0, n), candidate);  // [rows, N]
    at::Tensor squashed = next_c.tanh();                                                             // [rows, N]
    at::Tensor h = out * squashed;                                                                   // [rows, N]
    ctx->save_for_backward({active, c, squashed});
    return {h, next_c};
  }
  static tensor_list backward(AutogradContext* ctx, tensor_list gradients) {
    refuse_second_derivatives("lstm_pointwise", "sigmoid and tanh");
    const auto saved = ctx->get_saved_variables();
    const auto &active = saved[0], &c = saved[1], &squashed = saved[2];
    const auto n = c.size(-1);
    auto input = active.narrow(-1, 0, n), forget = active.narrow(-1, n, n), candidate = active.narrow(-1, 2 * n, n),
         out = active.narrow(-1, 3 * n, n);       // [rows, N] each
    at::Tensor d_gates = at::empty_like(active);  // [rows, 4N]
    // Through h = o tanh(c'): d_c' gains g_h o (1 − tanh²), o gains g_h tanh(c').
    at::Tensor d_c = at::tanh_backward(gradients[0] * out, squashed);  // [rows, N]
    if (gradients[1].defined()) d_c.add_(gradients[1]);
    auto d_in = d_gates.narrow(-1, 0, n), d_forget = d_gates.narrow(-1, n, n), d_candidate = d_gates.narrow(-1, 2 * n, n),
         d_out = d_gates.narrow(-1, 3 * n, n);  // [rows, N] each
    at::sigmoid_backward_out(d_in, d_c * candidate, input);
    at::sigmoid_backward_out(d_forget, d_c * c, forget);
    at::tanh_backward_out(d_candidate, d_c * input, candidate);
    at::sigmoid_backward_out(d_out, gradients[0] * squashed, out);
    return {d_gates, d_c.mul_(forget)};
  }
};

struct GruPointwise : Function<GruPointwise> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& from_input, const at::Tensor& from_state, const at::Tensor& h) {
    const auto n = h.size(-1);
    auto gates = (from_input.narrow(-1, 0, 2 * n) + from_state.narrow(-1, 0, 2 * n)).sigmoid_();  // reset, update [rows, 2N]
    const auto new_from_state = from_state.narrow(-1, 2 * n, n);                                  // [rows, N]
    auto candidate = at::addcmul(from_input.narrow(-1, 2 * n, n), gates.narrow(-1, 0, n), new_from_state).tanh_();  // [rows, N]
    ctx->save_for_backward({gates, candidate, from_state, h});
    return at::lerp(candidate, h, gates.narrow(-1, n, n));
  }
  static tensor_list backward(AutogradContext* ctx, tensor_list gradients) {
    refuse_second_derivatives("gru_pointwise", "sigmoid and tanh");
    const auto saved = ctx->get_saved_variables();
    const auto &gates = saved[0], &candidate = saved[1], &from_state = saved[2], &h = saved[3];
    const auto n = h.size(-1);
    const auto reset = gates.narrow(-1, 0, n), update = gates.narrow(-1, n, n);         // [rows, N] each
    at::Tensor d_input = at::empty_like(from_state);                                    // [rows, 3N]
    auto d_gates = d_input.narrow(-1, 0, 2 * n), d_new = d_input.narrow(-1, 2 * n, n);  // [rows, 2N], [rows, N]
    const auto d_h = gradients[0] * update;                                             // [rows, N]
    at::tanh_backward_out(d_new, gradients[0] - d_h, candidate);
    auto from_gates = at::empty_like(gates);                                             // [rows, 2N]
    auto d_reset = from_gates.narrow(-1, 0, n), d_update = from_gates.narrow(-1, n, n);  // [rows, N] each
    at::mul_out(d_reset, d_new, from_state.narrow(-1, 2 * n, n));
    at::sub_out(d_update, h, candidate);
    d_update.mul_(gradients[0]);
    at::sigmoid_backward_out(d_gates, from_gates, gates);
    // The state's part differs from the input's in the new gate alone, which the reset gate scales.
    auto d_state = d_input.clone();  // [rows, 3N]
    d_state.narrow(-1, 2 * n, n).mul_(reset);
    return {d_input, d_state, d_h};
  }
};

}  // namespace

StepLinear::StepLinear(const at::Tensor& weight) : weight_(weight.detach()), tape_(std::make_shared<Tape>()) {
  if (at::GradMode::is_enabled() && weight.requires_grad()) anchor_ = WeightAnchor::apply(weight, tape_);
}

at::Tensor StepLinear::operator()(const at::Tensor& x, const at::Tensor& addend) const {
  if (!anchor_.defined()) return tape_->packed.linear(x, weight_, addend);
  return StepProduct::apply(x, anchor_, weight_, addend.defined() ? std::optional(addend) : std::nullopt, tape_);
}

std::pair<at::Tensor, at::Tensor> lstm_pointwise(const at::Tensor& gates, const at::Tensor& c) {
  auto both = LstmPointwise::apply(gates, c);
  return {both[0], both[1]};
}

at::Tensor gru_pointwise(const at::Tensor& from_input, const at::Tensor& from_state, const at::Tensor& h) {
  return GruPointwise::apply(from_input.expand_as(from_state), from_state, h);
}

}  // namespace attend
