#include "attend/ops/monotonic.h"

#include <torch/csrc/autograd/custom_function.h>

#include "attend/kernels/monotonic.h"
#include "ops/row_gradients.h"
#include "ops/torch_workers.h"

namespace attend {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

kernels::MonotonicRows rows_of(const at::Tensor& x) {
  kernels::MonotonicRows rows;
  rows.number = x.scalar_type() == at::kDouble ? kernels::Number::kFloat64 : kernels::Number::kFloat32;
  rows.keys = x.size(-1);
  rows.rows = rows.keys > 0 ? x.numel() / rows.keys : 0;
  return rows;
}

struct ExpectedAlignment : Function<ExpectedAlignment> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& stop, const at::Tensor& before) {
    const auto p = stop.contiguous(), v = before.contiguous();  // [.., S]
    auto w = at::empty(p.sizes(), p.options());                 // [.., S]
    TorchWorkers workers;
    kernels::monotonic_alignment(rows_of(p), p.const_data_ptr(), v.const_data_ptr(), w.mutable_data_ptr(), workers);
    ctx->save_for_backward({p, v});
    return w;
  }
  static tensor_list backward(AutogradContext* ctx, tensor_list gradients) {
    ATTEND_CHECK(!at::GradMode::is_enabled(), kUnsupported,
                 "expected_alignment: create_graph needs second derivatives, which it does not have");
    const auto saved = ctx->get_saved_variables();
    const auto [dp, dv] = expected_alignment_backward(gradients[0], saved[0], saved[1], ctx->needs_input_grad(1));
    return {dp, dv};
  }
};

}  // namespace

std::pair<at::Tensor, at::Tensor> expected_alignment_backward(const at::Tensor& gradient, const at::Tensor& stop, const at::Tensor& before,
                                                              bool of_before) {
  const auto p = stop.contiguous(), v = before.contiguous(), g = gradient.contiguous();  // [.., S]
  auto dp = at::empty(p.sizes(), p.options());                                           // [.., S]
  auto dv = of_before ? at::empty(p.sizes(), p.options()) : at::Tensor();                // [.., S]
  TorchWorkers workers;
  kernels::monotonic_alignment_backward(rows_of(p), p.const_data_ptr(), v.const_data_ptr(), g.const_data_ptr(), dp.mutable_data_ptr(),
                                        dv.defined() ? dv.mutable_data_ptr() : nullptr, workers);
  return {dp, dv};
}

at::Tensor expected_alignment(const at::Tensor& stop, const at::Tensor& before) {
  ATTEND_CHECK(stop.sizes() == before.sizes() && stop.dim() >= 1, kShape,
               "expected_alignment: both must have one shape [.., S], got {} and {}", shape_text(stop), shape_text(before));
  ATTEND_CHECK(stop.scalar_type() == before.scalar_type() && (stop.scalar_type() == at::kFloat || stop.scalar_type() == at::kDouble),
               kValue, "expected_alignment: both must be float32 or float64, got {} and {}; turn them with to()",
               c10::toString(stop.scalar_type()), c10::toString(before.scalar_type()));
  return ExpectedAlignment::apply(stop, before);
}

}  // namespace attend
