#pragma once
// What dispatch and the loops of location filters share. C headers only, as fused_attention.h here.
#include <stdint.h>

#include "attend/kernels/location.h"

namespace attend::kernels {

/// A call with its place to work in.
struct LocationWork {
  LocationFilters call;
  void* weights = nullptr;  // [H, C·W, F up to whole vectors], 0 behind the last filter
  void* parts = nullptr;    // [B·H·R, C·W, F up to whole vectors]: a row's gradient of the weights
};

/// The loops for one kind of number. They allocate nothing and start no thread. Scratch begins at a multiple of 64 bytes.
struct LocationKernels {
  int64_t real_bytes;
  /// Bytes of LocationWork::weights a head, as many as of LocationWork::parts a row; and of scratch.
  int64_t (*weight_bytes)(const LocationFilters& call);
  int64_t (*scratch_bytes)(const LocationFilters& call);
  /// The weights of one of H heads.
  void (*prepare)(const LocationWork& work, int64_t h);
  /// A row of B·H·R.
  void (*forward)(const LocationWork& work, int64_t row, const void* x, void* f, void* scratch);
  void (*backward)(const LocationWork& work, int64_t row, const void* x, const void* f_gradient, void* x_gradient, void* scratch);
  /// The gradient of the weights of one of H heads, from the parts.
  void (*add_parts)(const LocationWork& work, int64_t h, void* weight_gradient);
};

extern const LocationKernels location_float32_portable, location_float64_portable;
#if defined(__x86_64__)
extern const LocationKernels location_float32_avx2, location_float32_avx512;
#endif

}  // namespace attend::kernels
