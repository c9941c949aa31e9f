// What a layer makes of its sums. Included by sources that are compiled once an instruction set, as vectors.h.
#include "attend/kernels/packed_linear.h"
#include "kernels/cpu/vectors.h"

namespace {

using attend::kernels::Activation;

constexpr float kLog2OfE = 1.44269504089f, kRootHalf = 0.70710678119f;
constexpr double kGeluScale = 0.79788456080286536, kGeluCube = 0.044715;  // √(2/π)

// erfc(z) = t exp(−z² + P(t)) with t = 1 / (1 + z/2), z >= 0, error 1.2e-7 relative; highest power first (Press et al., Numerical Recipes,
// section 6.2, erfcc).
constexpr float kErfc[] = {0.17087277f,  -0.82215223f, 1.48851587f, -1.13520398f, 0.27886807f,
                           -0.18628806f, 0.09678418f,  0.37409196f, 1.00002368f,  -1.26551223f};
// tanh x = x + x³ P(x²) for |x| < 0.625 (Moshier, Cephes, tanhf).
constexpr float kTanh[] = {-5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f, -3.33332819422e-1f};

template <class V, int N>
ATTEND_INLINE V polynomial(const float (&c)[N], V x) {
  V p = V::all(c[0]);
  for (int i = 1; i < N; ++i) p = fma(p, x, V::all(c[i]));
  return p;
}
template <class V>
ATTEND_INLINE V magnitude(V x) {
  return larger(x, V::all(0) - x);
}

template <class V>
ATTEND_INLINE V sigmoid_of(V x) {
  const V e = exp2(magnitude(x) * V::all(-kLog2OfE)), r = V::all(1) / (V::all(1) + e);
  return unless_nan(x, where_less(x, V::all(0), e * r, r));
}

template <class V>
ATTEND_INLINE V tanh_of(V x) {
  const V size = magnitude(x), e = exp2(size * V::all(-2 * kLog2OfE)), r = (V::all(1) - e) / (V::all(1) + e), square = x * x;
  const V small = fma(polynomial(kTanh, square) * square, x, x);
  return unless_nan(x, where_less(size, V::all(0.625f), small, where_less(x, V::all(0), V::all(0) - r, r)));
}

// x Φ(x), by the tail that is small, so that it keeps its leading digits far out too.
template <class V>
ATTEND_INLINE V gelu_of(V x) {
  const V z = magnitude(x) * V::all(kRootHalf), t = V::all(1) / fma(V::all(0.5f), z, V::all(1));
  const V exponent = polynomial(kErfc, t) - z * z;
  const V tail = V::all(0.5f) * t * exp2(exponent * V::all(kLog2OfE));  // Φ(−|x|)
  return unless_nan(x, x * where_less(x, V::all(0), tail, V::all(1) - tail));
}

#if !defined(ATTEND_ISA_avx2) && !defined(ATTEND_AVX512)
// In float64 by the C library, lane by lane.
ATTEND_INLINE Doubles sigmoid_of(Doubles x) {
  for (int i = 0; i < Doubles::kLanes; ++i) x.v[i] = 1 / (1 + ::exp(-x.v[i]));
  return x;
}
ATTEND_INLINE Doubles tanh_of(Doubles x) {
  for (int i = 0; i < Doubles::kLanes; ++i) x.v[i] = ::tanh(x.v[i]);
  return x;
}
ATTEND_INLINE Doubles gelu_of(Doubles x) {
  for (int i = 0; i < Doubles::kLanes; ++i) x.v[i] = 0.5 * x.v[i] * ::erfc(-x.v[i] * 0.70710678118654752);
  return x;
}
#endif

template <Activation F, class V>
ATTEND_INLINE V activated(V x) {
  using Real = typename V::Real;
  if constexpr (F == Activation::kRelu) return larger(V::all(0), x);  // NaN stays
  if constexpr (F == Activation::kGelu) return gelu_of(x);
  if constexpr (F == Activation::kGeluTanh) {  // (1 + tanh u) / 2 = σ(2u)
    const V u = x * fma(x * x, V::all(static_cast<Real>(2 * kGeluScale * kGeluCube)), V::all(static_cast<Real>(2 * kGeluScale)));
    return x * sigmoid_of(u);
  }
  if constexpr (F == Activation::kSilu) return x * sigmoid_of(x);
  if constexpr (F == Activation::kTanh) return tanh_of(x);
  if constexpr (F == Activation::kSigmoid) return sigmoid_of(x);
  return x;
}

}  // namespace
