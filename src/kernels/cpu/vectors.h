// Vectors of one instruction set, as the loops see them. Included by sources that are compiled once a set, with one of ATTEND_ISA_portable,
// ATTEND_ISA_avx2, ATTEND_ISA_avx512 and ATTEND_ISA_avx512_bf16 defined; everything is in an anonymous namespace, so that nothing of one
// set is linked into another.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(ATTEND_ISA_avx512) || defined(ATTEND_ISA_avx512_vnni) || defined(ATTEND_ISA_avx512_bf16)
#define ATTEND_AVX512
#endif
#if defined(ATTEND_ISA_avx2) || defined(ATTEND_AVX512)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#define ATTEND_INLINE __attribute__((always_inline)) inline
#define ATTEND_INLINED __attribute__((always_inline))  // a lambda

namespace {

// 2^f on [−1/2, 1/2], error 1.7e-7 relative; the constant term is exactly 1, so that 2^0 is.
constexpr float kExp2[] = {1.326472721e-3f, 9.671512655e-3f, 5.550733743e-2f, 2.402224209e-1f, 6.931469776e-1f};
// The same on [0, 1], error 1.5e-7.
constexpr float kExp2Above[] = {1.867130108e-3f, 9.017030226e-3f, 5.579991319e-2f, 2.401644501e-1f, 6.931513118e-1f};
constexpr float kLog2E32 = 1.44269504f;
constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;  // their sum; a whole number below 2^14 times the first is exact
constexpr float kRounds = 12582912.f;  // 1.5 · 2^23: x + kRounds has x rounded to a whole number in its last bits

template <class F>
ATTEND_INLINE F exp2_by(const float* by, F f) {
  F p = fma(F::all(by[0]), f, F::all(by[1]));
  p = fma(p, f, F::all(by[2]));
  p = fma(p, f, F::all(by[3]));
  p = fma(p, f, F::all(by[4]));
  return fma(p, f, F::all(1.f));
}
template <class F>
ATTEND_INLINE F exp2_near_zero(F f) {
  return exp2_by(kExp2, f);
}

#if defined(ATTEND_ISA_avx2)

struct Floats {
  using Real = float;
  static constexpr int kLanes = 8;
  __m256 v;

