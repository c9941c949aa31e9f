#pragma once
#include "attend/kernels/entmax.h"
#include "attend/kernels/isa.h"
#include "attend/kernels/workers.h"

namespace attend::kernels {

/// entmax_rows() and entmax_rows_backward() with `isa` in place of the active set, for tests and benches. The processor must have it.
Isa run_entmax_rows(Isa isa, const EntmaxRows& call, const void* scores, void* weights, Workers& workers, const char* who);
Isa run_entmax_rows_backward(Isa isa, const EntmaxRows& call, const void* weights, const void* weights_gradient, void* scores_gradient,
                             Workers& workers, const char* who);

}  // namespace attend::kernels
