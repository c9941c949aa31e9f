#pragma once
#include <utility>

#include "attend/trace/trace.h"

namespace attend {

/// The steps that a view shows, half-open and counted from 0. Throws kValue for a step or a number of digits that is not there.
std::pair<std::size_t, std::size_t> steps_of(const Trace& trace, const TraceView& view);

}  // namespace attend