  static ATTEND_INLINE Floats load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static ATTEND_INLINE Floats all(float x) { return {_mm256_set1_ps(x)}; }
  ATTEND_INLINE void store(float* p) const { _mm256_storeu_ps(p, v); }
  static ATTEND_INLINE __m256i first(int count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  // The first `count` numbers, zero behind them; what lies behind is not touched.
  static ATTEND_INLINE Floats load_part(const float* p, int count) { return {_mm256_maskload_ps(p, first(count))}; }
  ATTEND_INLINE void store_part(float* p, int count) const { _mm256_maskstore_ps(p, first(count), v); }
};
ATTEND_INLINE Floats operator+(Floats a, Floats b) { return {_mm256_add_ps(a.v, b.v)}; }
ATTEND_INLINE Floats operator-(Floats a, Floats b) { return {_mm256_sub_ps(a.v, b.v)}; }
ATTEND_INLINE Floats operator*(Floats a, Floats b) { return {_mm256_mul_ps(a.v, b.v)}; }
ATTEND_INLINE Floats fma(Floats a, Floats b, Floats c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
ATTEND_INLINE Floats fnma(Floats a, Floats b, Floats c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }  // c − a b
ATTEND_INLINE Floats larger(Floats a, Floats b) { return {_mm256_max_ps(a.v, b.v)}; }                  // b where one is NaN
ATTEND_INLINE Floats smaller(Floats a, Floats b) { return {_mm256_min_ps(a.v, b.v)}; }                 // b where one is NaN
// y where x > 0, else 0.
ATTEND_INLINE Floats where_positive(Floats x, Floats y) {
  return {_mm256_and_ps(_mm256_cmp_ps(x.v, _mm256_setzero_ps(), _CMP_GT_OQ), y.v)};
}
// 1/x, of a set that guesses it to about 12 bits: one step r (2 − x r) makes it whole. Of x with exponents within ±125.
constexpr bool kReciprocalIsGuessed = true;
ATTEND_INLINE Floats reciprocal(Floats x) { return {_mm256_rcp_ps(x.v)}; }
ATTEND_INLINE float sum(Floats a) {
  const __m128 x = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  const __m128 y = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}
ATTEND_INLINE float largest(Floats a) {
  const __m128 x = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  const __m128 y = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(y, _mm_movehdup_ps(y)));
}
ATTEND_INLINE Floats operator/(Floats a, Floats b) { return {_mm256_div_ps(a.v, b.v)}; }
// x where a < b, else y, also where one of a and b is NaN.
ATTEND_INLINE Floats where_less(Floats a, Floats b, Floats x, Floats y) {
  return {_mm256_blendv_ps(y.v, x.v, _mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ))};
}
// y, but x where that is NaN.
ATTEND_INLINE Floats unless_nan(Floats x, Floats y) { return {_mm256_blendv_ps(y.v, x.v, _mm256_cmp_ps(x.v, x.v, _CMP_UNORD_Q))}; }
// One bit a lane, 0 where one of a and b is NaN.
ATTEND_INLINE int equal_bits(Floats a, Floats b) { return _mm256_movemask_ps(_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)); }
ATTEND_INLINE int not_below_bits(Floats a, Floats b) { return _mm256_movemask_ps(_mm256_cmp_ps(a.v, b.v, _CMP_GE_OQ)); }
ATTEND_INLINE int above_bits(Floats a, Floats b) { return _mm256_movemask_ps(_mm256_cmp_ps(a.v, b.v, _CMP_GT_OQ)); }
ATTEND_INLINE Floats square_root(Floats a) { return {_mm256_sqrt_ps(a.v)}; }
// 2^y for y <= 120; exactly +0 from −127 down, −∞ included.
ATTEND_INLINE Floats exp2(Floats y) {
  const Floats biased = Floats::all(kRounds + 127), x = larger(Floats::all(-127.f), y), shifted = x + biased, f = x - (shifted - biased);
  // 2^n as a float, 0 where n is −127; a product, so that NaN stays NaN.
  return exp2_near_zero(f) * Floats{_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(shifted.v), 23))};
}
// e^2x 2^power to 3e-7 relative, where that is between 2^−125 and 2^125 and |x| below 5000; NaN of NaN.
ATTEND_INLINE Floats exp_twice(Floats x, int power) {
  const Floats y = x + x, shifted = fma(y, Floats::all(kLog2E32), Floats::all(kRounds)), n = shifted - Floats::all(kRounds);
  const Floats f = fnma(n, Floats::all(kLn2Low), fnma(n, Floats::all(kLn2High), y)) * Floats::all(kLog2E32);
  const __m256i bits = _mm256_add_epi32(_mm256_castps_si256(shifted.v), _mm256_set1_epi32(power + 127));
  return exp2_near_zero(f) * Floats{_mm256_castsi256_ps(_mm256_slli_epi32(bits, 23))};
}

#elif defined(ATTEND_AVX512)

struct Floats {
  using Real = float;
  static constexpr int kLanes = 16;
  __m512 v;

