#include "train/limits.h"

#include <algorithm>

namespace attend {

std::string limit_reached(const TrainOptions& t, std::int64_t step, std::uint64_t epoch, double seconds) {
  if (t.steps > 0 && step >= t.steps) return fmt::format("{} updates", t.steps);
  if (t.epochs > 0 && epoch >= static_cast<std::uint64_t>(t.epochs)) return fmt::format("{} epochs", t.epochs);
  if (t.minutes > 0 && seconds >= 60 * t.minutes) return fmt::format("{} minutes", t.minutes);
  return {};
}

std::string early_end(const TrainOptions& t, const Progress& progress) {
  if (t.patience > 0 && progress.without_better >= t.patience) return fmt::format("no better {} for {} validations", t.metric, t.patience);
  if (t.schedule == "plateau" && t.rate * progress.plateau.factor < t.minimum_rate)
    return fmt::format("the rate fell below {}", t.minimum_rate);
  return {};
}

double share_done(const TrainOptions& t, const Progress& progress, std::uint64_t batches_per_epoch) {
  double share = 0;
  if (t.steps > 0) share = std::max(share, static_cast<double>(progress.step) / static_cast<double>(t.steps));
  if (t.minutes > 0) share = std::max(share, progress.seconds / (60 * t.minutes));
  if (t.epochs > 0) {
    const double in_epoch =
        static_cast<double>(progress.position.batch) / static_cast<double>(std::max<std::uint64_t>(1, batches_per_epoch));
    share = std::max(share, (static_cast<double>(progress.position.epoch) + in_epoch) / static_cast<double>(t.epochs));
  }
  return std::min(1.0, share);
}

}  // namespace attend
