#pragma once
// Checkpoints of a run and the figures it writes down.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attend/data/corpus.h"
#include "attend/store/model_folder.h"
#include "attend/train/optimiser.h"
#include "attend/train/trainer.h"
#include "train/entropy_loss.h"
#include "train/resume.h"

namespace attend {

/// Where a run stands; with the weights and the optimiser's tensors it is everything that the next update depends on.
struct Progress {
  std::int64_t step = 0, validated_step = 0;
  BatchPosition position;
  std::optional<double> best_figure;
  double validated_figure = 0, seconds = 0;
  std::int64_t without_better = 0;
  PlateauState plateau;
  std::vector<std::pair<std::int64_t, double>> kept;  ///< step and figure of the best checkpoints, best first
  double loss_sum = 0, norm_sum = 0;                  ///< since the last validation
  std::int64_t loss_tokens = 0, loss_updates = 0;
  EntropySums entropies;  ///< of attention, since the last validation
  DataFingerprint data;
};

class Checkpoints {
 public:
  Checkpoints(std::string folder, std::string config, std::int64_t keep, bool larger_is_better);
  /// Restores the optimiser from a checkpoint folder, whose model was read already.
  static Progress load(const std::string& checkpoint, Optimiser& optimiser);

  /// Makes the run's folder, drops what a killed run left half written, moves `damaged` checkpoints aside, mends `last` and `best`, and
  /// cuts metrics.jsonl back to `progress`. Returns what the user should know. Throws kFile before anything is trained when a folder
  /// stands where a link must be and is no copy of a checkpoint.
  std::vector<std::string> begin(const Progress& progress, const std::vector<Checkpoint>& damaged);
  /// Writes RUN/step-N, points `best` and then `last` at it, and removes what is no longer among the best. Returns its folder.
  std::string save(Progress& progress, const AnyModel& model, const Optimiser& optimiser);
  /// Writes RUN/average-N and points `best` at it.
  void save_average(const Progress& progress, double figure, const AnyModel& model);
  void log(const ValidationReport& report, const Progress& progress);
  /// Writes down that the run came to its end by itself: RUN/end.json.
  void finish(const TrainResult& result) const;
  std::vector<std::string> best_folders(std::size_t most) const;
  /// The figure of `best`, an average of earlier too; null before the first validation.
  std::optional<double> best_figure() const;
  bool is_better(double figure, double than) const { return larger_is_better_ ? figure > than : figure < than; }

 private:
  std::string folder_of(std::int64_t step) const;
  void link_best() const;
  void mend_copies(std::vector<std::string>& said) const;
  void prune(std::int64_t last) const;
  std::string folder_, config_;
  std::size_t keep_;
  bool larger_is_better_;
  std::vector<std::pair<std::int64_t, double>> kept_;
  std::string average_;  // the name of an average that is better than all of kept_, or empty
  double average_figure_ = 0;
};

/// Sets `weights` to the mean of those in `folders`, at least one.
void load_mean(const std::vector<std::string>& folders, const NamedTensors& weights);

}  // namespace attend