  static ATTEND_INLINE Floats load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static ATTEND_INLINE Floats all(float x) { return {_mm512_set1_ps(x)}; }
  ATTEND_INLINE void store(float* p) const { _mm512_storeu_ps(p, v); }
  static ATTEND_INLINE __mmask16 first(int count) { return static_cast<__mmask16>(count >= 16 ? 0xffff : (1 << count) - 1); }
  static ATTEND_INLINE Floats load_part(const float* p, int count) { return {_mm512_maskz_loadu_ps(first(count), p)}; }
  ATTEND_INLINE void store_part(float* p, int count) const { _mm512_mask_storeu_ps(p, first(count), v); }
};
ATTEND_INLINE Floats operator+(Floats a, Floats b) { return {_mm512_add_ps(a.v, b.v)}; }
ATTEND_INLINE Floats operator-(Floats a, Floats b) { return {_mm512_sub_ps(a.v, b.v)}; }
ATTEND_INLINE Floats operator*(Floats a, Floats b) { return {_mm512_mul_ps(a.v, b.v)}; }
ATTEND_INLINE Floats fma(Floats a, Floats b, Floats c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
ATTEND_INLINE Floats fnma(Floats a, Floats b, Floats c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
ATTEND_INLINE Floats larger(Floats a, Floats b) { return {_mm512_max_ps(a.v, b.v)}; }
ATTEND_INLINE Floats smaller(Floats a, Floats b) { return {_mm512_min_ps(a.v, b.v)}; }
ATTEND_INLINE Floats where_positive(Floats x, Floats y) {
  return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.v, _mm512_setzero_ps(), _CMP_GT_OQ), y.v)};
}
constexpr bool kReciprocalIsGuessed = true;
ATTEND_INLINE Floats reciprocal(Floats x) { return {_mm512_rcp14_ps(x.v)}; }
ATTEND_INLINE float sum(Floats a) { return _mm512_reduce_add_ps(a.v); }
// The sums of four vectors, in less than half the time of each alone.
ATTEND_INLINE void put_four_sums(const Floats* a, float* to) {
  const __m512 x = _mm512_add_ps(_mm512_unpacklo_ps(a[0].v, a[1].v), _mm512_unpackhi_ps(a[0].v, a[1].v));  // 0 1 0 1 of each quarter
  const __m512 y = _mm512_add_ps(_mm512_unpacklo_ps(a[2].v, a[3].v), _mm512_unpackhi_ps(a[2].v, a[3].v));
  const __m512 z = _mm512_add_ps(_mm512_shuffle_ps(x, y, 0x44), _mm512_shuffle_ps(x, y, 0xee));  // 0 1 2 3 of each quarter
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(z), _mm512_extractf32x8_ps(z, 1));
  _mm_storeu_ps(to, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
}
ATTEND_INLINE float largest(Floats a) { return _mm512_reduce_max_ps(a.v); }
ATTEND_INLINE Floats operator/(Floats a, Floats b) { return {_mm512_div_ps(a.v, b.v)}; }
ATTEND_INLINE Floats where_less(Floats a, Floats b, Floats x, Floats y) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), y.v, x.v)};
}
ATTEND_INLINE Floats unless_nan(Floats x, Floats y) { return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(x.v, x.v, _CMP_UNORD_Q), y.v, x.v)}; }
ATTEND_INLINE int equal_bits(Floats a, Floats b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ); }
ATTEND_INLINE int not_below_bits(Floats a, Floats b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ); }
ATTEND_INLINE int above_bits(Floats a, Floats b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ); }
ATTEND_INLINE Floats square_root(Floats a) { return {_mm512_sqrt_ps(a.v)}; }
// +0 below 2^−126: numbers smaller than that take some processors a hundred times as long to multiply.
ATTEND_INLINE Floats exp2(Floats y) {
  const Floats f{_mm512_reduce_ps(y.v, 9)};  // y less the whole number below it, by which scalef multiplies
  return {_mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(y.v, _mm512_set1_ps(-126.f), _CMP_NLT_UQ), exp2_by(kExp2Above, f).v, y.v)};
}
ATTEND_INLINE Floats exp_twice(Floats x, int power) {
  const Floats y = x + x, n{_mm512_roundscale_ps((y * Floats::all(kLog2E32)).v, 8)};
  const Floats f = fnma(n, Floats::all(kLn2Low), fnma(n, Floats::all(kLn2High), y)) * Floats::all(kLog2E32);
  return {_mm512_scalef_ps(exp2_near_zero(f).v, (n + Floats::all(static_cast<float>(power))).v)};
}

#else

// Vectors that any processor of the architecture has, by the compiler.
template <class T>
struct Portable {
  using Real = T;
  static constexpr int kLanes = 16 / sizeof(T);
  typedef T Vector __attribute__((vector_size(16)));
  Vector v;

