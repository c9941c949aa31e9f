#pragma once
#include "attend/ops/torch.h"

namespace attend {

/// The largest α: a weight w moves by w^(2−α) as much as its score does, so that beyond 4 the last digit of a float32 decides.
inline constexpr double kMostEntmaxAlpha = 4;

/// The α-entmax family over the last dimension: distributions that may give exact zeros.
///   α = 1    softmax
///   α = 1.5  entmax-1.5, [z/2 − τ]₊² (Peters, Niculae & Martins 2019, §3)
///   α = 2    sparsemax, [z − τ]₊, the Euclidean projection on the simplex (Martins & Astudillo 2016, §2)
///   other    [(α−1) z − τ]₊^(1/(α−1)), τ by bisection (Peters, Niculae & Martins 2019, §3.1)
/// z [.., n] float32 or float64, n ≥ 1; −inf entries get weight 0, and a row of nothing but −inf has no weight at all (at α = 1 it is NaN).
/// Σ w = 1 up to rounding. Throws kValue unless 1 ≤ α ≤ kMostEntmaxAlpha. First derivatives only.
/// Cost: a few passes over a row on the CPU for α 1.5 and 2 (kernels::entmax_rows), some 60 in double otherwise.
at::Tensor entmax(const at::Tensor& z, double alpha);

}  // namespace attend
