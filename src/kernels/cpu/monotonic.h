#pragma once
// What dispatch and the loops of monotonic alignment share. C headers only, as fused_attention.h here.
#include <stdint.h>

namespace attend::kernels {

/// The loops for one kind of number. They allocate nothing and start no thread.
struct MonotonicKernels {
  int64_t lanes;  // rows that are computed side by side
  int64_t real_bytes;
  /// Numbers of scratch, forward and backward.
  int64_t (*forward_scratch)(int64_t keys);
  int64_t (*backward_scratch)(int64_t keys);
  /// Of `rows` rows, 1 to lanes; scratch begins at a multiple of 64 bytes.
  void (*forward)(int64_t rows, int64_t keys, const void* p, const void* before, void* w, void* scratch);
  void (*backward)(int64_t rows, int64_t keys, const void* p, const void* before, const void* w_gradient, void* p_gradient,
                   void* before_gradient, void* scratch);
};

extern const MonotonicKernels monotonic_float32_portable, monotonic_float64_portable;
#if defined(__x86_64__)
extern const MonotonicKernels monotonic_float32_avx2, monotonic_float32_avx512;
#endif

}  // namespace attend::kernels
