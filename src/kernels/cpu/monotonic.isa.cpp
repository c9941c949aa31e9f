// Monotonic alignment, for one instruction set. It goes from key to key, so that rows are computed side by side, one a lane: a piece of
// their keys at a time is turned, [rows, keys] to [keys, lanes], and back.
#include "kernels/cpu/monotonic.h"

#include "kernels/cpu/tiles.h"

namespace {

template <class V>
struct Monotonic {
  using Real = typename V::Real;
  static constexpr int64_t kLanes = V::kLanes, kPiece = 64;  // keys of a piece

  // Rows that whole squares hold.
  static int64_t in_squares(int64_t rows) { return kLanes % kSquare == 0 ? rows / kSquare * kSquare : 0; }
  // The keys [0, keys) of `rows` rows, `stride` apart, as [keys, lanes]; 0 where no row is.
  static void turn_in(const Real* from, int64_t rows, int64_t keys, int64_t stride, Real* to) {
    int64_t r = 0;
    for (const int64_t whole = in_squares(rows); r < whole; r += kSquare) {
      int64_t s = 0;
      for (; s + kSquare <= keys; s += kSquare)
        turn_square(from + r * stride + s, stride, static_cast<Real>(1), to + s * kLanes + r, kLanes);
      for (; s < keys; ++s)
        for (int64_t i = r; i < r + kSquare; ++i) to[s * kLanes + i] = from[i * stride + s];
    }
    for (; r < kLanes; ++r)
      for (int64_t s = 0; s < keys; ++s) to[s * kLanes + r] = r < rows ? from[r * stride + s] : 0;
  }
  // The way back; rows that are not there are left out.
  static void turn_out(const Real* from, int64_t rows, int64_t keys, int64_t stride, Real* to) {
    int64_t r = 0;
    for (const int64_t whole = in_squares(rows); r < whole; r += kSquare) {
      int64_t s = 0;
      for (; s + kSquare <= keys; s += kSquare)
        turn_square(from + s * kLanes + r, kLanes, static_cast<Real>(1), to + r * stride + s, stride);
      for (; s < keys; ++s)
        for (int64_t i = r; i < r + kSquare; ++i) to[i * stride + s] = from[s * kLanes + i];
    }
    for (; r < rows; ++r)
      for (int64_t s = 0; s < keys; ++s) to[r * stride + s] = from[s * kLanes + r];
  }

  static int64_t forward_scratch(int64_t /*keys*/) { return 2 * kPiece * kLanes; }
  static void forward(int64_t rows, int64_t keys, const void* p, const void* before, void* w, void* scratch) {
    Real *stop = static_cast<Real*>(scratch), *come = stop + kPiece * kLanes;  // [piece, lanes]
    const V one = V::all(1);
    V walk = V::all(0);  // (1 − p) y of the key before
    for (int64_t first = 0; first < keys; first += kPiece) {
      const int64_t here = least(kPiece, keys - first);
      turn_in(static_cast<const Real*>(p) + first, rows, here, keys, stop);
      turn_in(static_cast<const Real*>(before) + first, rows, here, keys, come);
      for (int64_t s = 0; s < here; ++s) {
        const V x = V::load(stop + s * kLanes), y = walk + V::load(come + s * kLanes);
        (x * y).store(come + s * kLanes);
        walk = (one - x) * y;
      }
      turn_out(come, rows, here, keys, static_cast<Real*>(w) + first);
    }
  }

  static int64_t backward_scratch(int64_t keys) { return (2 * keys + kPiece) * kLanes; }
  static void backward(int64_t rows, int64_t keys, const void* p, const void* before, const void* w_gradient, void* p_gradient,
                       void* before_gradient, void* scratch) {
    Real *stop = static_cast<Real*>(scratch), *reach = stop + keys * kLanes, *flow = reach + keys * kLanes;  // p, y, gradient of w
    const V one = V::all(1);
    V walk = V::all(0);
    turn_in(static_cast<const Real*>(p), rows, keys, keys, stop);
    turn_in(static_cast<const Real*>(before), rows, keys, keys, reach);
    for (int64_t s = 0; s < keys; ++s) {
      const V y = walk + V::load(reach + s * kLanes);
      y.store(reach + s * kLanes);
      walk = (one - V::load(stop + s * kLanes)) * y;
    }
    V next = V::all(0);  // gradient of the y of the key behind
    for (int64_t end = keys; end > 0;) {
      const int64_t first = (end - 1) / kPiece * kPiece, here = end - first;
      turn_in(static_cast<const Real*>(w_gradient) + first, rows, here, keys, flow);
      Real *x = stop + first * kLanes, *y = reach + first * kLanes;
      for (int64_t s = here - 1; s >= 0; --s) {
        const V probability = V::load(x + s * kLanes), g = V::load(flow + s * kLanes);
        (V::load(y + s * kLanes) * (g - next)).store(x + s * kLanes);
        next = fma(probability, g, (one - probability) * next);
        next.store(y + s * kLanes);
      }
      turn_out(x, rows, here, keys, static_cast<Real*>(p_gradient) + first);
      if (before_gradient) turn_out(y, rows, here, keys, static_cast<Real*>(before_gradient) + first);
      end = first;
    }
  }

  static constexpr attend::kernels::MonotonicKernels kTable{kLanes, sizeof(Real), forward_scratch, backward_scratch, forward, backward};
};

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_ISA_avx512)
extern const MonotonicKernels monotonic_float32_avx512;
const MonotonicKernels monotonic_float32_avx512 = Monotonic<Floats>::kTable;
#elif defined(ATTEND_ISA_avx2)
extern const MonotonicKernels monotonic_float32_avx2;
const MonotonicKernels monotonic_float32_avx2 = Monotonic<Floats>::kTable;
#else
const MonotonicKernels monotonic_float32_portable = Monotonic<Floats>::kTable, monotonic_float64_portable = Monotonic<Doubles>::kTable;
#endif

}  // namespace attend::kernels
