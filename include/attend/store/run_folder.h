#pragma once
// The folder of a training run as it is found on disk: its checkpoints, and which of them is best and last. Links may be missing, stale
// or turned into folders (a copy does that), so what they should say is read from the checkpoints themselves. Without libtorch.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attend {

/// One checkpoint of a run: RUN/step-N, RUN/average-N, or a folder `last` or `best` that was once a link to one.
struct Checkpoint {
  std::string path, name;
  std::int64_t step = 0;
  bool average = false;    ///< the mean of several checkpoints' weights: nothing to go on from
  bool resumable = false;  ///< holds the state of the optimiser and of the run
  std::string problem;     ///< why it is not whole; empty when the manifest and the sizes of its files agree
};

/// The checkpoints in `run`, oldest first, damaged ones too: folders of that name that hold a manifest, weights or a state. Empty for a
/// folder that is not there.
std::vector<Checkpoint> checkpoints_in(const std::string& run);
/// The newest that is whole and no average; null when there is none.
const Checkpoint* newest_single(const std::vector<Checkpoint>& checkpoints);
/// Whether `run` holds a training run: any checkpoint, whatever its links say.
bool holds_run(const std::string& run);

/// How good the checkpoints in a run are, by their own account.
struct RunFigures {
  std::vector<std::pair<std::int64_t, double>> kept;  ///< step and figure of the best single ones, best first
  std::string average;                                ///< the name of an average that is better than each of them, or empty
  double average_figure = 0;
};
/// Read from the newest whole checkpoint. Null when there is none that says.
std::optional<RunFigures> figures_in(const std::vector<Checkpoint>& checkpoints);
/// The name of the best of `checkpoints` ("step-40", "average-60"); empty when none says.
std::string best_of(const std::vector<Checkpoint>& checkpoints);

/// Where the model is that a path stands for.
struct ModelPlace {
  std::string folder;
  std::string note;  ///< what the user should know: that it is not the best checkpoint, or that the link was missing; else empty
};
/// `path` itself if it is a model folder, else the best checkpoint of the run there. Throws kFile when it holds no model.
ModelPlace locate_model(const std::string& path);

}  // namespace attend
