#pragma once
// Runs on disk, as `attend runs` lists and clears them up.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attend {

/// kUnknown is a run of an older version, which did not write down how it ended.
enum class RunState { kRunning, kFinished, kInterrupted, kUnknown };
const char* name_of(RunState state);

struct RunInfo {
  std::string path, task, model;  ///< model: "rnn_seq2seq, additive"
  std::int64_t updates = 0;       ///< of the newest checkpoint
  std::string metric;             ///< what chooses `best`
  std::optional<double> best;     ///< its value; null before the first validation
  std::uint64_t bytes = 0, checkpoints = 0;
  double age = 0;          ///< seconds since its newest checkpoint was written
  bool resumable = false;  ///< holds the optimiser's state
  std::string damaged;     ///< a checkpoint that is not whole and why, by its files' sizes; empty when all are
  RunState state = RunState::kUnknown;
};
/// Throws kFile when there is no run in `path`.
RunInfo about_run(const std::string& path);
/// Runs, and a line for each folder whose training has no checkpoint, because it has just begun or ended early.
struct FoundRuns {
  std::vector<std::string> runs, without_checkpoint;
};
/// The runs that the folders are or hold, at most three folders deep, in the order of their names. Throws kFile for a folder that is not
/// there.
FoundRuns find_runs(const std::vector<std::string>& folders);

/// What a clearing removes, or with `dry` would remove.
struct Removed {
  std::vector<std::string> paths;
  std::uint64_t bytes = 0;
};
/// Removes the checkpoints that are neither the best nor the newest nor the one that a resume would go on from; damaged ones are left to
/// their owner. Throws kFile while a process trains there.
Removed prune_run(const std::string& path, bool dry);
/// Removes the optimiser's state from every checkpoint: the model stays whole, and the run can no longer be resumed. Throws likewise.
Removed strip_run(const std::string& path, bool dry);

}  // namespace attend
