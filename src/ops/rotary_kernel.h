#pragma once
// The loop of turn_pairs, compiled by itself so that the compiler makes vectors of it.
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace attend {

/// y[0, 2 pairs) of x[0, 2 pairs): pair i turned by the angle whose cosine and sine are c[i] and s[i]. y may not overlap x.
void turn_row(const float* x, const float* c, const float* s, std::int64_t pairs, bool adjacent, float* y);
void turn_row(const c10::BFloat16* x, const float* c, const float* s, std::int64_t pairs, bool adjacent, c10::BFloat16* y);
void turn_row(const double* x, const double* c, const double* s, std::int64_t pairs, bool adjacent, double* y);

}  // namespace attend
