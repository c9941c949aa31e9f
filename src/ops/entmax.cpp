#include "attend/ops/entmax.h"

#include <torch/csrc/autograd/custom_function.h>
#include <cmath>

namespace attend {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

constexpr int kBisections = 60;  // halves an interval of length 1 below the resolution of a double

// (z − max z) · scale. The maximum goes first: scaled scores are large, and their difference would have lost its last digits. Nothing
// below −1 can be in the support, and finite numbers keep the sums free of NaN.
at::Tensor from_maximum(const at::Tensor& z, double scale) { return ((z - z.amax(-1, /*keepdim=*/true)) * scale).clamp_min(-2); }

at::Tensor ranks(const at::Tensor& z) { return at::arange(1, z.size(-1) + 1, z.options()); }

// x sorted in falling order, with the sums of the first k.
struct Sorted {
  explicit Sorted(const at::Tensor& x) : values(std::get<0>(x.sort(-1, /*descending=*/true))), sums(values.cumsum(-1)), k(ranks(x)) {}
  at::Tensor values, sums, k;
};

// The threshold of the largest k whose condition holds: conditions hold for 1..k and no further.
at::Tensor at_support(const at::Tensor& thresholds, const at::Tensor& condition) {
  const auto size = condition.sum(-1, /*keepdim=*/true).clamp_min(1);  // [.., 1]
  return thresholds.gather(-1, size - 1);
}

at::Tensor sparsemax(const at::Tensor& z) {
  const auto x = from_maximum(z, 1);  // [.., S]
  const Sorted s(x);
  const auto tau = at_support((s.sums - 1) / s.k, 1 + s.k * s.values > s.sums);  // [.., 1]
  return (x - tau).clamp_min(0);
}

at::Tensor entmax15(const at::Tensor& z) {
  const auto x = from_maximum(z, 0.5);  // [.., S]
  const Sorted s(x);
  const auto mean = s.sums / s.k;                                          // [.., S]
  const auto spread = s.values.square().cumsum(-1) - s.k * mean.square();  // [.., S]; Σ (x − M)² of the first k
  const auto tau = mean - ((1 - spread) / s.k).clamp_min(0).sqrt();        // [.., S]
  return (x - at_support(tau, (tau <= s.values).logical_and(spread <= 1))).clamp_min(0).square();
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
  const auto w = (x - low).clamp_min(0).pow(power);  // [.., S]
  return (w / w.sum(-1, /*keepdim=*/true)).to(z.scalar_type());
}

struct Entmax : Function<Entmax> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& z, double alpha) {
    const at::Tensor w = alpha == 2 ? sparsemax(z) : alpha == 1.5 ? entmax15(z) : bisected(z, alpha);
    ctx->save_for_backward({w});
    ctx->saved_data["alpha"] = alpha;
    return w;
  }
  // With r = w^(2−α) on the support: r ⊙ g − r (r·g)/Σr.
  static tensor_list backward(AutogradContext* ctx, tensor_list gradients) {
    ATTEND_CHECK(!at::GradMode::is_enabled(), kUnsupported,
                 "entmax: create_graph needs second derivatives, which it does not have; use softmax");
    const auto w = ctx->get_saved_variables()[0];
    const auto support = w > 0;  // [.., S]
    const auto r = at::where(support, w.clamp_min(std::numeric_limits<float>::min()).pow(2 - ctx->saved_data["alpha"].toDouble()),
                             at::zeros({}, w.options()));  // [.., S]
    const auto rg = r * gradients[0];                      // [.., S]
    return {rg - r * (rg.sum(-1, true) / r.sum(-1, true)), at::Tensor()};
  }
};

}  // namespace

at::Tensor entmax(const at::Tensor& z, double alpha) {
  ATTEND_CHECK(alpha >= 1 && alpha <= kMostEntmaxAlpha, kValue,
               "entmax: alpha must be from 1 (softmax) to {}, got {}; beyond, scores in float32 say little of the weights",
               kMostEntmaxAlpha, alpha);
  if (alpha == 1) return at::softmax(z, -1);
  if (z.numel() == 0) return z * 1;
  return Entmax::apply(z, alpha);
}

}  // namespace attend
