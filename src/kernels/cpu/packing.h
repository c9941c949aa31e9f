// How stored rows are laid out for the products. Included by sources that are compiled once an instruction set, as vectors.h.
#pragma once
#include "kernels/cpu/sight.h"

namespace {

// `there` (at most a panel, which is so many vectors wide) stored rows of `size` numbers, `row` apart, as a panel [size, panel] times `by`;
// zero where no row is.
template <class V, int Vectors = kScoreVectors, class Stored>
void pack_panel(const Stored* from, int64_t row, int64_t there, int64_t size, typename V::Real by, typename V::Real* to) {
  constexpr int64_t kPanel = Vectors * V::kLanes;
  static_assert(kPanel % kSquare == 0 || kPanel < kSquare);
  int64_t j = 0;
  for (; j + kSquare <= there; j += kSquare) {
    int64_t d = 0;
    for (; d + kSquare <= size; d += kSquare) turn_square(from + j * row + d, row, by, to + d * kPanel + j, kPanel);
    for (; d < size; ++d)
      for (int64_t k = j; k < j + kSquare; ++k) to[d * kPanel + k] = widened(from[k * row + d]) * by;
  }
  for (; j < kPanel; ++j)
    for (int64_t d = 0; d < size; ++d) to[d * kPanel + j] = j < there ? widened(from[j * row + d]) * by : 0;
}

// One stored row as slices [slices][rows, slice], of which it is the row `at`; zero behind its last number. Adds 0 times every number to
// `zero`, which stays 0 while all are finite.
template <class V, class Stored>
ATTEND_INLINE void pack_slices(const Stored* from, int64_t size, int64_t at, int64_t rows, typename V::Real* slices, V& zero) {
  constexpr int64_t kSlice = kSumVectors * V::kLanes;
  const V nothing = V::all(0);
  int64_t column = 0;
  for (; column + kSlice <= size; column += kSlice) {
    typename V::Real* to = slices + column * rows + at * kSlice;
#pragma GCC unroll 4
    for (int64_t d = 0; d < kSlice; d += V::kLanes) {
      const V x = load_wide(from + column + d);
      zero = fma(x, nothing, zero);
      x.store(to + d);
    }
  }
  if (column == size) return;
  typename V::Real* to = slices + column * rows + at * kSlice;
  for (int64_t d = 0; d < kSlice; ++d) to[d] = column + d < size ? widened(from[column + d]) : 0;
  for (int64_t d = 0; d < kSlice; d += V::kLanes) zero = fma(V::load(to + d), nothing, zero);
}

// Stored numbers as those of the sums.
template <class V, class Stored>
ATTEND_INLINE void widen_row(const Stored* from, int64_t size, typename V::Real* to) {
  int64_t d = 0;
  for (; d + V::kLanes <= size; d += V::kLanes) load_wide(from + d).store(to + d);
  for (; d < size; ++d) to[d] = widened(from[d]);
}

}  // namespace
