#pragma once
#include "attend/kernels/isa.h"
#include "attend/kernels/logsumexp.h"
#include "attend/kernels/workers.h"

namespace attend::kernels {

/// logsumexp_rows() with `isa` in place of the active set, for tests. The processor must have it.
Isa run_logsumexp_rows(Isa isa, const LogSumExpRows& call, float* to, Workers& workers, const char* who);

}  // namespace attend::kernels
