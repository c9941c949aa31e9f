#pragma once
#include "attend/ops/torch.h"

namespace attend {

/// Filters of where a step looked before, as the next step's additive scores see them: x [B, H, R, C, S] and filters [H·F, C, W], W odd, of
/// one number format -> [B, H, R, S, F]. Paper: Chorowski et al. 2015, eq. 8. Same as: at::conv1d of each row with padding W/2, in groups
/// of heads, with keys before filters. float32 and float64 on the CPU; else kValue, and kShape for shapes that do not fit. First
/// derivatives only: create_graph throws kUnsupported. Threads may call it at once; bits do not depend on libtorch's threads.
at::Tensor location_features(const at::Tensor& x, const at::Tensor& filters);

}  // namespace attend
