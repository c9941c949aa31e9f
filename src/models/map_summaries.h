#pragma once
// From what a mechanism says of a call to what a record keeps of its map.
#include "attend/attention/observer.h"
#include "attend/record/map_keeping.h"
#include "attend/record/map_summary.h"

namespace attend {

/// What to ask of a call whose map is to be summarised.
Request summary_request(const MapKeeping& keep, const CallSizes& sizes);

/// The summary of a call of one item (B = 1) that returned summary_request(keep, sizes). Copies what it takes, so that nothing of the call
/// is held. Queries and keys are left out where tensors of the mask say what is seen.
MapSummary summary_of(const Site& site, const Result& result, const MapKeeping& keep, const CallSizes& sizes);

}  // namespace attend
