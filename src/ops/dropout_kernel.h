#pragma once
// The loop of dropout, compiled for several instruction sets; C headers only, so that no wide instruction leaks.
#include <stddef.h>
#include <stdint.h>

namespace attend {

struct DropKernel {
  uint32_t first, second;  // key
  int32_t threshold;       // dropped when the bits, as a signed number, are below
  double scale;
};
/// to[i] = dropped or from[i]·scale for i in [0, n), the first of which stands at `place`.
void drop(const DropKernel& kernel, uint32_t place, const float* from, float* to, size_t n);
void drop(const DropKernel& kernel, uint32_t place, const double* from, double* to, size_t n);

}  // namespace attend
