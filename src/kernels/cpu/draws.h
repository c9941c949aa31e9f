// Numbers that rows draw, by counter: those of attend/ops/draws.h, anew wherever they are needed. Included by sources that are compiled
// once an instruction set, as vectors.h.
#pragma once
#include "kernels/cpu/vectors.h"

namespace {

// As core/random.cpp mixes (splitmix64; Steele, Lea & Flood 2014).
ATTEND_INLINE uint64_t mixed_bits(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

ATTEND_INLINE double double_of(uint64_t bits) {
  double x;
  memcpy(&x, &bits, 8);
  return x;
}

// ln u for u > 0 that is no denormal number, to 1e-12 relative, by u = 2^n m and ln m = 2 artanh((m − 1) / (m + 1)) with m between 1/√2 and
// √2. Without branches and without conversions, so that the compiler makes vectors of a loop.
ATTEND_INLINE double log_of_positive(double u) {
  constexpr uint64_t kOne = 0x3ff0000000000000u, kRootHalfBits = 0x3fe6a09e667f3bcdu, kMantissa = 0x000fffffffffffffu;
  constexpr double kBig = 4503599627370496.0;  // 2^52: whole numbers below it are the last bits of what they are added to
  uint64_t bits;
  memcpy(&bits, &u, 8);
  bits += kOne - kRootHalfBits;
  const double power = double_of(0x4330000000000000u | (bits >> 52)) - (kBig + 1023);
  const double m = double_of((bits & kMantissa) + kRootHalfBits), s = (m - 1) / (m + 1), square = s * s;
  double sum = 1.0 / 15;
  sum = sum * square + 1.0 / 13;
  sum = sum * square + 1.0 / 11;
  sum = sum * square + 1.0 / 9;
  sum = sum * square + 1.0 / 7;
  sum = sum * square + 1.0 / 5;
  sum = sum * square + 1.0 / 3;
  return power * 0.6931471805599453 + 2 * (s + s * square * sum);
}

// −ln u[s] of the keys s in [first, first + n) of a row, u uniform in (0, 1).
template <class Real>
void draw_exponentials(uint64_t key, int64_t first, int64_t n, Real* to) {
  for (int64_t j = 0; j < n; ++j) {
    const uint64_t bits = mixed_bits(key ^ mixed_bits(static_cast<uint64_t>(first + j)));
    const double u = (double_of(0x3ff0000000000000u | (bits >> 12)) - 1) + 0x1p-53;
    to[j] = static_cast<Real>(-log_of_positive(u));
  }
}

}  // namespace
