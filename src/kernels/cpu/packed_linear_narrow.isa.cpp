// The loops of packed_linear over bfloat16 and bytes, compiled once an instruction set. C headers only.
#include "kernels/cpu/panel_product.h"

namespace {

constexpr int kLanes = Floats::kLanes;
// Whether the set multiplies them as they are; else weights are widened first.
#if defined(ATTEND_ISA_avx512_bf16)
constexpr bool kMultipliesHalves = true, kMultipliesBytes = false;
#elif defined(ATTEND_ISA_avx512_vnni)
constexpr bool kMultipliesHalves = false, kMultipliesBytes = true;
#else
constexpr bool kMultipliesHalves = false, kMultipliesBytes = false;
#endif

ATTEND_INLINE int64_t up_to_line(int64_t bytes) { return (bytes + 63) / 64 * 64; }

// Whole numbers of −127 to 127 in place of reals: x ≈ q · step.
struct Quantised {
  float up, by, step;  // q = round(x · up · by)

  // Of `count` numbers, `apart` from each other. NaN and infinities make the step NaN.
  static Quantised of(const float* x, int64_t count, int64_t apart) {
    float most = 0, zero = 0;
    if (apart == 1) {
      Floats m = Floats::all(0), z = m;
      int64_t i = 0;
      for (; i + kLanes <= count; i += kLanes) {
        const Floats v = Floats::load(x + i);
        m = larger(magnitude(v), m);
        z = fma(v, Floats::all(0), z);
      }
      most = largest(m), zero = sum(z);
      x += i, count -= i;
    }
    for (int64_t i = 0; i < count; ++i, x += apart) {
      most = fabsf(*x) > most ? fabsf(*x) : most;
      zero += *x * 0;
    }
    Quantised q{1, 0, most / 127};
    if (zero != 0 || zero != zero)
      q.step = NAN;
    else if (most > 0) {
      if (most < 0x1p-80f) q.up = 0x1p60f;  // 127 / most stays finite
      q.by = 127 / (most * q.up);
    }
    return q;
  }
  ATTEND_INLINE int8_t operator()(float x) const {
    const float shifted = x * up * by + kRounds;
    int32_t bits, rounds;
    memcpy(&bits, &shifted, 4);
    memcpy(&rounds, &kRounds, 4);
    return static_cast<int8_t>(bits - rounds);
  }
};

// Pairs of bfloat16.
struct Halves {
  using V = Floats;
  using Sum = Floats;
  static constexpr int kLanes = Floats::kLanes;
  static constexpr WeightForm kForm = WeightForm::kBfloat16;
  static constexpr bool kScaled = false, kWidened = !kMultipliesHalves;
  static ATTEND_INLINE Sum start(const char* /*tail*/, int64_t /*vector*/) { return Floats::all(0); }
  static ATTEND_INLINE V real(Sum sum) { return sum; }

#if defined(ATTEND_ISA_avx512_bf16)
  using Given = uint32_t;
  using Weights = __m512bh;
  static constexpr int kGiven = 1;
  static ATTEND_INLINE Weights weights(const char* p) { return reinterpret_cast<__m512bh>(_mm512_loadu_si512(p)); }
  static ATTEND_INLINE __m512bh factor(const Given* x) { return reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(*x))); }
  static ATTEND_INLINE Sum add(__m512bh x, Weights w, Sum sum) { return {_mm512_dpbf16_ps(sum.v, x, w)}; }
  static int64_t row_bytes(int64_t inputs) { return up_to_line((inputs + 1) / 2 * 4); }
  using Prepared = Half16;
#else
  using Given = float;
  static constexpr int kGiven = 2;
  struct Weights {
    Floats first, second;
  };
  struct Factor {
    Floats first, second;
  };
  static ATTEND_INLINE Weights weights(const char* p) {
#if defined(ATTEND_AVX512)
    const __m512i pairs = _mm512_loadu_si512(p);
    return {{_mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16))},
            {_mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(static_cast<int>(0xffff0000))))}};
#elif defined(ATTEND_ISA_avx2)
    const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {{_mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16))},
            {_mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(static_cast<int>(0xffff0000))))}};
#else
    typedef uint32_t Bits __attribute__((vector_size(16)));
    Bits pairs;
    memcpy(&pairs, p, 16);
    return {{reinterpret_cast<Floats::Vector>(pairs << 16)}, {reinterpret_cast<Floats::Vector>(pairs & 0xffff0000u)}};
#endif
  }
  static ATTEND_INLINE Factor factor(const Given* x) { return {Floats::all(x[0]), Floats::all(x[1])}; }
  static ATTEND_INLINE Sum add(const Factor& x, const Weights& w, Sum sum) { return fma(x.second, w.second, fma(x.first, w.first, sum)); }
  static int64_t row_bytes(int64_t inputs) { return up_to_line((inputs + 1) / 2 * 8); }
  using Prepared = float;
