#pragma once
#include "attend/kernels/fused_attention.h"
#include "attend/kernels/isa.h"
#include "attend/kernels/workers.h"

namespace attend::kernels {

/// fused_attention() and fused_attention_backward() with `isa` in place of the active set, for tests and benches. The processor must have
/// it.
Isa run_fused_attention(Isa isa, const FusedAttention& call, const FusedResults& results, Workers& workers, const char* who);
Isa run_fused_attention_backward(Isa isa, const FusedAttention& call, const FusedGradients& gradients, Workers& workers, const char* who);

Isa run_fused_weights(Isa isa, const FusedAttention& call, const void* lse, const WeightTile& tile, void* weights, Workers& workers,
                      const char* who);

}  // namespace attend::kernels
