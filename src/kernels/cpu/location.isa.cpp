// Location filters and their way back, for one instruction set. A vector holds filters, so that a key's features are stored as they are
// read; rows of keys lie in scratch between as many zeros as a filter reaches beyond them.
#include "kernels/cpu/location.h"

#include "kernels/cpu/tiles.h"

namespace {

using attend::kernels::LocationFilters;
using attend::kernels::LocationWork;

template <class V>
struct Location {
  using Real = typename V::Real;
  static constexpr int kLanes = V::kLanes, kTogether = 4;

  static int64_t blocks(const LocationFilters& c) { return up_to_multiple(c.filters, kLanes); }
  static int64_t taps(const LocationFilters& c) { return c.channels * c.width; }
  static int64_t wide(const LocationFilters& c) { return c.keys + c.width - 1; }  // keys and the zeros around them
  static int64_t weight_bytes(const LocationFilters& c) { return taps(c) * blocks(c) * static_cast<int64_t>(sizeof(Real)); }
  static const Real* weights_of(const LocationWork& w, int64_t h) {
    return static_cast<const Real*>(w.weights) + h * taps(w.call) * blocks(w.call);
  }

  struct Scratch {
    Real *x, *g;  // [C, S + W − 1]; [S + W − 1, F up to whole vectors]
    int64_t bytes;
    Scratch(const LocationFilters& c, void* base) {
      Layout layout{static_cast<char*>(base)};
      layout.take(x, c.channels * wide(c));
      layout.take(g, wide(c) * blocks(c));
      bytes = layout.bytes;
    }
  };
  static int64_t scratch_bytes(const LocationFilters& c) { return Scratch(c, nullptr).bytes; }

  static void prepare(const LocationWork& w, int64_t h) {
    const auto& c = w.call;
    const Real* from = static_cast<const Real*>(c.weights) + h * c.filters * taps(c);
    Real* to = static_cast<Real*>(w.weights) + h * taps(c) * blocks(c);
    memset(to, 0, static_cast<size_t>(weight_bytes(c)));
    for (int64_t j = 0; j < c.filters; ++j)
      for (int64_t i = 0; i < taps(c); ++i) to[i * blocks(c) + j] = from[j * taps(c) + i];
  }
  static void take_row(const LocationFilters& c, const Real* from, const Scratch& s) {
    memset(s.x, 0, static_cast<size_t>(c.channels * wide(c)) * sizeof(Real));
    for (int64_t channel = 0; channel < c.channels; ++channel)
      memcpy(s.x + channel * wide(c) + c.width / 2, from + channel * c.keys, static_cast<size_t>(c.keys) * sizeof(Real));
  }

  // Keys from the s-th on, filters from the j-th.
  template <int Keys>
  static ATTEND_INLINE void filter(const LocationFilters& c, const Real* weights, const Real* x, int64_t s, int64_t j, Real* f) {
    V sums[Keys];
#pragma GCC unroll 4
    for (int i = 0; i < Keys; ++i) sums[i] = V::all(0);
    for (int64_t channel = 0; channel < c.channels; ++channel)
      for (int64_t tap = 0; tap < c.width; ++tap) {
        const V w = V::load(weights + (channel * c.width + tap) * blocks(c) + j);
#pragma GCC unroll 4
        for (int i = 0; i < Keys; ++i) sums[i] = fma(V::all(x[channel * wide(c) + s + i + tap]), w, sums[i]);
      }
#pragma GCC unroll 4
    for (int i = 0; i < Keys; ++i) put_part(f + (s + i) * c.filters + j, sums[i], c.filters - j);
  }
  static void forward(const LocationWork& w, int64_t row, const void* x, void* f, void* scratch) {
    const auto& c = w.call;
    const Scratch s(c, scratch);
    take_row(c, static_cast<const Real*>(x) + row * c.channels * c.keys, s);
    const Real* weights = weights_of(w, row / c.queries % c.heads);
    Real* to = static_cast<Real*>(f) + row * c.keys * c.filters;
    for (int64_t j = 0; j < c.filters; j += kLanes) {
      int64_t k = 0;
      for (; k + kTogether <= c.keys; k += kTogether) filter<kTogether>(c, weights, s.x, k, j, to);
      for (; k < c.keys; ++k) filter<1>(c, weights, s.x, k, j, to);
    }
  }

