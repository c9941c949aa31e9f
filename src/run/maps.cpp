#include "run/maps.h"

#include "attend/run/translator.h"

#include <algorithm>

namespace attend {

RowKind row_kind(WeightKind kind) {
  if (kind == WeightKind::kUnnormalised) return RowKind::kUnnormalised;
  return kind == WeightKind::kSparse ? RowKind::kSparse : RowKind::kSoftmax;
}

const at::Tensor* source_weights(const SeenMaps& seen, std::optional<std::int64_t> layer) {
  const auto* found = source_among(
      seen, [](const SeenMap& map) -> const Site& { return map.site; }, layer);
  return found ? &found->weights : nullptr;
}

void WeightsObserver::observe(const Site& site, const Result& result) {
  const auto place =
      std::lower_bound(seen_.begin(), seen_.end(), site, [](const SeenMap& m, const Site& s) { return m.site.key() < s.key(); });
  SeenMap map{site, result.weights.detach().to(at::kFloat).contiguous(), result.kind};
  if (place != seen_.end() && place->site.key() == site.key()) {
    *place = std::move(map);
  } else {
    seen_.insert(place, std::move(map));
  }
  if (site.role != SiteRole::kSelf) keep_scalars(site, result);
}

void widen(AttentionMap& map, std::uint32_t tokens, std::uint32_t first_row, std::uint32_t first_column) {
  const auto old = std::move(map.weights);
  const auto old_rows = map.rows, old_cols = map.cols;
  map.cols = tokens;
  if (over_source(map.site.rows)) map.rows = tokens;
  map.weights.assign(std::size_t{map.heads} * map.rows * map.cols, 0.0F);
  for (std::size_t h = 0; h < map.heads; ++h)
    for (std::size_t r = 0; r < old_rows; ++r)
      std::copy_n(old.begin() + static_cast<std::ptrdiff_t>((h * old_rows + r) * old_cols), old_cols,
                  map.weights.begin() + static_cast<std::ptrdiff_t>((h * map.rows + first_row + r) * map.cols + first_column));
}

void GrowingMaps::add_encoder(const SeenMaps& seen, std::int64_t item, std::int64_t length) {
  for (const auto& one : seen) {
    auto own = one.weights[item].slice(1, 0, length).slice(2, 0, length);  // [H, S_b, S_b]
    if (one.weights.size(2) == 1) own = at::diag_embed(own.squeeze(1));    // a number for each position stands in its own row
    own = own.contiguous();
    AttentionMap map;
    map.site = one.site;
    map.kind = row_kind(one.kind);
    map.heads = static_cast<std::uint32_t>(own.size(0));
    map.rows = map.cols = static_cast<std::uint32_t>(length);
    map.weights.assign(own.data_ptr<float>(), own.data_ptr<float>() + own.numel());
    encoder_.push_back(std::move(map));
  }
}

void GrowingMaps::add_node(const SeenMaps& seen, const NodeRow& row) {
  for (const auto& one : seen) {
    auto growing = std::find_if(decoder_.begin(), decoder_.end(), [&](const Growing& g) { return g.site.key() == one.site.key(); });
    if (growing == decoder_.end()) growing = decoder_.insert(growing, Growing{one.site, row_kind(one.kind), 0, {}});
    const auto& weights = one.weights;
    at::Tensor own;  // [H, columns]
    switch (one.site.columns) {
      case ColumnAxis::kStep: own = weights[row.item * row.beams + row.hypothesis].select(1, 0); break;
      case ColumnAxis::kSlot: own = weights[row.item].select(1, row.hypothesis); break;
      case ColumnAxis::kDraft: own = weights[row.item].select(1, row.hypothesis).slice(1, 0, row.draft_length); break;
      default: own = weights[row.item].select(1, row.hypothesis).slice(1, 0, row.source_length);
    }
    const auto flat = own.contiguous();
    growing->heads = flat.size(0);
    growing->rows.emplace_back(flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
  }
}

void WeightsObserver::keep_scalars(const Site& site, const Result& result) {
  for (const auto& [name, statistic] : result.extras) {
    const auto& value = statistic.value;
    if (statistic.axis != Axis::kRow) continue;
    const auto per_head = value.dim() == 2 ? value.unsqueeze(1) : value;  // [B, H, K]
    const auto full = site.layers != SiteLayers::kOne ? fmt::format("{}.{}", name, site.layer)
                      : site.role == SiteRole::kDraft ? "draft." + name
                                                      : name;
    scalars_[full] = per_head.detach().to(at::kFloat).contiguous();
  }
}

void GrowingMaps::add_scalars(const std::map<std::string, at::Tensor>& scalars, std::int64_t item, std::int64_t row) {
  for (const auto& [name, value] : scalars)
    for (std::int64_t h = 0; h < value.size(1); ++h) {
      const auto full = value.size(1) == 1 ? name : fmt::format("{}.{}", name, h);
      auto place = std::find_if(scalars_.begin(), scalars_.end(), [&](const NodeScalars& s) { return s.name == full; });
      if (place == scalars_.end()) place = scalars_.insert(place, NodeScalars{full, {}});
      place->values.push_back(value[item][h][row].item<float>());
    }
}

std::vector<AttentionMap> GrowingMaps::finish() {
  auto maps = std::move(encoder_);
  std::sort(decoder_.begin(), decoder_.end(), [](const Growing& a, const Growing& b) { return a.site.key() < b.site.key(); });
  for (auto& growing : decoder_) {
    AttentionMap map;
    map.site = growing.site;
    map.kind = growing.kind;
    map.heads = static_cast<std::uint32_t>(growing.heads);
    map.rows = static_cast<std::uint32_t>(growing.rows.size());
    for (const auto& row : growing.rows) map.cols = std::max(map.cols, static_cast<std::uint32_t>(row.size()) / map.heads);
    map.weights.assign(std::size_t{map.heads} * map.rows * map.cols, 0.0F);
    for (std::size_t r = 0; r < growing.rows.size(); ++r) {
      const auto columns = growing.rows[r].size() / map.heads;
      for (std::size_t h = 0; h < map.heads; ++h)
        std::copy_n(growing.rows[r].begin() + static_cast<std::ptrdiff_t>(h * columns), columns,
                    map.weights.begin() + static_cast<std::ptrdiff_t>((h * map.rows + r) * map.cols));
    }
    maps.push_back(std::move(map));
  }
  decoder_.clear();
  encoder_.clear();
  return maps;
}

}  // namespace attend
