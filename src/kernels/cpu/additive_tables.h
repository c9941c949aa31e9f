// How a head of additive attention is computed, and its tables. Included by sources that are compiled once an instruction set, after
// packing.h.
#pragma once
#include "kernels/cpu/additive_loops.h"

namespace {

template <class V>
struct AdditiveTables {
  using Real = typename V::Real;
  using Path = attend::kernels::AdditivePath;
  using Plan = attend::kernels::AdditivePlan;
  using Range = attend::kernels::AdditiveRange;
  using Table = attend::kernels::AdditiveTable;
  static constexpr int kLanes = V::kLanes;
  static constexpr int64_t kPanel = kScoreVectors * kLanes;

  // Exponents, in powers of 2, of a number of this kind.
  static constexpr bool kDouble = sizeof(Real) == 8;
  static constexpr int kEntry = kDouble ? 1020 : 125;  // of an entry of a table
  static constexpr int kFactor = kDouble ? 500 : 62;   // of a denominator of which two are multiplied
  static constexpr int kOne = kDouble ? 56 : 26;       // e^2x beyond 2^±kOne: tanh x is ±1
  static constexpr int kWeight = kDouble ? 72 : 36;    // v that is 2^−kWeight of the largest counts as that much

  static ATTEND_INLINE V all(double x) { return V::all(static_cast<Real>(x)); }
  static ATTEND_INLINE V clamp(V x, double low, double high) { return smaller(all(high), larger(all(low), x)); }  // NaN stays NaN

  // Adds to a range `rows` stored rows of `size` numbers.
  template <class Stored>
  static void take_range(const Stored* from, int64_t row, int64_t rows, int64_t size, Range& range) {
    const V nothing = V::all(0);
    V low = all(range.low), high = all(range.high), zero = nothing;
    const auto take = [&](V x) {
      low = smaller(x, low);
      high = larger(x, high);
      zero = fma(x, nothing, zero);  // NaN once one is not finite
    };
    for (int64_t i = 0; i < rows; ++i) {
      const Stored* x = from + i * row;
      int64_t c = 0;
      for (; c + kLanes <= size; c += kLanes) take(load_wide(x + c));
      for (; c < size; ++c) take(V::all(widened(x[c])));
    }
    Real lows[kLanes], highs[kLanes];
    low.store(lows);
    high.store(highs);
    for (int i = 0; i < kLanes; ++i) {
      range.low = lows[i] < range.low ? static_cast<double>(lows[i]) : range.low;
      range.high = highs[i] > range.high ? static_cast<double>(highs[i]) : range.high;
    }
    range.finite = range.finite && sum(zero) == 0;
  }

  // How a head is computed, from the range of its keys that anybody sees, and v [size], which already holds what scores are multiplied by.
  // Writes `weights` [size], which go with the plan. Keys that come later, beyond the range, need a new plan and new tables.
  static Plan plan(bool relu, const Range& keys, const Real* v, int64_t size, Real* weights) {
    Plan p;
    double largest = 0, total = 0;
    bool number = true;
    for (int64_t c = 0; c < size; ++c) {
      const double x = fabs(static_cast<double>(v[c]));
      if (x > largest) largest = x;
      number = number && x <= 1e300;
    }
    if (relu) {
      p.path = Path::kRelu;
      p.factor = 1;
      for (int64_t c = 0; c < size; ++c) weights[c] = v[c];
      return p;
    }
    // With 2^n of the order of the largest |v|, v 2^−n is near 1.
    number = number && largest > 0;
    int n = 0;
    if (number) frexp(largest, &n);
    const bool moderate = n >= -kFactor && n <= kFactor;
    if (n > kFactor) n = 0;  // 2^n could be more than a number holds
    const double floor_v = ldexp(1, n - kWeight);
    double least_v = largest;
    for (int64_t c = 0; c < size; ++c) {
      const double x = fabs(static_cast<double>(v[c]));
      if (x < least_v) least_v = x;
    }
    if (least_v < floor_v) least_v = floor_v;
    const int wide = number ? n - ilogb(least_v) : 0;  // |v| is from 2^(n − wide) to 2^n

    // Exponents of e^2k 2^−power lie within ±reach. Queries whose exponents are beyond ±end make tanh ±1 with every key.
    const double bits = 2 * kLog2E;
    const bool some = keys.low <= keys.high, near = !some || (keys.low >= -300 && keys.high <= 300);
    p.key_low = some && near ? keys.low : 0;
    p.key_high = some && near ? keys.high : 0;
    p.power = static_cast<int>(floor(bits * (p.key_low + p.key_high) / 2 + 0.5));
    const int reach = static_cast<int>(ceil(bits * (p.key_high - p.key_low) / 2)) + 1, end = reach + kOne;
    p.query_low = (-end - p.power) / bits;
    p.query_high = (end - p.power) / bits;

    // Denominators (1 + e^2q e^2k) 2^(n − kFactor + 2) / v have exponents from −kFactor + 2 to kFactor, and the tables hold
    // normal numbers.
    const int scale = n - kFactor + 2;
    if (near && number && moderate && reach + end <= 2 * kFactor - 4 - wide && end + kFactor - 2 <= kEntry) {
      p.path = Path::kFolded;
      for (int64_t c = 0; c < size; ++c) {
        double x = static_cast<double>(v[c]);
        if (fabs(x) < floor_v) x = x < 0 ? -floor_v : floor_v;
        total += x;
        weights[c] = static_cast<Real>(ldexp(1 / x, scale));
      }
      p.factor = -ldexp(2, scale);
    } else {
      p.path = near && end <= kEntry ? Path::kCapped : Path::kTanh;
      for (int64_t c = 0; c < size; ++c) {
        total += static_cast<double>(v[c]);
        weights[c] = static_cast<Real>(ldexp(static_cast<double>(v[c]), -n));
      }
      p.factor = -ldexp(2, n);
    }
    p.constant = total;
    return p;
  }

