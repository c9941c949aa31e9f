#pragma once
#include "attend/kernels/isa.h"
#include "attend/kernels/packed_linear.h"
#include "attend/kernels/workers.h"

namespace attend::kernels {

/// pack_linear() and packed_linear() with `isa` in place of the active set, for tests and benches. The processor must have it.
PackedWeights run_pack_linear(Isa isa, WeightForm form, const LinearWeights& weights, void* to, Workers& workers, const char* who);
Isa run_packed_linear(Isa isa, const PackedLinear& call, Workers& workers, const char* who);

}  // namespace attend::kernels
