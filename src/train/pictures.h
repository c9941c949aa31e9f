#pragma once
// Pictures as training shows them.
#include "attend/ops/torch.h"
#include "attend/train/config.h"

namespace attend {

/// Pictures [B, C, H, W] mirrored and moved at random, as data.mirror and data.shift say; black comes in at the sides.
at::Tensor varied(const at::Tensor& pictures, const DataOptions& options);

}  // namespace attend