#endif
  static ATTEND_INLINE void put_rounded(Half16* to, float x) { put(to, x); }
  static ATTEND_INLINE void put_rounded(float* to, float x) {
    Half16 half;
    put(&half, x);
    *to = widened(half);
  }

  static void prepare(const LinearWork& work, int64_t row) {
    const int64_t inputs = work.call.weights.inputs;
    const float* x = static_cast<const float*>(work.call.x.data) + row * work.call.x.row;
    Prepared* to = reinterpret_cast<Prepared*>(static_cast<char*>(work.rows) + row * work.row_bytes);
    for (int64_t k = 0; k < inputs; ++k) put_rounded(to + k, x[k]);
    if (inputs % 2 != 0) to[inputs] = Prepared{0};
  }

  static void pack(const LinearWeights& from, int64_t panel, void* to) {
    const int64_t first = panel * kPanelOutputs, steps = panel_form(kForm).steps(from.inputs);
    Half16* out = reinterpret_cast<Half16*>(static_cast<char*>(to) + panel * panel_form(kForm).panel_bytes(from.inputs));
    const float* in = static_cast<const float*>(from.data);
    const int64_t apart = from.turned ? 1 : from.row, inner = from.turned ? from.row : 1;  // of outputs, of inputs
    for (int64_t k = 0; k < 2 * steps; ++k)
      for (int64_t n = 0; n < kPanelOutputs; ++n) {
        Half16* place = out + (k / 2 * kPanelOutputs + n) * 2 + k % 2;
        if (first + n < from.outputs && k < from.inputs)
          put(place, in[(first + n) * apart + k * inner]);
        else
          place->bits = 0;
      }
  }

  static constexpr LinearKernels kTable{Panels<Halves>::kTogether, row_bytes, prepare, Panels<Halves>::multiply, pack};
};

// Quads of bytes, summed exactly in int32.
struct Bytes {
  using V = Floats;
  static constexpr int kLanes = Floats::kLanes;
  static constexpr WeightForm kForm = WeightForm::kInt8;
  static constexpr bool kScaled = true, kWidened = !kMultipliesBytes;

#if defined(ATTEND_ISA_avx512_vnni)
  // x + 128 without a sign, and −128 Σ w to begin with.
  using Sum = __m512i;
  using Weights = __m512i;
  using Given = uint32_t;
  using Prepared = uint8_t;
  static constexpr int kGiven = 1;
  static ATTEND_INLINE Sum start(const char* tail, int64_t vector) { return _mm512_loadu_si512(tail + kPanelOutputs * 4 + vector * 64); }
  static ATTEND_INLINE Weights weights(const char* p) { return _mm512_loadu_si512(p); }
  static ATTEND_INLINE __m512i factor(const Given* x) { return _mm512_set1_epi32(static_cast<int>(*x)); }
  static ATTEND_INLINE Sum add(__m512i x, Weights w, Sum sum) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));  // for its intrinsic g++ 12 copies each sum, and stores many
    return sum;
  }
  static ATTEND_INLINE V real(Sum sum) { return {_mm512_cvtepi32_ps(sum)}; }
  static ATTEND_INLINE void put_row(Prepared* to, int64_t k, int8_t x) { to[k] = static_cast<uint8_t>(x + 128); }
#elif defined(ATTEND_AVX512) || defined(ATTEND_ISA_avx2)
  // Bytes widened to 16 bits, those of even and of odd inputs apart: products of pairs of them are exact.
  using Given = int32_t;
  using Prepared = int16_t;
  static constexpr int kGiven = 2;
#if defined(ATTEND_AVX512)
  using Sum = __m512i;
#else
  using Sum = __m256i;
#endif
  struct Weights {
    Sum even, odd;
  };
  struct Factor {
    Sum even, odd;
  };
#if defined(ATTEND_AVX512)
  static ATTEND_INLINE Sum start(const char* /*tail*/, int64_t /*vector*/) { return _mm512_setzero_si512(); }
  static ATTEND_INLINE Weights weights(const char* p) {
    const __m512i quads = _mm512_loadu_si512(p);
    return {_mm512_srai_epi16(_mm512_slli_epi16(quads, 8), 8), _mm512_srai_epi16(quads, 8)};
  }
  static ATTEND_INLINE Factor factor(const Given* x) { return {_mm512_set1_epi32(x[0]), _mm512_set1_epi32(x[1])}; }
  static ATTEND_INLINE Sum add(const Factor& x, const Weights& w, Sum sum) {
    return _mm512_add_epi32(_mm512_add_epi32(sum, _mm512_madd_epi16(x.even, w.even)), _mm512_madd_epi16(x.odd, w.odd));
  }
  static ATTEND_INLINE V real(Sum sum) { return {_mm512_cvtepi32_ps(sum)}; }
#else
  static ATTEND_INLINE Sum start(const char* /*tail*/, int64_t /*vector*/) { return _mm256_setzero_si256(); }
  static ATTEND_INLINE Weights weights(const char* p) {
    const __m256i quads = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {_mm256_srai_epi16(_mm256_slli_epi16(quads, 8), 8), _mm256_srai_epi16(quads, 8)};
  }
  static ATTEND_INLINE Factor factor(const Given* x) { return {_mm256_set1_epi32(x[0]), _mm256_set1_epi32(x[1])}; }
  static ATTEND_INLINE Sum add(const Factor& x, const Weights& w, Sum sum) {
    return _mm256_add_epi32(_mm256_add_epi32(sum, _mm256_madd_epi16(x.even, w.even)), _mm256_madd_epi16(x.odd, w.odd));
  }
  static ATTEND_INLINE V real(Sum sum) { return {_mm256_cvtepi32_ps(sum)}; }
