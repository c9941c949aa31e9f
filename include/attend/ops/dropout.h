#pragma once
#include "attend/ops/draws.h"

namespace attend {

/// Inverted dropout (Srivastava et al. 2014): each element is 0 with probability `rate`, else x / (1 − rate). Which elements is drawn by
/// counter (ops/draws.h): x [B, ...] has one item a row, and `place` is what draws (Module::place). The backward pass computes the
/// choice again instead of keeping it.
/// x in half precision is dropped in float32. 0 ≤ rate < 1, else kValue. First derivatives only.
at::Tensor dropout(const at::Tensor& x, double rate, std::uint64_t place);

/// The keys of the rows of x [B, ..., n], int64 [B, ...], by which the next call of dropout() would choose: for kernels that drop on
/// their way. Counts as such a call.
at::Tensor dropout_row_keys(at::IntArrayRef sizes, std::uint64_t place);

}  // namespace attend
