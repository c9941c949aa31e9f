// What the tiles of attention multiply, packed. Included by sources that are compiled once an instruction set, as vectors.h.
//
// A kind of numbers, Wide or Halves, says how rows of `size` stored numbers lie in three forms:
//   rows     as they are multiplied from the left by a number each (Row)
//   panels   kPanel rows side by side, for products of rows with rows (Panel)
//   slices   kSlice columns of all rows below one another, for sums of rows (Slice); kTogether rows lie in one step of a sum, so a slice is
//            begun at multiples of that
// and multiplies them. Weights that rows are summed by lie in memory as Row does.
#pragma once
#include "kernels/cpu/packing.h"

namespace {

using attend::kernels::FusedAttention;

// In the numbers of the sums; stored numbers are widened while they are packed.
template <class V_, class Stored_>
struct Wide {
  using V = V_;
  using Stored = Stored_;
  using Real = typename V::Real;
  using Row = Real;
  using Panel = Real;
  using Slice = Real;
  static constexpr int64_t kPanel = kScoreVectors * V::kLanes, kSlice = kSumVectors * V::kLanes, kTogether = 1;
  static constexpr bool kScaledPanels = true;  // a scale is multiplied into panels; else into products

  static int64_t row_size(int64_t size) { return size; }
  static int64_t panel_size(int64_t size) { return size * kPanel; }
  static int64_t slice_size(int64_t rows) { return rows * kSlice; }

  // null: zeros
  static void take_row(const Stored* from, int64_t size, Row* to) {
    if (from)
      widen_row<V>(from, size, to);
    else
      memset(to, 0, static_cast<size_t>(size) * sizeof(Row));
  }
  static void take_panel(const Stored* from, int64_t row, int64_t there, int64_t size, Real by, Panel* to) {
    pack_panel<V>(from, row, there, size, by, to);
  }
  // The rows [begin, end) of `rows`, each at(i); null: zeros. Whether all numbers are finite.
  template <class At>
  static bool take_slices(const At& at, int64_t begin, int64_t end, int64_t size, int64_t rows, Slice* to) {
    V zero = V::all(0);
    for (int64_t i = begin; i < end; ++i) {
      if (const Stored* from = at(i)) {
        pack_slices<V>(from, size, i, rows, to, zero);
      } else {
        for (int64_t column = 0; column < size; column += kSlice)
          memset(to + column * rows + i * kSlice, 0, static_cast<size_t>(kSlice) * sizeof(Real));
      }
    }
    return sum(zero) == 0;
  }
  static ATTEND_INLINE Real number(const Slice* slice, int64_t row, int64_t column) { return slice[row * kSlice + column]; }

  static ATTEND_INLINE void multiply(int64_t rows, const Row* a, const Panel* panel, int64_t size, Real by, Real* to, int64_t to_row) {
    multiply_rows<Singles<V>>(rows, a, size, panel, size, by, to, to_row);
  }
  // sums[r] += Σ_s w[r][s] slice[s], of `depth` rows; `columns` are left from the slice's first on.
  static ATTEND_INLINE void add(int64_t rows, int64_t columns, const Row* w, int64_t w_row, const Slice* slice, int64_t depth, Real* sums,
                                int64_t row) {
    add_rows<Singles<V>, false>(rows, vectors_of_slice<V>(columns), w, w_row, slice, depth, sums, row);
  }
  // sums[j] += Σ_r w[r][j] slice[r].
  static ATTEND_INLINE void add_turned(int64_t rows, int64_t columns, const Row* w, int64_t w_row, const Slice* slice, int64_t depth,
                                       Real* sums, int64_t row) {
    add_rows<Singles<V>, true>(rows, vectors_of_slice<V>(columns), w, w_row, slice, depth, sums, row);
  }
};

// sums[j] += Σ_r w[r][j] x_r for `columns` columns of a tile and all slices, the rows being [t, t + count) of what `slices` hold, of `size`
// numbers; a column has whole slices of sums.
template <class N>
void add_all_turned(const typename N::Row* tile, int64_t tile_row, int64_t columns, const typename N::Slice* slices, int64_t slice_size,
                    int64_t t, int64_t count, int64_t size, typename N::Real* sums) {
  const int64_t row = up_to_multiple(size, N::kSlice);
  for (int64_t d = 0; d < row; d += N::kSlice) {
    const auto* slice = slices + d / N::kSlice * slice_size + t / N::kTogether * N::kSlice;
    for (int64_t j = 0; j < columns; j += kSumRows)
      N::add_turned(least(kSumRows, columns - j), size - d, tile + j, tile_row, slice, count, sums + j * row + d, row);
  }
}

#if defined(ATTEND_ISA_avx512_bf16)

// Two bfloat16 of one row as 32 bits, zero behind the last.
ATTEND_INLINE int64_t pairs(int64_t size) { return (size + 1) / 2; }
ATTEND_INLINE void copy_pairs(const Half16* from, int64_t size, uint32_t* to) {
  if (size % 2) to[size / 2] = 0;
  memcpy(to, from, static_cast<size_t>(size) * sizeof(Half16));
}

// bfloat16 as they are stored, two at a time, summed in float32. Rows and panels hold pairs of columns; slices hold pairs of rows: a lane
// has the numbers of one column.
struct Halves {
  using V = Floats;
  using Stored = Half16;
  using Real = float;
  using Row = uint32_t;
  using Panel = uint32_t;
  using Slice = uint32_t;
  static constexpr int64_t kPanel = 32, kSlice = kSumVectors * 16, kTogether = 2;
  static_assert(kScoreVectors == 2);
  static constexpr bool kScaledPanels = false;

