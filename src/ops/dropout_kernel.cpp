#include "ops/dropout_kernel.h"

namespace attend {
namespace {

// 32 bits from a place and a key: two rounds of a multiply-and-shift mixer (C. Wellons' lowbias32), the key entering each.
// 32-bit multiplications, because these run in vectors everywhere.
__attribute__((always_inline)) inline uint32_t mixed(uint32_t place, uint32_t first, uint32_t second) {
  uint32_t x = place ^ first;
  x = (x ^ (x >> 16)) * 0x7feb352dU;
  x = (x ^ (x >> 15)) * 0x846ca68bU;
  x = (x ^ (x >> 16)) + second;
  x = (x ^ (x >> 16)) * 0x7feb352dU;
  x = (x ^ (x >> 15)) * 0x846ca68bU;
  return x ^ (x >> 16);
}

template <class Number>
__attribute__((always_inline)) inline void run(const DropKernel& k, uint32_t place, const Number* __restrict from, Number* __restrict to,
                                               size_t n) {
  const auto scale = static_cast<Number>(k.scale);
  const uint32_t first = k.first, second = k.second;
  const int32_t threshold = k.threshold;
  for (size_t i = 0; i < n; ++i) {
    const auto bits = static_cast<int32_t>(mixed(place + static_cast<uint32_t>(i), first, second));
    const Number value = from[i] * scale;  // before the choice, which then is a select and not a jump
    to[i] = bits < threshold ? Number{0} : value;
  }
}

#if defined(__x86_64__)
template <class Number>
__attribute__((target("avx2"))) void run_avx2(const DropKernel& k, uint32_t place, const Number* from, Number* to, size_t n) {
  run(k, place, from, to, n);
}
template <class Number>
void choose(const DropKernel& k, uint32_t place, const Number* from, Number* to, size_t n) {
  __builtin_cpu_supports("avx2") ? run_avx2(k, place, from, to, n) : run(k, place, from, to, n);
}
#else
template <class Number>
void choose(const DropKernel& k, uint32_t place, const Number* from, Number* to, size_t n) {
  run(k, place, from, to, n);
}
#endif

}  // namespace

void drop(const DropKernel& kernel, uint32_t place, const float* from, float* to, size_t n) { choose(kernel, place, from, to, n); }
void drop(const DropKernel& kernel, uint32_t place, const double* from, double* to, size_t n) { choose(kernel, place, from, to, n); }

}  // namespace attend
