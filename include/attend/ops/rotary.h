#pragma once
#include "attend/ops/torch.h"

namespace attend {

/// x [B, H, L, D] with pairs of its first R numbers turned by angle [B or 1, L, R/2] (float64, radians), in one pass over its rows:
/// (a, b) -> (a cos − b sin, a sin + b cos). `adjacent`: pairs are (x[2i], x[2i + 1]), else (x[i], x[i + R/2]). What is behind the R
/// numbers stays. Paper: Su et al. 2021, eq. 34. float32, bfloat16 (turned in float32, rounded once) and float64 on the CPU; else kValue,
/// and kShape for shapes that do not fit. Differentiable in x, any number of times. Threads may call it at once.
at::Tensor turn_pairs(const at::Tensor& x, const at::Tensor& angle, bool adjacent);

}  // namespace attend
