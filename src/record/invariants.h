#pragma once
#include "attend/record/record.h"

namespace attend {

/// How far a softmax row's sum may be from 1.
inline constexpr double kRowSumTolerance = 1e-3;

/// Throws kValue naming the first invariant of Record that `data` breaks.
void check_invariants(const RecordData& data);

}  // namespace attend
