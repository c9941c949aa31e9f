#include "attend/models/weights_observer.h"

#include <algorithm>

#include "attend/search/growing_record.h"
#include "models/map_summaries.h"

namespace attend {

RowKind row_kind(WeightKind kind) {
  if (kind == WeightKind::kUnnormalised) return RowKind::kUnnormalised;
  return kind == WeightKind::kSparse ? RowKind::kSparse : RowKind::kSoftmax;
}

bool WeightsObserver::wants(const Site& site) const {
  return !only_ || std::any_of(only_->begin(), only_->end(), [&](const Site& s) { return s.key() == site.key(); });
}

Request WeightsObserver::request(const Site& site, const CallSizes& sizes) {
  summarised_.reset();
  const bool may = which_ == Summarise::kAll || (which_ == Summarise::kReading && over_source(site.rows));
  if (!may || !wants(site) || sizes.batch != 1 || !keep_.summarises(sizes.heads, sizes.queries, sizes.keys)) return request(site);
  summarised_ = sizes;
  return summary_request(keep_, sizes);
}

void WeightsObserver::observe(const Site& site, const Result& result) {
  if (!wants(site)) return;
  if (const auto sizes = std::exchange(summarised_, {})) {
    summaries_.push_back(summary_of(site, result, keep_, *sizes));
    if (site.role != SiteRole::kSelf) keep_scalars(site, result);
    return;
  }
  const auto place =
      std::lower_bound(seen_.begin(), seen_.end(), site, [](const SeenMap& m, const Site& s) { return m.site.key() < s.key(); });
  SeenMap map{site, result.weights.detach().to(at::kFloat).contiguous(), result.kind};  // [B, H, rows, columns]
  if (place != seen_.end() && place->site.key() == site.key()) {
    *place = std::move(map);
  } else {
    seen_.insert(place, std::move(map));
  }
  if (site.role != SiteRole::kSelf) keep_scalars(site, result);
}

void WeightsObserver::keep_scalars(const Site& site, const Result& result) {
  for (const auto& [name, statistic] : result.extras) {
    if (statistic.axis != Axis::kRow) continue;
    const auto& value = statistic.value;                                                // [B, K] or [B, H, K]
    const auto per_head = value.dim() == 2 ? value.unsqueeze(1) : value;                // [B, H, K]
    scalars_[scalar_name(site, name)] = per_head.detach().to(at::kFloat).contiguous();  // [B, H, K]
  }
}

}  // namespace attend
