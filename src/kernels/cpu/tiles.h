// Products of small tiles in registers. Included by sources that are compiled once an instruction set, as vectors.h.
#include "kernels/cpu/vectors.h"

namespace {

constexpr double kLog2E = 1.4426950408889634, kLn2 = 0.6931471805599453;

ATTEND_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
ATTEND_INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
ATTEND_INLINE int64_t up_to_multiple(int64_t x, int64_t of) { return (x + of - 1) / of * of; }

// Sizes of register tiles: rows × vectors of scores, and of contexts. Accumulators, loads and one broadcast fill the registers.
#if defined(ATTEND_AVX512)
constexpr int kScoreRows = 12, kScoreVectors = 2, kSumRows = 6, kSumVectors = 4;
#elif defined(ATTEND_ISA_avx2)
constexpr int kScoreRows = 6, kScoreVectors = 2, kSumRows = 6, kSumVectors = 2;
#else
constexpr int kScoreRows = 4, kScoreVectors = 2, kSumRows = 4, kSumVectors = 2;
#endif

// c[Rows][Vectors] = Σ_k a[row][k] b[k][Vectors]: a by broadcast, one number a row; b in whole vectors.
template <class V, int Rows, int Vectors>
ATTEND_INLINE void multiply_panel(const typename V::Real* a, int64_t a_row, const typename V::Real* b, int64_t depth, typename V::Real* c,
                                  int64_t c_row) {
  V sums[Rows][Vectors];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) sums[i][j] = V::all(0);
  for (int64_t k = 0; k < depth; ++k) {
    V columns[Vectors];
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) columns[j] = V::load(b + j * V::kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const V x = V::all(a[i * a_row]);
#pragma GCC unroll 8
      for (int j = 0; j < Vectors; ++j) sums[i][j] = fma(x, columns[j], sums[i][j]);
    }
    ++a;
    b += Vectors * V::kLanes;
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) sums[i][j].store(c + i * c_row + j * V::kLanes);
}

// c[Rows][Vectors] += Σ_k a[row][k] b[k][Vectors]. a lies by rows, a_step numbers apart, or, Turned, by k.
template <class V, bool Turned, int Rows, int Vectors>
ATTEND_INLINE void add_products(const typename V::Real* a, int64_t a_step, const typename V::Real* b, int64_t depth, typename V::Real* c,
                                int64_t c_row) {
  V sums[Rows][Vectors];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) sums[i][j] = V::load(c + i * c_row + j * V::kLanes);
  for (int64_t k = 0; k < depth; ++k) {
    V columns[Vectors];
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) columns[j] = V::load(b + j * V::kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const V x = V::all(a[Turned ? i : i * a_step]);
#pragma GCC unroll 8
      for (int j = 0; j < Vectors; ++j) sums[i][j] = fma(x, columns[j], sums[i][j]);
    }
    a += Turned ? a_step : 1;
    b += Vectors * V::kLanes;
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) sums[i][j].store(c + i * c_row + j * V::kLanes);
}

// The same for 1 to Rows rows.
template <class V, int Rows = kScoreRows>
ATTEND_INLINE void multiply_rows(int64_t rows, const typename V::Real* a, int64_t a_row, const typename V::Real* b, int64_t depth,
                                 typename V::Real* c, int64_t c_row) {
  if (rows == Rows) return multiply_panel<V, Rows, kScoreVectors>(a, a_row, b, depth, c, c_row);
  if constexpr (Rows > 1) multiply_rows<V, Rows - 1>(rows, a, a_row, b, depth, c, c_row);
}

template <class V, bool Turned, int Rows = kSumRows>
ATTEND_INLINE void add_rows(int64_t rows, const typename V::Real* a, int64_t a_step, const typename V::Real* b, int64_t depth,
                            typename V::Real* c, int64_t c_row) {
  if (rows == Rows) return add_products<V, Turned, Rows, kSumVectors>(a, a_step, b, depth, c, c_row);
  if constexpr (Rows > 1) add_rows<V, Turned, Rows - 1>(rows, a, a_step, b, depth, c, c_row);
}

}  // namespace