  static int64_t row_size(int64_t size) { return pairs(size); }
  static int64_t panel_size(int64_t size) { return pairs(size) * kPanel; }
  static int64_t slice_size(int64_t rows) { return pairs(rows) * kSlice; }

  static void take_row(const Half16* from, int64_t size, Row* to) {
    if (from)
      copy_pairs(from, size, to);
    else
      memset(to, 0, static_cast<size_t>(pairs(size)) * sizeof(Row));
  }
  static void take_panel(const Half16* from, int64_t row, int64_t there, int64_t size, float /*by*/, Panel* to) {
    int64_t j = 0;
    for (; j + 8 <= there; j += 8) {
      int64_t d = 0;
      for (; d + 16 <= size; d += 16) {
        __m256 a[8];
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i)
          a[i] = _mm256_castsi256_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + (j + i) * row + d)));
        turn_eight(a, reinterpret_cast<float*>(to + d / 2 * kPanel + j), kPanel);
      }
      for (; d < size; d += 2)
        for (int64_t k = j; k < j + 8; ++k) copy_pairs(from + k * row + d, least(2, size - d), to + d / 2 * kPanel + k);
    }
    for (; j < kPanel; ++j)
      for (int64_t d = 0; d < size; d += 2) {
        uint32_t* pair = to + d / 2 * kPanel + j;
        *pair = 0;
        if (j < there) copy_pairs(from + j * row + d, least(2, size - d), pair);
      }
  }
  template <class At>
  static bool take_slices(const At& at, int64_t begin, int64_t end, int64_t size, int64_t rows, Slice* to) {
    Floats zero = Floats::all(0);
    const Floats nothing = zero;
    for (int64_t i = begin; i < end; i += 2) {
      const Half16 *first = at(i), *second = i + 1 < end ? at(i + 1) : nullptr;
      for (int64_t d = 0; d < size; d += 16) {
        const __mmask16 there = Floats::first(static_cast<int>(least(16, size - d)));
        const auto widen = [&](const Half16* x) {
          return _mm512_cvtepu16_epi32(x ? _mm256_maskz_loadu_epi16(there, x + d) : _mm256_setzero_si256());
        };
        const __m512i low = widen(first), high = _mm512_slli_epi32(widen(second), 16);
        zero = fma(Floats{_mm512_castsi512_ps(_mm512_slli_epi32(low, 16))}, nothing, zero);
        zero = fma(Floats{_mm512_castsi512_ps(high)}, nothing, zero);
        _mm512_storeu_si512(to + d / kSlice * slice_size(rows) + i / 2 * kSlice + d % kSlice, _mm512_or_si512(low, high));
      }
      for (int64_t d = up_to_multiple(size, 16); d % kSlice != 0; d += 16)
        _mm512_storeu_si512(to + d / kSlice * slice_size(rows) + i / 2 * kSlice + d % kSlice, _mm512_setzero_si512());
    }
    return sum(zero) == 0;
  }
  static ATTEND_INLINE float number(const Slice* slice, int64_t row, int64_t column) {
    const uint32_t both = slice[row / 2 * kSlice + column];
    return widened(Half16{static_cast<uint16_t>(row % 2 ? both >> 16 : both)});
  }

  static ATTEND_INLINE void multiply(int64_t rows, const Row* a, const Panel* panel, int64_t size, float by, float* to, int64_t to_row) {
    multiply_rows<Pairs>(rows, a, pairs(size), panel, pairs(size), by, to, to_row);
  }
  static ATTEND_INLINE void add(int64_t rows, int64_t columns, const Row* w, int64_t w_row, const Slice* slice, int64_t depth, float* sums,
                                int64_t row) {
    add_rows<Pairs, false>(rows, vectors_of_slice<V>(columns), w, w_row, slice, pairs(depth), sums, row);
  }
  static ATTEND_INLINE void add_turned(int64_t rows, int64_t columns, const Row* w, int64_t w_row, const Slice* slice, int64_t depth,
                                       float* sums, int64_t row) {
    add_rows<Pairs, true>(rows, vectors_of_slice<V>(columns), w, w_row, slice, pairs(depth), sums, row);
  }

  // `count` weights of a row, rounded to bfloat16; count is a multiple of 32.
  static ATTEND_INLINE void round_row(const float* x, int64_t count, Row* to) {
    for (int64_t j = 0; j < count; j += 32)
      _mm512_storeu_si512(to + j / 2, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + j + 16), _mm512_loadu_ps(x + j))));
  }
  // Two rows (the second zero where null), so that a column's two weights stand side by side; count is a multiple of 16.
  static ATTEND_INLINE void round_two_rows(const float* x, const float* y, int64_t count, Row* to) {
    alignas(64) static constexpr uint16_t kOrder[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                        8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i order = _mm512_load_si512(kOrder);
    for (int64_t j = 0; j < count; j += 16) {
      const __m512 second = y ? _mm512_loadu_ps(y + j) : _mm512_setzero_ps();
      const auto both = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, _mm512_loadu_ps(x + j)));
      _mm512_storeu_si512(to + j, _mm512_permutexvar_epi16(order, both));
    }
  }
};

#endif

}  // namespace