  static ATTEND_INLINE Portable load(const T* p) {
    Portable x;
    memcpy(&x.v, p, 16);
    return x;
  }
  static ATTEND_INLINE Portable all(T x) { return {x - Vector{}}; }
  ATTEND_INLINE void store(T* p) const { memcpy(p, &v, 16); }
  static ATTEND_INLINE Portable load_part(const T* p, int count) {
    Portable x = all(0);
    for (int i = 0; i < count && i < kLanes; ++i) x.v[i] = p[i];
    return x;
  }
  ATTEND_INLINE void store_part(T* p, int count) const {
    for (int i = 0; i < count && i < kLanes; ++i) p[i] = v[i];
  }
};
template <class T>
ATTEND_INLINE Portable<T> operator+(Portable<T> a, Portable<T> b) {
  return {a.v + b.v};
}
template <class T>
ATTEND_INLINE Portable<T> operator-(Portable<T> a, Portable<T> b) {
  return {a.v - b.v};
}
template <class T>
ATTEND_INLINE Portable<T> operator*(Portable<T> a, Portable<T> b) {
  return {a.v * b.v};
}
template <class T>
ATTEND_INLINE Portable<T> fma(Portable<T> a, Portable<T> b, Portable<T> c) {
  return {a.v * b.v + c.v};
}
template <class T>
ATTEND_INLINE Portable<T> fnma(Portable<T> a, Portable<T> b, Portable<T> c) {
  return {c.v - a.v * b.v};
}
template <class T>
ATTEND_INLINE Portable<T> larger(Portable<T> a, Portable<T> b) {
  return {a.v > b.v ? a.v : b.v};
}
template <class T>
ATTEND_INLINE Portable<T> smaller(Portable<T> a, Portable<T> b) {
  return {a.v < b.v ? a.v : b.v};
}
template <class T>
ATTEND_INLINE Portable<T> where_positive(Portable<T> x, Portable<T> y) {
  return {x.v > Portable<T>::all(0).v ? y.v : Portable<T>::all(0).v};
}
constexpr bool kReciprocalIsGuessed = false;
template <class T>
ATTEND_INLINE Portable<T> reciprocal(Portable<T> x) {
  return {Portable<T>::all(1).v / x.v};
}
template <class T>
ATTEND_INLINE T sum(Portable<T> a) {
  T s = a.v[0];
  for (int i = 1; i < Portable<T>::kLanes; ++i) s += a.v[i];
  return s;
}
template <class T>
ATTEND_INLINE T largest(Portable<T> a) {
  T m = a.v[0];
  for (int i = 1; i < Portable<T>::kLanes; ++i) m = a.v[i] > m ? a.v[i] : m;
  return m;
}
template <class T>
ATTEND_INLINE Portable<T> operator/(Portable<T> a, Portable<T> b) {
  return {a.v / b.v};
}
template <class T>
ATTEND_INLINE Portable<T> where_less(Portable<T> a, Portable<T> b, Portable<T> x, Portable<T> y) {
  return {a.v < b.v ? x.v : y.v};
}
template <class T>
ATTEND_INLINE Portable<T> unless_nan(Portable<T> x, Portable<T> y) {
  return {x.v == x.v ? y.v : x.v};
}
template <class T>
ATTEND_INLINE int equal_bits(Portable<T> a, Portable<T> b) {
  int bits = 0;
  for (int i = 0; i < Portable<T>::kLanes; ++i) bits |= (a.v[i] == b.v[i]) << i;
  return bits;
}
template <class T>
ATTEND_INLINE int not_below_bits(Portable<T> a, Portable<T> b) {
  int bits = 0;
  for (int i = 0; i < Portable<T>::kLanes; ++i) bits |= (a.v[i] >= b.v[i]) << i;
  return bits;
}
template <class T>
ATTEND_INLINE int above_bits(Portable<T> a, Portable<T> b) {
  int bits = 0;
  for (int i = 0; i < Portable<T>::kLanes; ++i) bits |= (a.v[i] > b.v[i]) << i;
  return bits;
}
#if defined(__SSE2__)
ATTEND_INLINE Portable<float> square_root(Portable<float> a) { return {_mm_sqrt_ps(a.v)}; }
ATTEND_INLINE Portable<double> square_root(Portable<double> a) { return {_mm_sqrt_pd(a.v)}; }
#else
template <class T>
ATTEND_INLINE Portable<T> square_root(Portable<T> a) {
  for (int i = 0; i < Portable<T>::kLanes; ++i) a.v[i] = static_cast<T>(::sqrt(static_cast<double>(a.v[i])));
  return a;
}
#endif
ATTEND_INLINE Portable<float> exp2(Portable<float> y) {
  using F = Portable<float>;
  typedef int32_t Bits __attribute__((vector_size(16)));
  const F biased = F::all(kRounds + 127), x = larger(F::all(-127.f), y), shifted = x + biased, f = x - (shifted - biased);
  return exp2_near_zero(f) * F{reinterpret_cast<F::Vector>(reinterpret_cast<Bits>(shifted.v) << 23)};
}
ATTEND_INLINE Portable<float> exp_twice(Portable<float> x, int power) {
  using F = Portable<float>;
  typedef int32_t Bits __attribute__((vector_size(16)));
  const F y = x + x, shifted = fma(y, F::all(kLog2E32), F::all(kRounds)), n = shifted - F::all(kRounds);
  const F f = fnma(n, F::all(kLn2Low), fnma(n, F::all(kLn2High), y)) * F::all(kLog2E32);
  return exp2_near_zero(f) * F{reinterpret_cast<F::Vector>((reinterpret_cast<Bits>(shifted.v) + (power + 127)) << 23)};
}
ATTEND_INLINE Portable<double> exp2(Portable<double> y) {
  for (int i = 0; i < 2; ++i) y.v[i] = ::exp2(y.v[i]);
  return y;
}
ATTEND_INLINE Portable<double> exp_twice(Portable<double> x, int power) {
  for (int i = 0; i < 2; ++i) x.v[i] = ::ldexp(::exp(2 * x.v[i]), power);
  return x;
}
using Floats = Portable<float>;
using Doubles = Portable<double>;

