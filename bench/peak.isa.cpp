// The most multiplications and additions a second, compiled once an instruction set: what a kernel could reach if it did nothing else.
#include "kernels/cpu/vectors.h"

#define ATTEND_JOINED(a, b) a##b
#define ATTEND_NAMED(a, b) ATTEND_JOINED(a, b)
#if defined(ATTEND_ISA_avx512)
#define ATTEND_SET avx512
#elif defined(ATTEND_ISA_avx2)
#define ATTEND_SET avx2
#else
#define ATTEND_SET portable
#endif

namespace attend::bench {

// Runs `rounds` of 12 independent chains; returns the operations done. `sink` keeps the compiler from leaving them out.
double ATTEND_NAMED(multiply_add_, ATTEND_SET)(int64_t rounds, float* sink) {
  constexpr int kChains = 12;
  Floats sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = Floats::all(0.1f * static_cast<float>(i));
  const Floats by = Floats::all(0.999f), plus = Floats::all(0.001f);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sums[i] = fma(sums[i], by, plus);
  }
  for (int i = 0; i < kChains; ++i) *sink += sum(sums[i]);
  return 2.0 * kChains * Floats::kLanes * static_cast<double>(rounds);
}

}  // namespace attend::bench
