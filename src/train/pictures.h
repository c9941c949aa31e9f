#pragma once
// Pictures as training shows them.
#include "attend/ops/torch.h"
#include "attend/train/data.h"

namespace attend {

/// Pictures [B, C, H, W] mirrored and moved at random, as data.mirror and data.shift say; black comes in at the sides.
at::Tensor varied(const at::Tensor& pictures, const VariedOptions& options);

}  // namespace attend
