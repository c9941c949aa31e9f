#pragma once
#include "attend/kernels/isa.h"
#include "attend/kernels/location.h"
#include "attend/kernels/workers.h"

namespace attend::kernels {

/// location_filters() and its gradients with `isa` in place of the active set, for tests. The processor must have it.
Isa run_location(Isa isa, const LocationFilters& call, const void* x, void* f, Workers& workers, const char* who);
Isa run_location_backward(Isa isa, const LocationFilters& call, const void* x, const void* f_gradient, void* x_gradient,
                          void* weight_gradient, Workers& workers, const char* who);

}  // namespace attend::kernels
