#pragma once
// Sparsemax and entmax-1.5 over rows of scores: distributions that may give exact zeros.
//
//   α = 2    w = [z − τ]₊, the Euclidean projection on the simplex (Martins & Astudillo 2016, §2)
//   α = 1.5  w = [z/2 − τ]₊² (Peters, Niculae & Martins 2019, §3)
//
// with the τ at which Σ w = 1. It is found without sorting: by Newton's steps, then in closed form on the support.
#include <stdint.h>

#include "attend/kernels/fused_attention.h"

namespace attend::kernels {

/// Rows that lie one behind another. Float32 and float64; size 0 = nothing is done.
struct EntmaxRows {
  Number number = Number::kFloat32;
  double alpha = 2;            ///< 1.5 or 2
  int64_t rows = 0, size = 0;  ///< R, n
};

/// Weights [R, n] of scores [R, n], which may be the same memory. −inf gets weight 0, and a row of nothing else has no weight at all; a row
/// with a NaN or +inf becomes NaN. Returns the instruction set whose loops ran. Bits depend on the row alone. Memory: one row a worker.
/// Throws kShape or kValue for a call that cannot be, naming `who`. Threads may call it at once, each with workers of its own.
Isa entmax_rows(const EntmaxRows& call, const void* scores, void* weights, Workers& workers, const char* who = "entmax");

/// The gradient [R, n] of the scores from the weights that the call gave and their gradient: r ∘ g − r (r·g) / Σr with r = w^(2−α) where w
/// is above 0, and 0 elsewhere, whatever g holds there. It may take the gradient's place. Otherwise as entmax_rows; no memory.
Isa entmax_rows_backward(const EntmaxRows& call, const void* weights, const void* weights_gradient, void* scores_gradient, Workers& workers,
                         const char* who = "entmax_backward");

}  // namespace attend::kernels
