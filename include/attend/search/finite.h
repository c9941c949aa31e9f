#pragma once
// Scores that are no numbers end a search instead of winning it.
#include <cmath>
#include <cstddef>

#include "attend/core/error.h"

namespace attend {

/// Throws kValue naming `who` where a model's log-probability, or what it is divided by, is not a number. A search would go on with
/// whatever compares as best, and print an empty line for it.
inline void check_score(double score, const char* who, std::size_t step) {
  ATTEND_CHECK(
      !std::isnan(score) && score < INFINITY, kValue,
      "{}: at step {} the model gives scores that are not numbers; its weights are damaged or too large (did training diverge?), so use "
      "another checkpoint",
      who, step);
}

}  // namespace attend
