#include "attend/ops/cross_entropy.h"

#include <torch/csrc/autograd/custom_function.h>

#include "attend/kernels/logsumexp.h"
#include "ops/torch_workers.h"

namespace attend {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

struct SmoothedCrossEntropy : torch::autograd::Function<SmoothedCrossEntropy> {
  static tensor_list forward(AutogradContext* ctx, const at::Tensor& logits, const at::Tensor& targets, double smoothing) {
    const auto log_p = at::log_softmax(logits, -1);                      // [n, V]
    const auto rows = log_p.gather(1, targets.unsqueeze(1)).squeeze(1);  // [n]
    const auto nll = rows.sum().neg();                                   // []
    auto loss = nll * (1 - smoothing);                                   // []
    if (smoothing > 0) loss = loss - log_p.sum() * (smoothing / static_cast<double>(logits.size(1)));
    ctx->saved_data["log_p"] = log_p;  // not an input or output: turned into the gradient in place by the backward pass
    ctx->saved_data["targets"] = targets;
    ctx->saved_data["smoothing"] = smoothing;
    ctx->mark_non_differentiable({nll, rows});
    return {loss, nll, rows};
  }
  static tensor_list backward(AutogradContext* ctx, tensor_list gradients) {
    auto value = ctx->saved_data["log_p"];
    ATTEND_CHECK(value.isTensor(), kUnsupported, "cross_entropy: a second backward pass through the same loss is not supported");
    auto gradient = value.toTensor();
    ctx->saved_data["log_p"] = c10::IValue();
    const auto targets = ctx->saved_data["targets"].toTensor().unsqueeze(1);  // [n, 1]
    const double smoothing = ctx->saved_data["smoothing"].toDouble();
    gradient.exp_();
    if (smoothing > 0) gradient.sub_(smoothing / static_cast<double>(gradient.size(1)));
    gradient.scatter_add_(1, targets, at::full({1, 1}, smoothing - 1, gradient.options()).expand_as(targets));
    gradient.mul_(gradients[0]);
    return {gradient, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

CrossEntropy cross_entropy(const at::Tensor& logits, const at::Tensor& targets, double smoothing) {
  auto out = SmoothedCrossEntropy::apply(logits, targets, smoothing);
  return {out[0], out[1].item<double>(), out[2]};
}

at::Tensor row_logsumexp(const at::Tensor& x, at::Tensor* peaks) {
  ATTEND_CHECK(x.dim() >= 1 && x.scalar_type() == at::kFloat && x.is_cpu(), kValue,
               "row_logsumexp: x must be float32 [.., V] on the CPU, got {} {}; use at::logsumexp", c10::toString(x.scalar_type()),
               shape_text(x));
  const auto rows = x.contiguous();                                               // [.., V]
  const auto sums = at::empty(x.sizes().slice(0, x.dim() - 1), float_options());  // [..]
  kernels::LogSumExpRows call{.x = rows.const_data_ptr<float>(), .rows = sums.numel(), .size = x.size(-1), .row = x.size(-1)};
  if (peaks) {
    auto sizes = x.sizes().vec();
    sizes.back() = (x.size(-1) + kernels::kPeakBlock - 1) / kernels::kPeakBlock;
    *peaks = at::empty(sizes, float_options());  // [.., V / 64]
    call.peaks = peaks->mutable_data_ptr<float>();
  }
  TorchWorkers workers;
  kernels::logsumexp_rows(call, sums.mutable_data_ptr<float>(), workers);
  return sums;
}

}  // namespace attend