  static bool tables(const Plan& p) { return p.path == Path::kFolded || p.path == Path::kCapped; }
  static ATTEND_INLINE V query_entry(const Plan& p, V x) { return tables(p) ? exp_twice(clamp(x, p.query_low, p.query_high), p.power) : x; }
  static ATTEND_INLINE V key_entry(const Plan& p, V x) { return tables(p) ? exp_twice(clamp(x, p.key_low, p.key_high), -p.power) : x; }

  // One stored query as `to` [size], for score.
  template <class Stored>
  static void prepare_query(const Plan& p, const Stored* from, const Real* weights, int64_t size, Real* to) {
    const bool fold = p.path == Path::kFolded;
    int64_t c = 0;
    for (; c + kLanes <= size; c += kLanes) {
      const V x = query_entry(p, load_wide(from + c));
      (fold ? x * V::load(weights + c) : x).store(to + c);
    }
    for (; c < size; ++c) {
      const V x = query_entry(p, V::all(widened(from[c])));
      (fold ? x * V::all(weights[c]) : x).store_part(to + c, 1);
    }
  }

  // `there` (at most kPanel) stored keys of `size` numbers, `row` apart, as a panel for score: [kScoreVectors, size, kLanes], so that of a
  // panel with few keys the first vectors alone are read. Behind the last key stand harmless numbers.
  template <class Stored>
  static void prepare_panel(const Plan& p, const Stored* from, int64_t row, int64_t there, int64_t size, Real* to) {
    for (int64_t j = 0; j < kPanel; j += kLanes)
      pack_panel<V, 1>(from + j * row, row, least(most(there - j, 0), kLanes), size, 1, to + j * size);
    if (!tables(p)) return;
    for (int64_t i = 0; i < size * kPanel; i += kLanes) key_entry(p, V::load(to + i)).store(to + i);
  }

  static ATTEND_INLINE Real* place(const Table& t, int64_t row, int64_t block) {
    return static_cast<Real*>(t.data) + row * t.row + block * t.block;
  }

  // One stored row of queries or of keys as row `i` of a table, for backward. Behind the last channel stand harmless numbers.
  template <class Stored, class Entry>
  static ATTEND_INLINE void fill_row(const Stored* from, int64_t size, int64_t i, const Table& to, const Entry& entry) {
    Real* at = place(to, i, 0);
    int64_t c = 0;
    for (; c + kLanes <= size; c += kLanes, at += to.block) entry(load_wide(from + c)).store(at);
    if (c == size) return;
    Real rest[kLanes] = {};
    for (int64_t j = 0; c + j < size; ++j) rest[j] = widened(from[c + j]);
    entry(V::load(rest)).store(at);
  }
  template <class Stored>
  static void prepare_query_row(const Plan& p, const Stored* from, int64_t size, int64_t i, const Table& to) {
    fill_row(from, size, i, to, [&](V x) { return query_entry(p, x); });
  }
  template <class Stored>
  static void prepare_key_row(const Plan& p, const Stored* from, int64_t size, int64_t i, const Table& to) {
    fill_row(from, size, i, to, [&](V x) { return key_entry(p, x); });
  }
};

}  // namespace
