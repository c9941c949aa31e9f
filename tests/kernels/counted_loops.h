#pragma once
// The loops of fused_attention with counters in their products, for each instruction set. C headers only: sources compiled for one set
// include it.
#include "kernels/cpu/fused_attention.h"

namespace attend::kernels {

/// Cells [query, key] that the loops computed, of all heads and slices of values.
struct CountedProducts {
  int64_t scores;           ///< q·k
  int64_t mixed;            ///< w v, forward
  int64_t flows;            ///< dO·v, on the way back
  int64_t value_gradients;  ///< w dO
  int64_t differences;      ///< dS in dQ and dK
};
extern CountedProducts counted_products;

/// The tables that are dispatched to (loops.cpp) are made of the same templates, without the counters.
struct CountedLoops {
  FusedKernels forward;
  FusedBackKernels back;
  int64_t score_rows, sum_rows;  // queries that a register tile scores together, and mixes together
  int64_t together;              // keys in one step of a sum
};

extern const CountedLoops counted_float32_portable, counted_float64_portable;
extern const CountedLoops counted_additive_float32_portable, counted_additive_float64_portable;
#if defined(__x86_64__)
extern const CountedLoops counted_float32_avx2, counted_additive_float32_avx2;
extern const CountedLoops counted_float32_avx512, counted_additive_float32_avx512;
extern const CountedLoops counted_bfloat16_avx512_bf16;
#endif

}  // namespace attend::kernels
