// What the tiles of attention multiply: queries with keys to scores, weights with values to contexts; how each lies in memory, packed.
// Included by sources that are compiled once an instruction set, as vectors.h.
//
// Scores_ and Values_ have the same members for every kind of number:
//   Query, Key, Weight, Value   numbers as they are packed
//   query_size, panel_size      numbers of a packed query, and of a panel of kPanel keys
//   take_query, pack_keys       pack one query, and up to kPanel keys, of a head h
//   multiply                    base-2 scores of packed queries and a panel
//   slice_size                  numbers of a slice (kSlice columns) of all values
//   pack_values                 packs the values [begin, end) of a key head, begin being even; whether all are finite
//   weights, add                the weights as they are multiplied, and Σ_s w[s] v_s of one slice
#include "kernels/cpu/packing.h"

namespace {

using attend::kernels::DotAttention;

// Products in the numbers of the sums; stored numbers are widened while they are packed.
template <class V, class Stored>
struct WideScores {
  using Real = typename V::Real;
  using Query = Real;
  using Key = Real;
  static constexpr int64_t kPanel = kScoreVectors * V::kLanes;
  static int64_t query_size(const DotAttention& c) { return c.size; }
  static int64_t panel_size(const DotAttention& c) { return c.size * kPanel; }
  static void take_query(const DotAttention& c, int64_t /*h*/, const Stored* from, Query* to) { widen_row<V>(from, c.size, to); }
  static void pack_keys(const DotAttention& c, int64_t /*h*/, const Stored* from, int64_t there, Key* to) {
    pack_panel<V>(from, c.key.row, there, c.size, static_cast<Real>(c.scale * kLog2E), to);
  }
  static ATTEND_INLINE void multiply(const DotAttention& c, int64_t /*h*/, int64_t rows, const Query* q, const Key* panel, Real* to,
                                     int64_t to_row) {
    multiply_rows<Singles<V>>(rows, q, c.size, panel, c.size, 1, to, to_row);
  }
};

template <class V, class Stored>
struct WideValues {
  using Real = typename V::Real;
  using Weight = Real;
  using Value = Real;
  static constexpr int64_t kSlice = kSumVectors * V::kLanes;
  static constexpr bool kOwnWeights = false;
  static int64_t slice_size(const DotAttention& c) { return c.keys * kSlice; }
  static bool pack_values(const DotAttention& c, int64_t b, int64_t h, int64_t begin, int64_t end, Value* to) {
    V zero = V::all(0);
    for (int64_t s = begin; s < end; ++s) pack_slices<V>(row_of<Stored>(c.value, b, h, s), c.value_size, s, c.keys, to, zero);
    const Real any = sum(zero);
    return any == 0;
  }
  static ATTEND_INLINE int64_t place(int64_t key) { return key * kSlice; }  // of an even key in a slice
  static ATTEND_INLINE Real number(const Value* slice, int64_t key, int64_t d) { return slice[key * kSlice + d]; }
  static ATTEND_INLINE void add(int64_t rows, const Weight* w, int64_t w_row, const Value* values, int64_t keys, Real* sums, int64_t row) {
    add_rows<Singles<V>, false>(rows, w, w_row, values, keys, sums, row);
  }
};

#if defined(ATTEND_ISA_avx512_bf16)

// Two bfloat16 of one row as 32 bits, zero behind the last.
ATTEND_INLINE int64_t pairs(int64_t size) { return (size + 1) / 2; }
ATTEND_INLINE void copy_pairs(const Half16* from, int64_t size, uint32_t* to) {
  if (size % 2) to[size / 2] = 0;
  memcpy(to, from, static_cast<size_t>(size) * sizeof(Half16));
}

// Up to 32 rows of bfloat16, `row` apart, as a panel of pairs [pairs(size), 32]; zero where no row is.
inline void pack_pair_panel(const Half16* from, int64_t row, int64_t there, int64_t size, uint32_t* to) {
  constexpr int64_t kPanel = 32;
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

// Rows `first` and `second` (zero where null) of bfloat16 as pairs of rows: lane d holds both numbers of column d. `at` is the number of
// the pair of `rows` pairs of a slice. Adds 0 times every number to `zero`.
inline void pack_pair_slices(const Half16* first, const Half16* second, int64_t size, int64_t at, int64_t rows, uint32_t* slices,
                             Floats& zero) {
  constexpr int64_t kSlice = kSumVectors * 16;
  const Floats nothing = Floats::all(0);
  for (int64_t d = 0; d < up_to_multiple(size, kSlice); d += 16) {
    const __mmask16 there = Floats::first(static_cast<int>(least(16, most(0, size - d))));
    const auto widen = [&](const Half16* x) {
      const __m256i half = x ? _mm256_maskz_loadu_epi16(there, x + d) : _mm256_setzero_si256();
      return _mm512_cvtepu16_epi32(half);
    };
    const __m512i low = widen(first), high = _mm512_slli_epi32(widen(second), 16);
    zero = fma(Floats{_mm512_castsi512_ps(_mm512_slli_epi32(low, 16))}, nothing, zero);
    zero = fma(Floats{_mm512_castsi512_ps(high)}, nothing, zero);
    _mm512_storeu_si512(slices + (d / kSlice * rows + at) * kSlice + d % kSlice, _mm512_or_si512(low, high));
  }
}

// Products of bfloat16 as they are stored, two at a time, summed in float32.
struct PairScores {
  using Real = float;
  using Query = uint32_t;
  using Key = uint32_t;
  static constexpr int64_t kPanel = 32;
  static int64_t query_size(const DotAttention& c) { return pairs(c.size); }
  static int64_t panel_size(const DotAttention& c) { return pairs(c.size) * kPanel; }
  static void take_query(const DotAttention& c, int64_t /*h*/, const Half16* from, Query* to) { copy_pairs(from, c.size, to); }
  static void pack_keys(const DotAttention& c, int64_t /*h*/, const Half16* from, int64_t there, Key* to) {
    pack_pair_panel(from, c.key.row, there, c.size, to);
  }
  static ATTEND_INLINE void multiply(const DotAttention& c, int64_t /*h*/, int64_t rows, const Query* q, const Key* panel, float* to,
                                     int64_t to_row) {
    multiply_rows<Pairs>(rows, q, pairs(c.size), panel, pairs(c.size), static_cast<float>(c.scale * kLog2E), to, to_row);
  }
};

struct PairValues {
  using Real = float;
  using Weight = uint32_t;
  using Value = uint32_t;
  static constexpr int64_t kSlice = kSumVectors * 16;
  static constexpr bool kOwnWeights = true;
  static int64_t slice_size(const DotAttention& c) { return pairs(c.keys) * kSlice; }
  static bool pack_values(const DotAttention& c, int64_t b, int64_t h, int64_t begin, int64_t end, Value* to) {
    Floats zero = Floats::all(0);
    for (int64_t s = begin; s < end; s += 2)
      pack_pair_slices(row_of<Half16>(c.value, b, h, s), s + 1 < end ? row_of<Half16>(c.value, b, h, s + 1) : nullptr, c.value_size, s / 2,
                       pairs(c.keys), to, zero);
    return sum(zero) == 0;
  }
  static ATTEND_INLINE int64_t place(int64_t key) { return key / 2 * kSlice; }
  static ATTEND_INLINE float number(const Value* slice, int64_t key, int64_t d) {
    const uint32_t both = slice[key / 2 * kSlice + d];
    return widened(Half16{static_cast<uint16_t>(key % 2 ? both >> 16 : both)});
  }
  // The weights [0, count) of a row, rounded to bfloat16; count is a multiple of 32.
  static ATTEND_INLINE void weights(const float* x, int64_t count, Weight* to) {
    for (int64_t j = 0; j < count; j += 32)
      _mm512_storeu_si512(to + j / 2, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + j + 16), _mm512_loadu_ps(x + j))));
  }
  static ATTEND_INLINE void add(int64_t rows, const Weight* w, int64_t w_row, const Value* values, int64_t keys, float* sums, int64_t row) {
    add_rows<Pairs, false>(rows, w, w_row, values, pairs(keys), sums, row);
  }
};

#endif

}  // namespace
