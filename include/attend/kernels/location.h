#pragma once
// Filters of where a step looked before (Chorowski et al. 2015, eq. 8), which the next step's additive scores see:
//
//   f[b, h, r, s, j] = Σ_c Σ_i w[h F + j, c, i] x[b, h, r, c, s + i − (W − 1)/2],  x = 0 outside of the keys.
//
// A convolution, of few numbers a step: what costs is all that surrounds one in a library, and the order in which the features are read.
#include <stdint.h>

#include "attend/kernels/fused_attention.h"

namespace attend::kernels {

/// Everything is contiguous.
struct LocationFilters {
  Number number = Number::kFloat32;                     ///< or kFloat64
  int64_t batch = 0, heads = 0, queries = 0, keys = 0;  ///< B, H, R, S
  int64_t channels = 0, filters = 0, width = 0;         ///< C, F a head, W, which is odd
  const void* weights = nullptr;                        ///< w [H·F, C, W]
};

/// f [B, H, R, S, F] of x [B, H, R, C, S]. Returns the instruction set whose loops ran. Bits depend on the row alone. Throws kShape or
/// kValue for a call that cannot be, naming `who`. Threads may call it at once, each with workers of its own. Cost: B·H·R·S·C·W products
/// of F numbers.
Isa location_filters(const LocationFilters& call, const void* x, void* f, Workers& workers, const char* who = "location_filters");

/// The gradients of x [B, H, R, C, S] and w [H·F, C, W], null = not asked for, from that of f; sums over rows are added in order. Memory:
/// C·W vectors of F numbers for each row. Otherwise as location_filters.
Isa location_filters_backward(const LocationFilters& call, const void* x, const void* f_gradient, void* x_gradient, void* weight_gradient,
                              Workers& workers, const char* who = "location_filters_backward");

}  // namespace attend::kernels
