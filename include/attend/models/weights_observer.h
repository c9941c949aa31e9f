#pragma once
// Keeps what a network attends to, for records.
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attend/attention/observer.h"
#include "attend/record/map_keeping.h"
#include "attend/record/record.h"

namespace attend {

/// What one site showed.
struct SeenMap {
  Site site;
  at::Tensor weights;  ///< float32 [B, H, rows, columns], contiguous
  WeightKind kind = WeightKind::kSoftmax;
};
using SeenMaps = std::vector<SeenMap>;

/// Keeps the weights of the latest call of each site, in the order of names and layers, or the summary of calls that `keep` says. One
/// thread at a time.
class WeightsObserver final : public Observer {
 public:
  WeightsObserver() = default;
  /// Asks for the weights of these sites and of no others.
  explicit WeightsObserver(std::vector<Site> only) : only_(std::move(only)) {}
  Request request(const Site& site) override { return {.weights = wants(site)}; }
  Request request(const Site& site, const CallSizes& sizes) override;
  void observe(const Site& site, const Result& result) override;
  const SeenMaps& seen() const { return seen_; }
  /// What a mechanism says of each row beside its weights, one number a head: centre, choice, ... float32 [B, H, K], by its name in
  /// records.
  const std::map<std::string, at::Tensor>& scalars() const { return scalars_; }
  void clear() {
    seen_.clear();
    summaries_.clear();
    scalars_.clear();
  }
  /// What has been seen, taken out.
  SeenMaps take() {
    scalars_.clear();
    return std::exchange(seen_, {});
  }

  /// Which rows a map may have to be summarised.
  enum class Summarise : std::uint8_t {
    kNothing,  ///< every map is kept
    kReading,  ///< those over the source
    kAll       ///< nodes too: they are the steps of one target
  };
  /// From now on maps of a single item that `keep` says are summarised.
  void keep_as(const MapKeeping& keep, Summarise which) { keep_ = keep, which_ = which; }
  std::vector<MapSummary> take_summaries() { return std::exchange(summaries_, {}); }

 private:
  bool wants(const Site& site) const;
  void keep_scalars(const Site& site, const Result& result);
  std::optional<std::vector<Site>> only_;  // null is all
  MapKeeping keep_;
  Summarise which_ = Summarise::kNothing;
  std::optional<CallSizes> summarised_;  // of the call whose summary was asked for
  std::map<std::string, at::Tensor> scalars_;
  SeenMaps seen_;
  std::vector<MapSummary> summaries_;
};

/// The same, as records say it.
RowKind row_kind(WeightKind kind);

}  // namespace attend
