#pragma once
// When a run ends, and how far it has come.
#include "train/checkpoints.h"

namespace attend {

/// Which of train.steps, epochs and minutes is reached, in words; empty while none is.
std::string limit_reached(const TrainOptions& options, std::int64_t step, std::uint64_t epoch, double seconds);
/// Why a run ends at a validation before its limits, in words: patience, or a rate that has fallen; else empty.
std::string early_end(const TrainOptions& options, const Progress& progress);
/// Share of the run that is done, 0 to 1, by whichever limit comes first.
double share_done(const TrainOptions& options, const Progress& progress, std::uint64_t batches_per_epoch);

}  // namespace attend
