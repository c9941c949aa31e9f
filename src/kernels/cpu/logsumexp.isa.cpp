// ln Σ exp(x) of a row, compiled once an instruction set. C headers only.
#include "kernels/cpu/logsumexp.h"

#include "attend/kernels/logsumexp.h"

#include "kernels/cpu/vectors.h"

namespace {

constexpr int kLanes = Floats::kLanes;

// The last numbers of a row, with −∞ behind them.
ATTEND_INLINE Floats last_of(const float* x, int64_t count) {
  float lanes[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) lanes[i] = i < count ? x[i] : -INFINITY;
  return Floats::load(lanes);
}

// The largest of x[from, end), as lanes.
ATTEND_INLINE Floats largest_lanes(const float* x, int64_t from, int64_t end) {
  const int64_t whole = from + (end - from) / kLanes * kLanes;
  Floats a = Floats::all(-INFINITY), b = a;
  int64_t i = from;
  for (; i + 2 * kLanes <= whole; i += 2 * kLanes) {
    a = larger(Floats::load(x + i), a);
    b = larger(Floats::load(x + i + kLanes), b);
  }
  if (i < whole) a = larger(Floats::load(x + i), a);
  a = larger(a, b);
  return whole < end ? larger(last_of(x + whole, end - whole), a) : a;
}

float row(const float* x, int64_t size, float* peaks) {
  using attend::kernels::kPeakBlock;
  const int64_t whole = size / kLanes * kLanes;
  Floats a = Floats::all(-INFINITY);
  if (peaks) {
    for (int64_t from = 0; from < size; from += kPeakBlock) {
      const Floats own = largest_lanes(x, from, from + kPeakBlock < size ? from + kPeakBlock : size);
      peaks[from / kPeakBlock] = largest(own);
      a = larger(own, a);
    }
  } else {
    a = largest_lanes(x, 0, size);
  }
  int64_t i = 0;
  const float most = largest(a);
  if (!(most - most == 0)) {  // an infinity, or NaN, beside which there may be another
    for (i = 0; i < size; ++i)
      if (x[i] != x[i]) return x[i];
    return most;
  }
  const Floats scale = Floats::all(kLog2E32), shift = Floats::all(most);
  Floats total = Floats::all(0), other = total;
  for (i = 0; i + 2 * kLanes <= whole; i += 2 * kLanes) {
    total = total + exp2((Floats::load(x + i) - shift) * scale);
    other = other + exp2((Floats::load(x + i + kLanes) - shift) * scale);
  }
  if (i < whole) total = total + exp2((Floats::load(x + i) - shift) * scale);
  if (whole < size) total = total + exp2((last_of(x + whole, size - whole) - shift) * scale);
  return most + logf(sum(total + other));
}

}  // namespace

namespace attend::kernels {

#if defined(ATTEND_ISA_avx512)
const LogSumExpRow logsumexp_avx512 = row;
#elif defined(ATTEND_ISA_avx2)
const LogSumExpRow logsumexp_avx2 = row;
#else
const LogSumExpRow logsumexp_portable = row;
#endif

}  // namespace attend::kernels
