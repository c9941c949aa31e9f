// The most multiplications and additions a second, and the most bytes, compiled once an instruction set: what a kernel could reach if it
// did nothing else.
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

// Reads `count` numbers, a multiple of 512, in four streams side by side; what it returns keeps the compiler from leaving that out.
float ATTEND_NAMED(read_, ATTEND_SET)(const float* from, int64_t count) {
  constexpr int kStreams = 4, kLines = 2;
  const int64_t apart = count / kStreams;
  Floats sums[kStreams * kLines];
  for (int i = 0; i < kStreams * kLines; ++i) sums[i] = Floats::all(0);
  for (int64_t at = 0; at < apart; at += kLines * Floats::kLanes)
#pragma GCC unroll 8
    for (int i = 0; i < kStreams * kLines; ++i)
      sums[i] = sums[i] + Floats::load(from + (i / kLines) * apart + at + (i % kLines) * Floats::kLanes);
  for (int i = 1; i < kStreams * kLines; ++i) sums[0] = sums[0] + sums[i];
  return sum(sums[0]);
}

}  // namespace attend::bench
