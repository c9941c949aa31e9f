#include "attend/ops/entmax.h"

#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <limits>

#include "attend/kernels/entmax.h"
#include "ops/row_gradients.h"
#include "ops/torch_workers.h"

namespace attend {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

constexpr int kBisections = 60;  // halves an interval of length 1 below the resolution of a double

// (z − max z) · scale. The maximum goes first: scaled scores are large, and their difference would have lost its last digits. Nothing
// below −1 can be in the support, and finite numbers keep the sums free of NaN; a row of nothing but −inf is −2 throughout.
at::Tensor from_maximum(const at::Tensor& z, double scale) {
  const auto largest = z.amax(-1, /*keepdim=*/true);  // [.., 1]
  return ((z - largest.masked_fill(largest == -std::numeric_limits<double>::infinity(), 0)) * scale).clamp_min(-2);
}

// What the kernels compute: the other α, formats and devices are left to bisection.
bool in_kernels(const at::Tensor& z, double alpha) {
  return (alpha == 1.5 || alpha == 2) && z.is_cpu() && (z.scalar_type() == at::kFloat || z.scalar_type() == at::kDouble);
}

kernels::EntmaxRows entmax_call(const at::Tensor& z, double alpha) {
  kernels::EntmaxRows rows;
  rows.number = z.scalar_type() == at::kDouble ? kernels::Number::kFloat64 : kernels::Number::kFloat32;
  rows.alpha = alpha;
  rows.size = z.size(-1), rows.rows = z.numel() / rows.size;
  return rows;
}

at::Tensor thresholded(const at::Tensor& z, double alpha) {
  const auto scores = z.contiguous(), w = at::empty(z.sizes(), z.options());  // [.., S]
  TorchWorkers workers;
  kernels::entmax_rows(entmax_call(z, alpha), scores.const_data_ptr(), w.mutable_data_ptr(), workers);
  return w;
}

// In double: a weight moves by w^(2−α) as much as the threshold does, and in float32 that is 3·10⁻³ at α = 4, in double 3·10⁻¹¹.
at::Tensor bisected(const at::Tensor& z, double alpha) {
  const auto x = from_maximum(z.to(at::kDouble), alpha - 1);  // [.., S]
  const double power = 1 / (alpha - 1), n = static_cast<double>(x.size(-1));
  auto low = at::full_like(x.narrow(-1, 0, 1), -1.0);           // [.., 1]; here the sum is at least 1
  auto width = at::full_like(low, 1 - std::pow(n, 1 - alpha));  // [.., 1]; and at low + width at most 1
  for (int i = 0; i < kBisections; ++i) {
    width = width * 0.5;
    const auto middle = low + width;                                                  // [.., 1]
    const auto sum = (x - middle).clamp_min(0).pow(power).sum(-1, /*keepdim=*/true);  // [.., 1]
    low = at::where(sum >= 1, middle, low);                                           // [.., 1]
  }
  const auto w = (x - low).clamp_min(0).pow(power);  // [.., S]; their sum is near 1, or 0
  return (w / w.sum(-1, /*keepdim=*/true).clamp_min(0.5)).to(z.scalar_type());
}

struct Entmax : Function<Entmax> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& z, double alpha) {
    const at::Tensor w = in_kernels(z, alpha) ? thresholded(z, alpha) : bisected(z, alpha);
    ctx->save_for_backward({w});
    ctx->saved_data["alpha"] = alpha;
    return w;
  }
  static tensor_list backward(AutogradContext* ctx, tensor_list gradients) {
    ATTEND_CHECK(!at::GradMode::is_enabled(), kUnsupported,
                 "entmax: create_graph needs second derivatives, which it does not have; use softmax");
    const auto w = ctx->get_saved_variables()[0];  // [.., S]
    const auto alpha = ctx->saved_data["alpha"].toDouble();
    return {entmax_backward(gradients[0], w, alpha), at::Tensor()};
  }
};

}  // namespace

// With r = w^(2−α) on the support: r ⊙ g − r (r·g)/Σr.
at::Tensor entmax_backward(const at::Tensor& gradient, const at::Tensor& weights, double alpha) {
  const auto w = weights.contiguous();  // [.., S]
  if (in_kernels(weights, alpha)) {
    const auto flow = gradient.contiguous(), dz = at::empty(weights.sizes(), weights.options());  // [.., S]
    TorchWorkers workers;
    kernels::entmax_rows_backward(entmax_call(weights, alpha), w.const_data_ptr(), flow.const_data_ptr(), dz.mutable_data_ptr(), workers);
    return dz;
  }
  constexpr auto kLeast = std::numeric_limits<float>::min();
  const auto nothing = at::zeros({}, w.options());
  const auto support = w > 0;                                                      // [.., S]
  const auto r = at::where(support, w.clamp_min(kLeast).pow(2 - alpha), nothing);  // [.., S]
  const auto rg = at::where(support, r * gradient, nothing);                       // [.., S]
  return rg - r * (rg.sum(-1, true) / r.sum(-1, true).clamp_min(kLeast));
}

at::Tensor entmax(const at::Tensor& z, double alpha) {
  ATTEND_CHECK(alpha >= 1 && alpha <= kMostEntmaxAlpha, kValue,
               "entmax: alpha must be from 1 (softmax) to {}, got {}; beyond, scores in float32 say little of the weights",
               kMostEntmaxAlpha, alpha);
  if (alpha == 1) return at::softmax(z, -1);
  if (z.numel() == 0) return z * 1;
  return Entmax::apply(z, alpha);
}

}  // namespace attend
