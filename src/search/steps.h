#pragma once
// What search, sampling and forcing do at the beginning and the end of a step.
#include <memory>

#include "attend/search/control.h"
#include "attend/search/step_model.h"

namespace attend {

/// The record of an item, before its first step. The model has been started.
std::shared_ptr<GrowingRecord> begin_record(StepModel& model, std::int64_t item, const SearchControl& control);
/// The whole tree, after the last step: moved, or copied where somebody follows the record.
SearchTree end_record(const std::shared_ptr<GrowingRecord>& record);

/// Throws kInterrupted once `control.stop` is set.
void stop_if_asked(const SearchControl& control);
/// Calls control.on_step; throws kInterrupted when that cancels.
void tell(const StepEvent& event, const SearchControl& control);

}  // namespace attend
