#pragma once
#include "attend/kernels/dot_attention.h"
#include "attend/kernels/isa.h"
#include "attend/kernels/workers.h"

namespace attend::kernels {

/// dot_attention() and dot_attention_backward() with `isa` in place of the active set, for tests and benches. The processor must have it.
Isa run_dot_attention(Isa isa, const DotAttention& call, const DotResults& results, Workers& workers, const char* who);
Isa run_dot_attention_backward(Isa isa, const DotAttention& call, const DotGradients& gradients, Workers& workers, const char* who);

}  // namespace attend::kernels
