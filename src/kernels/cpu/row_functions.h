#pragma once
// Functions over one row of scores that lies in the cache, for each instruction set. C headers only, as fused_attention.h here.
//
// A row is x[0..n), n >= 1. Numbers up to the next multiple of `lanes` are read too, where x is said to be padded, and must be −inf.
// Threads may call all of them at once.
#include <stdint.h>

#include "attend/kernels/fused_attention.h"

namespace attend::kernels {

/// Where the weights of a row begin, α = 1 + 1/power:
///   w = max((x − maximum) / power − tau − rest, 0)^power
/// tau + rest is the threshold to more digits than one number holds: weights of long rows are small beside it. A row of nothing but −inf
/// has maximum 0, tau +inf and slopes 0, so that every weight is 0; of a row with a NaN or +inf, tau is NaN, and so is every weight.
template <class Real>
struct EntmaxRow {
  Real maximum, tau, rest;
  Real slopes;  ///< Σ r with r = w^(2−α) on the support: the divisor of the gradient
};

template <class Real>
struct RowFunctions {
  int64_t lanes;
  /// The k largest numbers of padded x in falling order, the first of equal ones first; k from 1 to kMostTop. −inf and NaN are passed over;
  /// places that are left get key −1 and value −inf.
  void (*top_k)(const Real* x, int64_t n, int k, int64_t* keys, Real* values);
  /// Of padded x. Σ w = 1 up to rounding. (Martins & Astudillo 2016, §2; Peters, Niculae & Martins 2019, §3.)
  EntmaxRow<Real> (*sparsemax_threshold)(const Real* x, int64_t n);  // α = 2, power 1
  EntmaxRow<Real> (*entmax15_threshold)(const Real* x, int64_t n);   // α = 1.5, power 2
  /// The same, and padded x becomes its weights, with 0 where it was padded.
  EntmaxRow<Real> (*sparsemax_weights)(Real* x, int64_t n);
  EntmaxRow<Real> (*entmax15_weights)(Real* x, int64_t n);
  /// r ∘ g − r (r·g) / Σr from weights w and their gradient g, into dx, which may be g: 0 wherever w is, whatever g holds there. Nothing
  /// behind n is read or written.
  void (*sparsemax_backward)(const Real* w, const Real* g, int64_t n, Real* dx);
  void (*entmax15_backward)(const Real* w, const Real* g, int64_t n, Real* dx);
};

extern const RowFunctions<float> row_float32_portable;
extern const RowFunctions<double> row_float64_portable;
#if defined(__x86_64__)
extern const RowFunctions<float> row_float32_avx2, row_float32_avx512;
#endif

}  // namespace attend::kernels
