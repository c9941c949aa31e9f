// Products of small tiles in registers. Included by sources that are compiled once an instruction set, as vectors.h.
#pragma once
#include "kernels/cpu/vectors.h"

namespace {

constexpr double kLog2E = 1.4426950408889634, kLn2 = 0.6931471805599453;

ATTEND_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
ATTEND_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
ATTEND_INLINE int64_t up_to_multiple(int64_t x, int64_t of) { return (x + of - 1) / of * of; }

// Gives out places in a worker's scratch, each at a multiple of 64 bytes; without a base it counts alone.
struct Layout {
  char* base;
  int64_t bytes = 0;

  template <class T>
  void take(T*& to, int64_t count) {
    to = base ? reinterpret_cast<T*>(base + bytes) : nullptr;
    bytes += up_to_multiple(count * static_cast<int64_t>(sizeof(T)), 64);
  }
};

// Sizes of register tiles: rows × vectors of scores, and of contexts. Accumulators, loads and one broadcast fill the registers.
#if defined(ATTEND_AVX512)
constexpr int kScoreRows = 12, kScoreVectors = 2, kSumRows = 6, kSumVectors = 4;
#elif defined(ATTEND_ISA_avx2)
constexpr int kScoreRows = 6, kScoreVectors = 2, kSumRows = 6, kSumVectors = 2;
#else
constexpr int kScoreRows = 4, kScoreVectors = 2, kSumRows = 4, kSumVectors = 2;
#endif

// What a product is made of: numbers of the left side, one of which goes to all lanes, and vectors of the right side.
template <class V>
struct Singles {
  using Sum = V;
  using Left = typename V::Real;
  using Right = typename V::Real;
  using Vector = V;
  static constexpr int kStep = V::kLanes;  // of Right in a vector
  static ATTEND_INLINE V all(const Left* x) { return V::all(*x); }
  static ATTEND_INLINE V load(const Right* x) { return V::load(x); }
  static ATTEND_INLINE V add(V x, V y, V sum) { return fma(x, y, sum); }
};

#if defined(ATTEND_ISA_avx512_bf16)
// Two bfloat16 that stand side by side are one step of a sum: left pairs of one row, right pairs of each lane.
struct Pairs {
  using Sum = Floats;
  using Left = uint32_t;
  using Right = uint32_t;
  using Vector = __m512bh;
  static constexpr int kStep = 16;
  static ATTEND_INLINE __m512bh all(const Left* x) { return reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(*x))); }
  static ATTEND_INLINE __m512bh load(const Right* x) { return reinterpret_cast<__m512bh>(_mm512_loadu_si512(x)); }
  static ATTEND_INLINE Floats add(__m512bh x, __m512bh y, Floats sum) { return {_mm512_dpbf16_ps(sum.v, x, y)}; }
};
#endif

// c[Rows][Vectors] = by Σ_k a[row][k] b[k][Vectors].
template <class M, int Rows, int Vectors>
ATTEND_INLINE void multiply_panel(const typename M::Left* a, int64_t a_row, const typename M::Right* b, int64_t depth,
                                  typename M::Sum::Real by, typename M::Sum::Real* c, int64_t c_row) {
  using Sum = typename M::Sum;
  Sum sums[Rows][Vectors];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) sums[i][j] = Sum::all(0);
  for (int64_t k = 0; k < depth; ++k) {
    typename M::Vector columns[Vectors];
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) columns[j] = M::load(b + j * M::kStep);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const auto x = M::all(a + i * a_row);
#pragma GCC unroll 8
      for (int j = 0; j < Vectors; ++j) sums[i][j] = M::add(x, columns[j], sums[i][j]);
    }
    ++a;
    b += Vectors * M::kStep;
  }
  const Sum factor = Sum::all(by);
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) (sums[i][j] * factor).store(c + i * c_row + j * Sum::kLanes);
}

// c[Rows][Vectors] += Σ_k a[row][k] b[k][Vectors], of slices that are kSumVectors wide. a lies by rows, a_step apart, or, Turned, by k.
template <class M, bool Turned, int Rows, int Vectors>
ATTEND_INLINE void add_products(const typename M::Left* a, int64_t a_step, const typename M::Right* b, int64_t depth,
                                typename M::Sum::Real* c, int64_t c_row) {
  using Sum = typename M::Sum;
  Sum sums[Rows][Vectors];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) sums[i][j] = Sum::load(c + i * c_row + j * Sum::kLanes);
  for (int64_t k = 0; k < depth; ++k) {
    typename M::Vector columns[Vectors];
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) columns[j] = M::load(b + j * M::kStep);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const auto x = M::all(a + (Turned ? i : i * a_step));
#pragma GCC unroll 8
      for (int j = 0; j < Vectors; ++j) sums[i][j] = M::add(x, columns[j], sums[i][j]);
    }
    a += Turned ? a_step : 1;
    b += kSumVectors * M::kStep;
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) sums[i][j].store(c + i * c_row + j * Sum::kLanes);
}

// The same for 1 to Rows rows.
template <class M, int Rows = kScoreRows>
ATTEND_INLINE void multiply_rows(int64_t rows, const typename M::Left* a, int64_t a_row, const typename M::Right* b, int64_t depth,
                                 typename M::Sum::Real by, typename M::Sum::Real* c, int64_t c_row) {
  if (rows == Rows) return multiply_panel<M, Rows, kScoreVectors>(a, a_row, b, depth, by, c, c_row);
  if constexpr (Rows > 1) multiply_rows<M, Rows - 1>(rows, a, a_row, b, depth, by, c, c_row);
}

// The vectors of a slice that hold numbers, where `columns` are left from its first on.
template <class V>
ATTEND_INLINE int vectors_of_slice(int64_t columns) {
  return static_cast<int>(columns < kSumVectors * V::kLanes ? (columns + V::kLanes - 1) / V::kLanes : kSumVectors);
}

// The first `vectors` of a slice alone, where these are fewer than it has.
template <class M, bool Turned, int Vectors = kSumVectors - 1>
ATTEND_INLINE void add_narrow(int vectors, const typename M::Left* a, int64_t a_step, const typename M::Right* b, int64_t depth,
                              typename M::Sum::Real* c, int64_t c_row) {
  if (vectors == Vectors) return add_products<M, Turned, kSumRows, Vectors>(a, a_step, b, depth, c, c_row);
  if constexpr (Vectors > 1) add_narrow<M, Turned, Vectors - 1>(vectors, a, a_step, b, depth, c, c_row);
}

// Of 1 to kSumRows rows; what is summed behind `vectors` is 0.
template <class M, bool Turned, int Rows = kSumRows>
ATTEND_INLINE void add_rows(int64_t rows, int vectors, const typename M::Left* a, int64_t a_step, const typename M::Right* b, int64_t depth,
                            typename M::Sum::Real* c, int64_t c_row) {
  if constexpr (Rows == kSumRows)
    if (rows == Rows && vectors < kSumVectors) return add_narrow<M, Turned>(vectors, a, a_step, b, depth, c, c_row);
  if (rows == Rows) return add_products<M, Turned, Rows, kSumVectors>(a, a_step, b, depth, c, c_row);
  if constexpr (Rows > 1) add_rows<M, Turned, Rows - 1>(rows, vectors, a, a_step, b, depth, c, c_row);
}

}  // namespace
