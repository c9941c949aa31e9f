#pragma once
// What dispatch and the loops of each instruction set share. C headers only: sources that are compiled for one set include it.
#include <stdint.h>

#include "attend/kernels/packed_linear.h"

namespace attend::kernels {

constexpr int64_t kPanelOutputs = 32;

/// Of every form: inputs that lie together for one output, bytes that an output takes for them, and bytes behind the panel.
struct PanelForm {
  int64_t together, bytes, tail;
  __attribute__((always_inline)) constexpr int64_t steps(int64_t inputs) const { return (inputs + together - 1) / together; }
  __attribute__((always_inline)) constexpr int64_t panel_bytes(int64_t inputs) const {
    return steps(inputs) * kPanelOutputs * bytes + tail;
  }
};
/// Behind a panel of bytes: the step of each output (float32), then −128 times the sum of its weights (int32).
constexpr PanelForm kPanelForms[] = {{1, 4, 0}, {2, 4, 0}, {4, 4, kPanelOutputs * 8}, {1, 8, 0}};  // by WeightForm
__attribute__((always_inline)) constexpr const PanelForm& panel_form(WeightForm form) { return kPanelForms[static_cast<int>(form)]; }

/// A call with its place to work in.
struct LinearWork {
  PackedLinear call;
  void* rows = nullptr;  // [M] rows of row_bytes(K): x as the loops read it; null where they read x itself
  int64_t row_bytes = 0;
};

/// The loops for one form. They allocate nothing and start no thread.
struct LinearKernels {
  int64_t together;  // panels that few rows are multiplied by at a time
  /// Bytes of a row of x as the loops read it; 0: they read x itself.
  int64_t (*row_bytes)(int64_t inputs);
  void (*prepare)(const LinearWork& work, int64_t row);
  /// The outputs of the panels [first, last) for the rows [row, row + rows).
  void (*multiply)(const LinearWork& work, int64_t first, int64_t last, int64_t row, int64_t rows);
  /// Packs one panel to its place in `to`.
  void (*pack)(const LinearWeights& weights, int64_t panel, void* to);
};

extern const LinearKernels linear_float32_portable, linear_float64_portable, linear_bfloat16_portable, linear_int8_portable;
#if defined(__x86_64__)
extern const LinearKernels linear_float32_avx2, linear_bfloat16_avx2, linear_int8_avx2;
extern const LinearKernels linear_float32_avx512, linear_bfloat16_avx512, linear_int8_avx512;
extern const LinearKernels linear_int8_avx512_vnni, linear_bfloat16_avx512_bf16;
#endif

}  // namespace attend::kernels
