#pragma once
// The expected alignment of monotonic attention, one step of a reader (Raffel et al. 2017, eq. 9 to 11): at each key, from the one where it
// stood before, it stops with probability p, else it walks on.
//
//   y_0 = v_0,  y_s = (1 − p_{s−1}) y_{s−1} + v_s,  w_s = p_s y_s
//
// with v the alignment of the step before. The recurrence itself is computed: sums of numbers that are not negative, no division.
#include <stdint.h>

#include "attend/kernels/fused_attention.h"

namespace attend::kernels {

/// Rows, one for each item, head and query, that lie one behind another. Float32 and float64.
struct MonotonicRows {
  Number number = Number::kFloat32;
  int64_t rows = 0, keys = 0;  ///< R, S
};

/// The alignment w [R, S] from p [R, S] and that of the step before [R, S]. Returns the instruction set whose loops ran. Bits depend on the
/// row alone. Memory: some KiB a worker. Throws kShape or kValue for a call that cannot be, naming `who`. Threads may call it at once, each
/// with workers of its own.
Isa monotonic_alignment(const MonotonicRows& call, const void* p, const void* before, void* w, Workers& workers,
                        const char* who = "monotonic");

/// The gradients [R, S] of p and of the alignment before, from that of w; `before_gradient` null = not asked for. With g the gradient of
/// w, and n_s = p_s g_s + (1 − p_s) n_{s+1} from the last key to the first: ∂v = n and ∂p_s = y_s (g_s − n_{s+1}).
/// Otherwise as monotonic_alignment. Memory: two numbers a key for each of up to 16 rows, a worker.
Isa monotonic_alignment_backward(const MonotonicRows& call, const void* p, const void* before, const void* w_gradient, void* p_gradient,
                                 void* before_gradient, Workers& workers, const char* who = "monotonic_backward");

}  // namespace attend::kernels
