// The loops of packed_linear over weights as they were given, compiled once an instruction set. C headers only.
#include "kernels/cpu/panel_product.h"

namespace {

template <class Vector, WeightForm Form>
struct Plain {
  using V = Vector;
  using Sum = V;
  using Real = typename V::Real;
  using Given = Real;
  using Weights = V;
  static constexpr int kLanes = V::kLanes, kGiven = 1;
  static constexpr WeightForm kForm = Form;
  static constexpr bool kScaled = false, kWidened = false;
  static ATTEND_INLINE Sum start(const char* /*tail*/, int64_t /*vector*/) { return V::all(0); }
  static ATTEND_INLINE Weights weights(const char* p) { return V::load(reinterpret_cast<const Real*>(p)); }
  static ATTEND_INLINE V factor(const Given* x) { return V::all(*x); }
  static ATTEND_INLINE Sum add(V x, Weights w, Sum sum) { return fma(x, w, sum); }
  static ATTEND_INLINE V real(Sum sum) { return sum; }

  static int64_t row_bytes(int64_t /*inputs*/) { return 0; }
  static void prepare(const LinearWork& /*work*/, int64_t /*row*/) {}

  static void pack(const LinearWeights& from, int64_t panel, void* to) {
    const int64_t first = panel * kPanelOutputs, inputs = from.inputs;
    const int64_t there = from.outputs - first < kPanelOutputs ? from.outputs - first : kPanelOutputs;
    Real* out = static_cast<Real*>(to) + first * inputs;
    const Real* in = static_cast<const Real*>(from.data);
    if (from.turned) {
      in += first;
      for (int64_t k = 0; k < inputs; ++k, in += from.row, out += kPanelOutputs) {
        memcpy(out, in, static_cast<size_t>(there) * sizeof(Real));
        memset(out + there, 0, static_cast<size_t>(kPanelOutputs - there) * sizeof(Real));
      }
      return;
    }
    in += first * from.row;
    int64_t n = 0;
    for (; n + kSquare <= there; n += kSquare) {
      int64_t k = 0;
      for (; k + kSquare <= inputs; k += kSquare)
        turn_square(in + n * from.row + k, from.row, static_cast<Real>(1), out + k * kPanelOutputs + n, kPanelOutputs);
      for (; k < inputs; ++k)
        for (int64_t i = n; i < n + kSquare; ++i) out[k * kPanelOutputs + i] = in[i * from.row + k];
    }
    for (; n < kPanelOutputs; ++n)
      for (int64_t k = 0; k < inputs; ++k) out[k * kPanelOutputs + n] = n < there ? in[n * from.row + k] : 0;
  }

  static constexpr LinearKernels kTable{Panels<Plain>::kTogether, row_bytes, prepare, Panels<Plain>::multiply, pack};
};

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_AVX512)
const LinearKernels linear_float32_avx512 = Plain<Floats, WeightForm::kFloat32>::kTable;
#elif defined(ATTEND_ISA_avx2)
const LinearKernels linear_float32_avx2 = Plain<Floats, WeightForm::kFloat32>::kTable;
#else
const LinearKernels linear_float32_portable = Plain<Floats, WeightForm::kFloat32>::kTable,
                    linear_float64_portable = Plain<Doubles, WeightForm::kFloat64>::kTable;
#endif

}  // namespace attend::kernels
