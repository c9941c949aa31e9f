#include "attend/ops/location.h"

#include <torch/csrc/autograd/custom_function.h>

#include "attend/kernels/location.h"
#include "ops/torch_workers.h"

namespace attend {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

// Both contiguous.
kernels::LocationFilters filters_of(const at::Tensor& x, const at::Tensor& filters) {
  kernels::LocationFilters call;
  call.number = x.scalar_type() == at::kDouble ? kernels::Number::kFloat64 : kernels::Number::kFloat32;
  call.batch = x.size(0), call.heads = x.size(1), call.queries = x.size(2), call.channels = x.size(3), call.keys = x.size(4);
  call.filters = filters.size(0) / call.heads, call.width = filters.size(2);
  call.weights = filters.const_data_ptr();
  return call;
}

struct Location : Function<Location> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& given, const at::Tensor& given_filters) {
    const auto x = given.contiguous(), filters = given_filters.contiguous();
    const auto call = filters_of(x, filters);
    const auto f = at::empty({call.batch, call.heads, call.queries, call.keys, call.filters}, x.options());  // [B, H, R, S, F]
    TorchWorkers workers;
    kernels::location_filters(call, x.const_data_ptr(), f.mutable_data_ptr(), workers, "location_features");
    ctx->save_for_backward({x, filters});
    ctx->set_materialize_grads(false);
    return f;
  }
  static tensor_list backward(AutogradContext* ctx, const tensor_list& gradients) {
    ATTEND_CHECK(!at::GradMode::is_enabled(), kUnsupported,
                 "location_features: create_graph needs second derivatives, which they do not have; use at::conv1d");
    if (!gradients[0].defined()) return {at::Tensor(), at::Tensor()};
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &filters = saved[1];
    const auto flow = gradients[0].contiguous();  // [B, H, R, S, F]
    const auto asked = [&](std::size_t i, const at::Tensor& of) {
      return ctx->needs_input_grad(i) ? at::empty(of.sizes(), of.options()) : at::Tensor();
    };
    const auto dx = asked(0, x), dw = asked(1, filters);  // [B, H, R, C, S], [H·F, C, W]
    TorchWorkers workers;
    kernels::location_filters_backward(filters_of(x, filters), x.const_data_ptr(), flow.const_data_ptr(),
                                       dx.defined() ? dx.mutable_data_ptr() : nullptr, dw.defined() ? dw.mutable_data_ptr() : nullptr,
                                       workers, "location_features");
    return {dx, dw};
  }
};

}  // namespace

at::Tensor location_features(const at::Tensor& x, const at::Tensor& filters) {
  ATTEND_CHECK(x.dim() == 5 && filters.dim() == 3 && filters.size(0) > 0 && filters.size(0) % x.size(1) == 0 &&
                   filters.size(1) == x.size(3) && filters.size(2) % 2 == 1,
               kShape, "location_features: x must be [B, H, R, C, S] and the filters [H·F, C, W] with W odd, got {} and {}", shape_text(x),
               shape_text(filters));
  ATTEND_CHECK(x.scalar_type() == filters.scalar_type() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble), kValue,
               "location_features: both must be float32 or float64, got {} and {}; turn them with to()", c10::toString(x.scalar_type()),
               c10::toString(filters.scalar_type()));
  return Location::apply(x, filters);
}

}  // namespace attend