#endif

// The sums of Count vectors. The lanes of each are added in one order, whatever Count is.
template <int Count, class V>
ATTEND_INLINE void put_sums(const V* x, typename V::Real* to) {
#if defined(ATTEND_AVX512)
  for (int i = 0; i < Count; i += 4) {
    V four[4];
    float sums[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) four[j] = i + j < Count ? x[i + j] : V::all(0);
    put_four_sums(four, sums);
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j)
      if (i + j < Count) to[i + j] = sums[j];
  }
#else
  for (int i = 0; i < Count; ++i) to[i] = sum(x[i]);
#endif
}

// A bfloat16 as it is stored.
struct Half16 {
  uint16_t bits;
};
ATTEND_INLINE float widened(float x) { return x; }
ATTEND_INLINE double widened(double x) { return x; }
ATTEND_INLINE float widened(Half16 x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float y;
  memcpy(&y, &bits, 4);
  return y;
}
ATTEND_INLINE void put(float* p, float x) { *p = x; }
ATTEND_INLINE void put(double* p, double x) { *p = x; }
// To nearest, ties to even; NaN stays NaN.
ATTEND_INLINE void put(Half16* p, float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  p->bits = x != x ? 0x7fc0 : static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// As many stored numbers as a vector of sums has lanes.
#if defined(ATTEND_ISA_avx2)
ATTEND_INLINE Floats load_wide(const float* p) { return Floats::load(p); }
ATTEND_INLINE Floats load_wide(const Half16* p) {
  const __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(bits, 16))};
}
#elif defined(ATTEND_AVX512)
ATTEND_INLINE Floats load_wide(const float* p) { return Floats::load(p); }
ATTEND_INLINE Floats load_wide(const Half16* p) {
  const __m512i bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(bits, 16))};
}
#else
ATTEND_INLINE Floats load_wide(const float* p) { return Floats::load(p); }
ATTEND_INLINE Doubles load_wide(const double* p) { return Doubles::load(p); }
ATTEND_INLINE Floats load_wide(const Half16* p) {
  Floats x = Floats::all(0);
  for (int i = 0; i < Floats::kLanes; ++i) x.v[i] = widened(p[i]);
  return x;
}
#endif

// The first `count` numbers of a vector of sums, stored.
template <class V>
ATTEND_INLINE void put_part(typename V::Real* to, V x, int64_t count) {
  if (count >= V::kLanes)
    x.store(to);
  else
    x.store_part(to, static_cast<int>(count));
}
template <class V>
ATTEND_INLINE void put_part(Half16* to, V x, int64_t count) {
  typename V::Real lanes[V::kLanes];
  x.store(lanes);
  for (int64_t i = 0; i < count && i < V::kLanes; ++i) put(to + i, lanes[i]);
}

// A square of kSquare rows of stored numbers, `row` apart, times `by`, with rows and columns changed, `to_row` apart.
#if defined(ATTEND_ISA_avx2) || defined(ATTEND_AVX512)
constexpr int kSquare = 8;
ATTEND_INLINE __m256 eight_of(const float* p) { return _mm256_loadu_ps(p); }
ATTEND_INLINE __m256 eight_of(const Half16* p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), 16));
}
ATTEND_INLINE void turn_eight(__m256* a, float* to, int64_t to_row) {
  __m256 b[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
    a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
    a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
    a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_ps(to + i * to_row, _mm256_permute2f128_ps(a[i], a[i + 4], 0x20));
    _mm256_storeu_ps(to + (i + 4) * to_row, _mm256_permute2f128_ps(a[i], a[i + 4], 0x31));
  }
}
template <class Stored>
ATTEND_INLINE void turn_square(const Stored* from, int64_t row, float by, float* to, int64_t to_row) {
  const __m256 scale = _mm256_set1_ps(by);
  __m256 a[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) a[i] = _mm256_mul_ps(eight_of(from + i * row), scale);
  turn_eight(a, to, to_row);
}
#else
constexpr int kSquare = 4;
template <class Stored, class Real>
ATTEND_INLINE void turn_square(const Stored* from, int64_t row, Real by, Real* to, int64_t to_row) {
  for (int i = 0; i < kSquare; ++i)
    for (int j = 0; j < kSquare; ++j) to[i * to_row + j] = widened(from[j * row + i]) * by;
}
#endif

}  // namespace
