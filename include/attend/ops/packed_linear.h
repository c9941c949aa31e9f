#pragma once
// Linear maps whose weights are laid out once for products of few rows: the steps of a decoder.
#include <atomic>
#include <memory>

#include "attend/kernels/packed_linear.h"
#include "attend/ops/torch.h"

namespace attend {

/// y = f(x Wᵀ + b) and dx = dy W, by weights packed for it (kernels/packed_linear.h) where that pays: where no gradients are kept and there
/// are few rows. Everything else goes to libtorch, and so do tensors that are not on the CPU. A layer holds one of these beside each of its
/// weights, a recurrent loop that is trained has one for all of its steps (StepLinear, ops/recurrent.h).
///
/// A packed form is made by the first call that wants it, and anew when the weight has changed since, which its version counter tells.
/// Who writes to a weight in a way that does not count (a raw pointer, at::_fused_adam_) must bump_version() it. Each of the two forms
/// takes as much memory as the weight, or a quarter of it as int8. Threads may share one as they share the weight.
class PackedWeight {
 public:
  /// x [.., K], weight [N, K], bias [N] or [.., N] or undefined, all of one type -> [.., N] of that type. Same as: at::linear, then the
  /// activation. `int8`: weights and x are rounded to whole numbers of 8 bits with a scale for each output and each row of x, and
  /// multiplied so however many rows there are (float32 and bfloat16 alone; gradients and float64 are left as they are). Throws what
  /// at::linear throws.
  at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {},
                    kernels::Activation activation = kernels::Activation::kNone, bool int8 = false) const;

  /// What the gradient of y makes of x: dy [.., N], weight [N, K], of one type -> [.., K] of that type. Same as: at::matmul(dy, weight).
  at::Tensor back(const at::Tensor& dy, const at::Tensor& weight) const;

  /// Rows that are few.
  static constexpr std::int64_t kFewRows = 128;

 private:
  struct Packed;
  std::shared_ptr<const Packed> packed(const at::Tensor& weight, kernels::WeightForm form, bool turned) const;
  at::Tensor multiply(const at::Tensor& x, const at::Tensor& weight, kernels::WeightForm form, bool turned, const at::Tensor& bias,
                      kernels::Activation activation) const;

  mutable std::atomic<std::shared_ptr<const Packed>> packed_, turned_;
};

/// f(x), which may be written over.
at::Tensor activate(kernels::Activation kind, at::Tensor x);

}  // namespace attend