#endif
  static ATTEND_INLINE void put_row(Prepared* to, int64_t k, int8_t x) { to[k / 4 * 4 + k % 2 * 2 + k % 4 / 2] = x; }
#else
  typedef int32_t Sum __attribute__((vector_size(16)));
  using Weights = Sum;
  using Given = int32_t;
  using Prepared = int32_t;
  static constexpr int kGiven = 4;
  static ATTEND_INLINE Sum start(const char* /*tail*/, int64_t /*vector*/) { return Sum{}; }
  static ATTEND_INLINE Weights weights(const char* p) {
    Sum quads;
    memcpy(&quads, p, 16);
    return quads;
  }
  static ATTEND_INLINE const Given* factor(const Given* x) { return x; }
  static ATTEND_INLINE Sum add(const Given* x, Weights w, Sum sum) {
    typedef uint32_t Bits __attribute__((vector_size(16)));
    const auto byte = [&](int left) { return reinterpret_cast<Sum>(reinterpret_cast<Bits>(w) << left) >> 24; };
    return sum + byte(24) * x[0] + byte(16) * x[1] + byte(8) * x[2] + (w >> 24) * x[3];
  }
  static ATTEND_INLINE V real(Sum sum) { return {__builtin_convertvector(sum, Floats::Vector)}; }
  static ATTEND_INLINE void put_row(Prepared* to, int64_t k, int8_t x) { to[k] = x; }
#endif

  static int64_t row_bytes(int64_t inputs) { return up_to_line((inputs + 3) / 4 * 4 * static_cast<int64_t>(sizeof(Prepared)) + 4); }
  static void prepare(const LinearWork& work, int64_t row) {
    const int64_t inputs = work.call.weights.inputs;
    const float* x = static_cast<const float*>(work.call.x.data) + row * work.call.x.row;
    char* to = static_cast<char*>(work.rows) + row * work.row_bytes;
    const Quantised q = Quantised::of(x, inputs, 1);
    int64_t k = 0;
    for (; k + 4 <= inputs; k += 4)
      for (int64_t i = 0; i < 4; ++i) put_row(reinterpret_cast<Prepared*>(to), k + i, q(x[k + i]));
    for (; k < (inputs + 3) / 4 * 4; ++k) put_row(reinterpret_cast<Prepared*>(to), k, k < inputs ? q(x[k]) : static_cast<int8_t>(0));
    memcpy(to + work.row_bytes - 4, &q.step, 4);
  }

  static void pack(const LinearWeights& from, int64_t panel, void* to) {
    const int64_t first = panel * kPanelOutputs, steps = panel_form(kForm).steps(from.inputs);
    char* out = static_cast<char*>(to) + panel * panel_form(kForm).panel_bytes(from.inputs);
    char* tail = out + steps * kPanelOutputs * 4;
    const int64_t apart = from.turned ? 1 : from.row, inner = from.turned ? from.row : 1;  // of outputs, of inputs
    for (int64_t n = 0; n < kPanelOutputs; ++n) {
      const bool there = first + n < from.outputs;
      const float* in = static_cast<const float*>(from.data) + (there ? (first + n) * apart : 0);
      const Quantised q = there ? Quantised::of(in, from.inputs, inner) : Quantised{1, 0, 0};
      int32_t start = 0;
      for (int64_t k = 0; k < 4 * steps; ++k) {
        const int8_t w = there && k < from.inputs ? q(in[k * inner]) : static_cast<int8_t>(0);
        out[(k / 4 * kPanelOutputs + n) * 4 + k % 4] = static_cast<char>(w);
        start -= 128 * w;
      }
      memcpy(tail + n * 4, &q.step, 4);
      memcpy(tail + (kPanelOutputs + n) * 4, &start, 4);
    }
  }

  static constexpr LinearKernels kTable{Panels<Bytes>::kTogether, row_bytes, prepare, Panels<Bytes>::multiply, pack};
};

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_ISA_avx512_bf16)
const LinearKernels linear_bfloat16_avx512_bf16 = Halves::kTable;
#elif defined(ATTEND_ISA_avx512_vnni)
const LinearKernels linear_int8_avx512_vnni = Bytes::kTable;
#elif defined(ATTEND_AVX512)
const LinearKernels linear_bfloat16_avx512 = Halves::kTable, linear_int8_avx512 = Bytes::kTable;
#elif defined(ATTEND_ISA_avx2)
const LinearKernels linear_bfloat16_avx2 = Halves::kTable, linear_int8_avx2 = Bytes::kTable;
#else
const LinearKernels linear_bfloat16_portable = Halves::kTable, linear_int8_portable = Bytes::kTable;
#endif

}  // namespace attend::kernels