  // What flows to a channel's keys, from the s-th on: Σ_i Σ_j w[j, i] g[s + W/2 − i, j], where g begins W/2 keys before the first.
  template <int Keys>
  static ATTEND_INLINE void flow(const LocationFilters& c, const Real* weights, const Real* g, int64_t s, Real* to) {
    V sums[Keys];
#pragma GCC unroll 4
    for (int i = 0; i < Keys; ++i) sums[i] = V::all(0);
    for (int64_t tap = 0; tap < c.width; ++tap)
      for (int64_t j = 0; j < blocks(c); j += kLanes) {
        const V w = V::load(weights + tap * blocks(c) + j);
#pragma GCC unroll 4
        for (int i = 0; i < Keys; ++i) sums[i] = fma(V::load(g + (s + i + c.width - 1 - tap) * blocks(c) + j), w, sums[i]);
      }
#pragma GCC unroll 4
    for (int i = 0; i < Keys; ++i) to[s + i] = sum(sums[i]);
  }
  // What a row adds to as many taps of a channel, from `tap` on.
  template <int Taps>
  static ATTEND_INLINE void part(const LocationFilters& c, const Real* x, const Real* g, int64_t tap, int64_t j, Real* to) {
    V sums[Taps];
#pragma GCC unroll 4
    for (int i = 0; i < Taps; ++i) sums[i] = V::all(0);
    for (int64_t s = 0; s < c.keys; ++s) {
      const V flowing = V::load(g + s * blocks(c) + j);
#pragma GCC unroll 4
      for (int i = 0; i < Taps; ++i) sums[i] = fma(V::all(x[s + tap + i]), flowing, sums[i]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < Taps; ++i) sums[i].store(to + (tap + i) * blocks(c) + j);
  }
  static void backward(const LocationWork& w, int64_t row, const void* x, const void* f_gradient, void* x_gradient, void* scratch) {
    const auto& c = w.call;
    const Scratch s(c, scratch);
    memset(s.g, 0, static_cast<size_t>(wide(c) * blocks(c)) * sizeof(Real));
    Real* g = s.g + c.width / 2 * blocks(c);
    for (int64_t k = 0; k < c.keys; ++k)
      memcpy(g + k * blocks(c), static_cast<const Real*>(f_gradient) + (row * c.keys + k) * c.filters,
             static_cast<size_t>(c.filters) * sizeof(Real));
    if (x_gradient) {
      const Real* weights = weights_of(w, row / c.queries % c.heads);
      for (int64_t channel = 0; channel < c.channels; ++channel) {
        Real* to = static_cast<Real*>(x_gradient) + (row * c.channels + channel) * c.keys;
        int64_t k = 0;
        for (; k + kTogether <= c.keys; k += kTogether) flow<kTogether>(c, weights + channel * c.width * blocks(c), s.g, k, to);
        for (; k < c.keys; ++k) flow<1>(c, weights + channel * c.width * blocks(c), s.g, k, to);
      }
    }
    if (!w.parts) return;
    take_row(c, static_cast<const Real*>(x) + row * c.channels * c.keys, s);
    for (int64_t channel = 0; channel < c.channels; ++channel)
      for (int64_t j = 0; j < blocks(c); j += kLanes) {
        Real* to = static_cast<Real*>(w.parts) + (row * c.channels + channel) * c.width * blocks(c);
        int64_t tap = 0;
        for (; tap + kTogether <= c.width; tap += kTogether) part<kTogether>(c, s.x + channel * wide(c), g, tap, j, to);
        for (; tap < c.width; ++tap) part<1>(c, s.x + channel * wide(c), g, tap, j, to);
      }
  }
  static void add_parts(const LocationWork& w, int64_t h, void* weight_gradient) {
    const auto& c = w.call;
    Real* to = static_cast<Real*>(weight_gradient) + h * c.filters * taps(c);
    for (int64_t i = 0; i < taps(c); ++i)
      for (int64_t j = 0; j < blocks(c); j += kLanes) {
        V sum = V::all(0);
        for (int64_t b = 0; b < c.batch; ++b)
          for (int64_t r = 0; r < c.queries; ++r)
            sum = sum + V::load(static_cast<const Real*>(w.parts) + (((b * c.heads + h) * c.queries + r) * taps(c) + i) * blocks(c) + j);
        Real numbers[kLanes];
        sum.store(numbers);
        for (int64_t k = j; k < least(j + kLanes, c.filters); ++k) to[k * taps(c) + i] = numbers[k - j];
      }
  }

  static constexpr attend::kernels::LocationKernels kTable{.real_bytes = sizeof(Real),
                                                           .weight_bytes = weight_bytes,
                                                           .scratch_bytes = scratch_bytes,
                                                           .prepare = prepare,
                                                           .forward = forward,
                                                           .backward = backward,
                                                           .add_parts = add_parts};
};

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_ISA_avx512)
const LocationKernels location_float32_avx512 = Location<Floats>::kTable;
#elif defined(ATTEND_ISA_avx2)
const LocationKernels location_float32_avx2 = Location<Floats>::kTable;
#else
const LocationKernels location_float32_portable = Location<Floats>::kTable, location_float64_portable = Location<Doubles>::kTable;
#endif

}  // namespace attend::kernels
