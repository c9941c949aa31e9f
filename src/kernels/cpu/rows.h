// Functions over one row of numbers that lies in the cache; row_functions.h says what they give. Included by sources that are compiled
// once an instruction set, as vectors.h. A padded row x[0..n) may be read up to the next multiple of V::kLanes, and holds −inf there.
#pragma once
#include <float.h>

#include "kernels/cpu/row_functions.h"
#include "kernels/cpu/tiles.h"

namespace {

using attend::kernels::EntmaxRow;

// ---- The k largest -------------------------------------------------------------------------------------------------------------------

constexpr int kCandidates = 64;  // that are ranked together, one bit each

// The largest number below x.
ATTEND_INLINE float next_below(float x) { return ::nextafterf(x, -INFINITY); }
ATTEND_INLINE double next_below(double x) { return ::nextafter(x, -INFINITY); }

// One bit for each of up to 64 numbers, `vectors` of them: which are above x.
template <class V>
ATTEND_INLINE uint64_t bits_above(const typename V::Real* from, int64_t vectors, V x) {
  uint64_t bits = 0;
  for (int64_t i = 0; i < vectors; ++i) bits |= static_cast<uint64_t>(above_bits(V::load(from + i * V::kLanes), x)) << (i * V::kLanes);
  return bits;
}

template <class Real, int Lanes>
struct Candidates {
  int count = 0;
  Real value[kCandidates + Lanes];
  int64_t key[kCandidates];
};

// Sorts candidates, whose equals stand in the order of their keys, and keeps the k largest.
template <class V>
void rank(Candidates<typename V::Real, V::kLanes>& c, int k) {
  using Real = typename V::Real;
  V::all(-INFINITY).store(c.value + c.count);
  const int64_t vectors = (c.count + V::kLanes - 1) / V::kLanes;
  Real value[kCandidates];
  int64_t key[kCandidates];
  for (int i = 0; i < c.count; ++i) {
    const V x = V::all(c.value[i]);
    uint64_t before = 0, equal = 0;
    for (int64_t j = 0; j < vectors; ++j) {
      const V others = V::load(c.value + j * V::kLanes);
      before |= static_cast<uint64_t>(above_bits(others, x)) << (j * V::kLanes);
      equal |= static_cast<uint64_t>(equal_bits(others, x)) << (j * V::kLanes);
    }
    const int place = __builtin_popcountll(before | (equal & ((uint64_t{1} << i) - 1)));
    value[place] = c.value[i];
    key[place] = c.key[i];
  }
  c.count = c.count < k ? c.count : k;
  for (int i = 0; i < c.count; ++i) c.value[i] = value[i], c.key[i] = key[i];
}

// A number that fewer than k numbers of the row exceed, but only just: below the k-th of the maxima of as many parts of the row.
template <class V>
typename V::Real bound_of_top(const typename V::Real* x, int64_t vectors, int k) {
  using Real = typename V::Real;
  constexpr int kAtOnce = 32 / V::kLanes > 4 ? 32 / V::kLanes : 4;
  V best[kAtOnce];
#pragma GCC unroll 16
  for (int j = 0; j < kAtOnce; ++j) best[j] = V::all(-INFINITY);
  int64_t i = 0;
  for (; i + kAtOnce <= vectors; i += kAtOnce)
#pragma GCC unroll 16
    for (int j = 0; j < kAtOnce; ++j) best[j] = larger(V::load(x + (i + j) * V::kLanes), best[j]);
#pragma GCC unroll 16
  for (int j = 0; j < kAtOnce; ++j)
    if (i + j < vectors) best[j] = larger(V::load(x + (i + j) * V::kLanes), best[j]);
  const int parts = k <= 8 ? 16 : 32;
  Real maxima[kAtOnce * V::kLanes];
  for (int step = kAtOnce / 2; step * V::kLanes >= parts; step /= 2)
    for (int j = 0; j < step; ++j) best[j] = larger(best[j], best[j + step]);
  for (int j = 0; j * V::kLanes < parts; ++j) best[j].store(maxima + j * V::kLanes);
  Real bound = INFINITY;
  for (int j = 0; j < parts; ++j) {
    const int more = __builtin_popcountll(bits_above(maxima, parts / V::kLanes, V::all(maxima[j])));
    const Real lowered = maxima[j] < bound ? maxima[j] : bound;
    bound = more < k ? lowered : bound;
  }
  return next_below(bound);
}

template <class V>
void top_k_row(const typename V::Real* x, int64_t n, int k, int64_t* keys, typename V::Real* values) {
  using Real = typename V::Real;
  constexpr int64_t kWord = 64, kBlock = 64 * kWord;
  const int64_t vectors = (n + V::kLanes - 1) / V::kLanes;
  Real bound = bound_of_top<V>(x, vectors, k);
  Candidates<Real, V::kLanes> found;
  uint64_t words[kBlock / kWord];
  for (int64_t from = 0; from < n;) {
    // Which numbers of [from, end) are above the bound, one bit each, and which words have such a bit.
    const int64_t base = from / V::kLanes * V::kLanes, end = least(base + kBlock, n);
    uint64_t there = 0;
    for (int64_t at = base; at < end; at += kWord) {
      constexpr int64_t kWhole = kWord / V::kLanes;
      const int64_t left = (end - at + V::kLanes - 1) / V::kLanes;
      const uint64_t bits = left >= kWhole ? bits_above(x + at, kWhole, V::all(bound)) : bits_above(x + at, left, V::all(bound));
      words[(at - base) / kWord] = bits;
      there |= static_cast<uint64_t>(bits != 0) << ((at - base) / kWord);
    }
    if (from > base && (there & 1)) {
      words[0] &= ~uint64_t{0} << (from - base);
      if (words[0] == 0) there &= ~uint64_t{1};
    }
    from = end;
    if (there == 0) continue;
    int64_t word = __builtin_ctzll(there);
    uint64_t bits = words[word];
    while (there != 0) {
      const int64_t at = base + word * kWord + __builtin_ctzll(bits);
      found.key[found.count] = at;
      found.value[found.count++] = x[at];
      bits &= bits - 1;
      if (bits == 0) {
        there &= there - 1;
        word = there != 0 ? __builtin_ctzll(there) : 0;
        bits = words[word];
      }
      if (found.count == kCandidates) {  // then only what exceeds the k-th of them still counts
        rank<V>(found, k);
        bound = found.value[k - 1];
        from = at + 1;
        break;
      }
    }
  }
  rank<V>(found, k);
  for (int i = 0; i < k; ++i) {
    keys[i] = i < found.count ? found.key[i] : -1;
    values[i] = i < found.count ? found.value[i] : static_cast<Real>(-INFINITY);
  }
}

// ---- Sparsemax and entmax-1.5 --------------------------------------------------------------------------------------------------------
// Σ max(x − τ, 0)^Power falls in τ and is convex, x less its maximum. Newton's steps from the left therefore never pass the τ where it is
// 1; once no number leaves the support any more, the rest is a linear (quadratic) equation. With d = x − τ of the τ at hand, sums stay near
// 1 and lose nothing. Power 2 computes with 2 τ, whose squares add up to 4: then x need not be halved.

struct SupportSums {
  double count, first, second;  // Σ 1, Σ d, Σ d² where d > 0
  double least;                 // the smallest of these d
};

constexpr int64_t kSummed = 64;  // vectors whose sums are added in their own numbers

// tau in two numbers; +inf and NaN in the first alone.
template <class V>
struct Offset {
  using Real = typename V::Real;
  V top, high, low;
  Offset(Real maximum, double tau)
      : top(V::all(maximum)), high(V::all(static_cast<Real>(tau))), low(V::all(tau < 1 ? beyond(tau, static_cast<Real>(tau)) : 0)) {}
  static Real beyond(double tau, Real high) { return static_cast<Real>(tau - static_cast<double>(high)); }
  ATTEND_INLINE V of(V x) const { return ((x - top) - high) - low; }
};

// Over the vectors `list` of x, or all of them. NaN where one of them holds NaN.
template <class V, int Power, bool Listed>
SupportSums sums_of_support(const typename V::Real* x, const int32_t* list, int64_t vectors, typename V::Real maximum, double tau) {
  const Offset<V> offset(maximum, tau);
  const V zero = V::all(0), one = V::all(1), infinity = V::all(INFINITY);
  SupportSums total{0, 0, 0, INFINITY};
  V low = infinity;
  for (int64_t i = 0; i < vectors;) {
    V count[2] = {zero, zero}, first[2] = {zero, zero}, second[2] = {zero, zero};
    const auto add = [&](int64_t at, int to) ATTEND_INLINED {
      const V e = offset.of(V::load(x + (Listed ? list[at] : at) * V::kLanes)), d = larger(zero, e);
      count[to] = count[to] + where_less(zero, e, one, zero);
      first[to] = first[to] + d;
      if constexpr (Power == 2) second[to] = fma(d, d, second[to]);
      low = smaller(where_less(zero, e, e, infinity), low);
    };
    const int64_t end = least(i + kSummed, vectors);
    for (; i + 2 <= end; i += 2) add(i, 0), add(i + 1, 1);
    if (i < end) add(i++, 0);
    total.count += static_cast<double>(sum(count[0] + count[1]));
    total.first += static_cast<double>(sum(first[0] + first[1]));
    if constexpr (Power == 2) total.second += static_cast<double>(sum(second[0] + second[1]));
  }
  total.least = -static_cast<double>(largest(zero - low));
  return total;
}

// What sums may err by, relative.
template <class Real>
constexpr double kDoubt = sizeof(Real) == 4 ? 2e-6 : 2e-14;

// How far tau may rise from the left without passing the point where the weights add up, if sums are wrong by `doubt`. By Newton; or, for
// Σ (d − step)² >= (Σ d − step)² / count, to where that is the target.
template <int Power>
ATTEND_INLINE double safe_step(const SupportSums& s, double doubt) {
  const double first = s.first * (1 - doubt);
  if (Power == 1) return ::fmax((first - 1) / s.count, 0);
  return ::fmax(::fmax((s.second * (1 - doubt) - 4) / (2 * s.first), first / s.count - 2 / ::sqrt(s.count)), 0);
}

// The step that makes the weights add up if the support stays; +inf where none does.
template <int Power>
ATTEND_INLINE double last_step(const SupportSums& s) {
  if (Power == 1) return (s.first - 1) / s.count;
  const double rest = s.second - 4, inside = s.first * s.first - s.count * rest;
  return inside >= 0 ? rest / (s.first + ::sqrt(inside)) : INFINITY;
}

// tau, from one to the left of it; `slopes` gets Σ r.
template <class V, int Power, bool Listed>
double find_tau(const typename V::Real* x, const int32_t* list, int64_t vectors, typename V::Real maximum, double tau, double* slopes) {
  using Real = typename V::Real;
  for (;;) {
    const SupportSums s = sums_of_support<V, Power, Listed>(x, list, vectors, maximum, tau);
    if (s.first != s.first) return *slopes = NAN;
    const double step = last_step<Power>(s), next = tau + safe_step<Power>(s, kDoubt<Real>);
    const bool stays = step < s.least && step * s.count * 64 <= s.first;  // a longer one would carry its rounding along
    if (stays || next == tau) {
      const double rest = stays ? ::fmax(step, 0) : safe_step<Power>(s, 0);
      *slopes = Power == 1 ? s.count : (s.first - s.count * rest) / 2;
      return tau + rest;
    }
    tau = next;
  }
}

template <class V, int Power>
EntmaxRow<typename V::Real> entmax_threshold(const typename V::Real* x, int64_t n, double* doubled) {
  using Real = typename V::Real;
  constexpr int kAtOnce = 4, kListed = 1024;
  const int64_t vectors = (n + V::kLanes - 1) / V::kLanes;
  V best[kAtOnce];
  for (int j = 0; j < kAtOnce; ++j) best[j] = V::all(-INFINITY);
  int64_t i = 0;
  for (; i + kAtOnce <= vectors; i += kAtOnce)
#pragma GCC unroll 4
    for (int j = 0; j < kAtOnce; ++j) best[j] = larger(V::load(x + (i + j) * V::kLanes), best[j]);
  for (; i < vectors; ++i) best[0] = larger(V::load(x + i * V::kLanes), best[0]);
  const Real maximum = largest(larger(larger(best[0], best[1]), larger(best[2], best[3])));
  if (maximum == static_cast<Real>(-INFINITY)) {
    double tau = INFINITY;
    for (i = 0; i < n; ++i)
      if (x[i] != x[i]) tau = NAN;
    *doubled = tau;
    return {0, static_cast<Real>(tau), 0, 0};
  }
  double tau = -Power, slopes = 0;
  constexpr int64_t kShort = 4 * kAtOnce;  // vectors; where sums over all of them cost little
  int32_t list[kListed];
  int64_t listed = 0;
  bool whole = true;
  if (vectors > kShort) {
    // The maxima alone say where tau is at least, and few vectors hold a number above that.
    Real maxima[kAtOnce * V::kLanes];
    for (int j = 0; j < kAtOnce; ++j) best[j].store(maxima + j * V::kLanes);
    for (int step = 0; step < 3; ++step)
      tau += safe_step<Power>(sums_of_support<V, Power, false>(maxima, nullptr, kAtOnce, maximum, tau), kDoubt<Real>);
    constexpr double kUnit = sizeof(Real) == 4 ? FLT_EPSILON : DBL_EPSILON;
    const V top = V::all(maximum), bound = V::all(static_cast<Real>(tau * (1 + 2 * kUnit)));
    constexpr int kAll = (1 << V::kLanes) - 1;
    for (i = 0; i < vectors && listed < kListed; ++i) {
      list[listed] = static_cast<int32_t>(i);
      listed += not_below_bits(bound, V::load(x + i * V::kLanes) - top) != kAll;
    }
    whole = i < vectors;
  }
  tau = whole ? find_tau<V, Power, false>(x, nullptr, vectors, maximum, tau, &slopes)
              : find_tau<V, Power, true>(x, list, listed, maximum, tau, &slopes);
  *doubled = tau;
  const double own = tau / Power;
  return {maximum, static_cast<Real>(own), Offset<V>::beyond(own, static_cast<Real>(own)), static_cast<Real>(slopes)};
}

template <class V>
EntmaxRow<typename V::Real> sparsemax_threshold(const typename V::Real* x, int64_t n) {
  double tau;
  return entmax_threshold<V, 1>(x, n, &tau);
}
template <class V>
EntmaxRow<typename V::Real> entmax15_threshold(const typename V::Real* x, int64_t n) {
  double tau;
  return entmax_threshold<V, 2>(x, n, &tau);
}

template <class V, int Power>
EntmaxRow<typename V::Real> entmax_weights_row(typename V::Real* x, int64_t n) {
  double tau;
  const EntmaxRow<typename V::Real> row = entmax_threshold<V, Power>(x, n, &tau);
  const Offset<V> offset(row.maximum, tau);
  const V zero = V::all(0), half = V::all(static_cast<typename V::Real>(0.5));
  for (int64_t i = 0; i < n; i += V::kLanes) {
    V w = larger(zero, offset.of(V::load(x + i)));
    if constexpr (Power == 2) w = w * half, w = w * w;
    w.store(x + i);
  }
  return row;
}

template <class V, int Power>
void entmax_backward_row(const typename V::Real* w, const typename V::Real* g, int64_t n, typename V::Real* dx) {
  const V zero = V::all(0), one = V::all(1);
  const auto root = [&](V x) ATTEND_INLINED { return Power == 1 ? where_less(zero, x, one, zero) : square_root(x); };
  double slopes = 0, flow = 0;  // Σ r, r·g
  int64_t i = 0;
  while (i < n) {
    V sums[2] = {zero, zero}, flows[2] = {zero, zero};
    const auto add = [&](V x, V y, int to) ATTEND_INLINED {
      const V r = root(x);
      sums[to] = sums[to] + r;
      flows[to] = fma(r, where_less(zero, x, y, zero), flows[to]);
    };
    const int64_t end = least(i + kSummed * V::kLanes, n);
    for (; i + 2 * V::kLanes <= end; i += 2 * V::kLanes)
#pragma GCC unroll 2
      for (int j = 0; j < 2; ++j) add(V::load(w + i + j * V::kLanes), V::load(g + i + j * V::kLanes), j);
    for (; i < end; i += V::kLanes) {
      const int count = static_cast<int>(least(end - i, V::kLanes));
      add(V::load_part(w + i, count), V::load_part(g + i, count), 0);
    }
    i = end;
    slopes += static_cast<double>(sum(sums[0] + sums[1]));
    flow += static_cast<double>(sum(flows[0] + flows[1]));
  }
  const V mean = V::all(static_cast<typename V::Real>(slopes > 0 ? flow / slopes : 0));
  const auto flow_of = [&](V x, V y) ATTEND_INLINED { return where_less(zero, x, root(x) * (y - mean), zero); };
  for (i = 0; i + V::kLanes <= n; i += V::kLanes) flow_of(V::load(w + i), V::load(g + i)).store(dx + i);
  if (i < n) {
    const int count = static_cast<int>(n - i);
    flow_of(V::load_part(w + i, count), V::load_part(g + i, count)).store_part(dx + i, count);
  }
}

}  // namespace
