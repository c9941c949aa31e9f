#pragma once
// What dispatch and the loops of each instruction set share. C headers only.
#include <stdint.h>

namespace attend::kernels {

/// Of one row; peaks: LogSumExpRows.
using LogSumExpRow = float (*)(const float* x, int64_t size, float* peaks);

extern const LogSumExpRow logsumexp_portable;
#if defined(__x86_64__)
extern const LogSumExpRow logsumexp_avx2, logsumexp_avx512;
#endif

}  // namespace attend::kernels
