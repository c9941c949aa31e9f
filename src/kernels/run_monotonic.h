#pragma once
#include "attend/kernels/isa.h"
#include "attend/kernels/monotonic.h"
#include "attend/kernels/workers.h"

namespace attend::kernels {

/// monotonic_alignment() and its gradient with `isa` in place of the active set, for tests and benches. The processor must have it.
Isa run_monotonic(Isa isa, const MonotonicRows& call, const void* p, const void* before, void* w, Workers& workers, const char* who);
Isa run_monotonic_backward(Isa isa, const MonotonicRows& call, const void* p, const void* before, const void* w_gradient, void* p_gradient,
                           void* before_gradient, Workers& workers, const char* who);

}  // namespace attend::kernels
