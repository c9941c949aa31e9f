#pragma once
// The ways back of operations on rows as functions of their own, for the operators of torch.ops.attend. No graph is recorded.
#include "attend/ops/torch.h"

namespace attend {

/// The gradient of z [.., n] from that of the weights w [.., n] = entmax(z, alpha).
at::Tensor entmax_backward(const at::Tensor& gradient, const at::Tensor& weights, double alpha);

/// The gradients [.., S] of what expected_alignment() was given, from that of the alignment [.., S]; that of `before` where asked for, else
/// undefined.
std::pair<at::Tensor, at::Tensor> expected_alignment_backward(const at::Tensor& gradient, const at::Tensor& stop, const at::Tensor& before,
                                                              bool of_before);

}  // namespace attend
