#pragma once
// What the weights of a call can be computed from once more, tile by tile (fused_weights, ops/fused_attention.h).
#include "attend/ops/fused_attention.h"

namespace attend {

/// query [B, H, T, D] and key [B, Hk or H, S, D], after projections and position schemes, and what else scores and masks are made of. It
/// asks for no statistics.
struct Operands {
  at::Tensor query, key;
  FusedAttentionOptions options;
};

}  // namespace attend
