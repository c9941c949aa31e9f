#include "ops/rotary_kernel.h"

namespace attend {
namespace {

template <class Number, class Real>
void turn(const Number* __restrict x, const Real* __restrict c, const Real* __restrict s, std::int64_t pairs, bool adjacent,
          Number* __restrict y) {
  const auto store = [](Number& to, Real value) { to = static_cast<Number>(value); };
  if (adjacent)
    for (std::int64_t i = 0; i < pairs; ++i) {
      const auto a = static_cast<Real>(x[2 * i]), b = static_cast<Real>(x[2 * i + 1]);
      store(y[2 * i], a * c[i] - b * s[i]);
      store(y[2 * i + 1], a * s[i] + b * c[i]);
    }
  else
    for (std::int64_t i = 0; i < pairs; ++i) {
      const auto a = static_cast<Real>(x[i]), b = static_cast<Real>(x[i + pairs]);
      store(y[i], a * c[i] - b * s[i]);
      store(y[i + pairs], a * s[i] + b * c[i]);
    }
}

}  // namespace

void turn_row(const float* x, const float* c, const float* s, std::int64_t pairs, bool adjacent, float* y) {
  turn(x, c, s, pairs, adjacent, y);
}
void turn_row(const c10::BFloat16* x, const float* c, const float* s, std::int64_t pairs, bool adjacent, c10::BFloat16* y) {
  turn(x, c, s, pairs, adjacent, y);
}
void turn_row(const double* x, const double* c, const double* s, std::int64_t pairs, bool adjacent, double* y) {
  turn(x, c, s, pairs, adjacent, y);
}

}  // namespace attend
