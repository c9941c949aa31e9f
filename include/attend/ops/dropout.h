#pragma once
#include "attend/ops/torch.h"

namespace attend {

/// Inverted dropout (Srivastava et al. 2014): each element is 0 with probability `rate`, else x / (1 − rate). Which elements
/// depends on one number drawn from libtorch's generator and on their place, not on threads; the backward pass computes the
/// choice again instead of keeping it.
/// x of any shape, float32 or float64; other formats take libtorch's own. 0 ≤ rate < 1, else kValue. First derivatives only.
at::Tensor dropout(const at::Tensor& x, double rate);

}  // namespace attend
