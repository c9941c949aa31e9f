#pragma once
// Checkpoints of a run and the figures it writes down.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attend/store/model_folder.h"
#include "attend/text/corpus.h"
#include "attend/train/optimiser.h"
#include "attend/train/trainer.h"

namespace attend {

/// Where a run stands; with the weights and the optimiser's tensors it is everything that the next update depends on.
struct Progress {
  std::int64_t step = 0, validated_step = 0;
  BatchPosition position;
  std::optional<double> best_figure;
  double validated_figure = 0, plateau_factor = 1, seconds = 0;
  std::int64_t without_better = 0, plateau_count = 0;
  std::vector<std::pair<std::int64_t, double>> kept;  ///< step and figure of the best checkpoints, best first
  double loss_sum = 0;                                ///< since the last validation
  std::int64_t loss_tokens = 0;
};

class Checkpoints {
 public:
  Checkpoints(std::string folder, std::string config, std::int64_t keep, bool larger_is_better);
  static bool exist_in(const std::string& folder);
  /// Restores weights and optimiser from a checkpoint folder.
  static Progress load(const std::string& checkpoint, const AnyModel& model, Optimiser& optimiser);

  /// Makes the run's folder, drops what a killed run left half written, cuts metrics.jsonl back to `progress`.
  void begin(const Progress& progress);
  /// Writes RUN/step-N, points `last` (and `best`) at it, then removes what is no longer among the best. Returns its folder.
  std::string save(Progress& progress, const AnyModel& model, const Optimiser& optimiser);
  void save_average(Progress& progress, double figure, const AnyModel& model);
  void log(const ValidationReport& report, const Progress& progress);
  std::vector<std::string> best_folders(std::size_t most) const;
  double best_figure() const { return best_figure_; }

 private:
  std::string folder_of(std::int64_t step) const;
  void prune(const Progress& progress) const;
  std::string folder_, config_;
  std::size_t keep_;
  bool larger_is_better_;
  std::vector<std::pair<std::int64_t, double>> kept_;
  double best_figure_ = 0;
};

}  // namespace attend
