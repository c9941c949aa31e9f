#include "attend/search/growing_record.h"

#include <algorithm>
#include <utility>

#include "attend/core/error.h"

namespace attend {

SearchTree GrowingRecord::snapshot() const {
  const std::lock_guard lock(mutex_);
  SearchTree tree{nodes_, encoder_, scalars_, summaries_};
  for (auto& map : decoder_maps()) tree.maps.push_back(std::move(map));
  return tree;
}

std::size_t GrowingRecord::size() const {
  const std::lock_guard lock(mutex_);
  return nodes_.size();
}

bool GrowingRecord::finished() const {
  const std::lock_guard lock(mutex_);
  return finished_;
}

void GrowingRecord::add_encoder(std::vector<AttentionMap> maps) {
  const std::lock_guard lock(mutex_);
  encoder_ = std::move(maps);
}

void GrowingRecord::add_summaries(std::vector<MapSummary> summaries) {
  const std::lock_guard lock(mutex_);
  for (auto& summary : summaries) summaries_.push_back(std::move(summary));
}

void GrowingRecord::add_step(std::span<const KeptNode> kept, const ShownRows& shown, std::span<const std::int32_t> pruned) {
  const std::lock_guard lock(mutex_);
  for (const auto& one : kept) {
    nodes_.push_back(one.node);
    for (const auto& site : shown.sites) add_row(site, one);
    add_scalars(shown.scalars, one.row);
  }
  for (const auto node : pruned) nodes_[static_cast<std::size_t>(node)].end = NodeEnd::kPruned;
}

void GrowingRecord::prune(std::span<const std::int32_t> nodes) { add_step({}, {}, nodes); }

void GrowingRecord::finish() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
}

SearchTree GrowingRecord::release() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  SearchTree tree{std::exchange(nodes_, {}), std::exchange(encoder_, {}), std::exchange(scalars_, {}), std::exchange(summaries_, {})};
  for (auto& growing : decoder_) {
    tree.maps.push_back(whole(growing));
    growing = {};  // one site at a time, so that the tree is in memory about once
  }
  decoder_.clear();
  return tree;
}

// A row is as wide as its batch's longest item; only what belongs to this item is kept.
std::int64_t GrowingRecord::own_columns(const SiteRows& shown, const SearchNode& node) const {
  switch (shown.site->columns) {
    case ColumnAxis::kStep: return static_cast<std::int64_t>(node.step) + 1;
    case ColumnAxis::kSlot: return shown.weights.columns;
    case ColumnAxis::kDraft: return own_.draft;
    default: return own_.source;
  }
}

void GrowingRecord::add_row(const SiteRows& shown, const KeptNode& kept) {
  const auto& site = *shown.site;
  auto growing =
      std::lower_bound(decoder_.begin(), decoder_.end(), site, [](const Growing& g, const Site& s) { return g.site.key() < s.key(); });
  if (growing == decoder_.end() || growing->site.key() != site.key())
    growing = decoder_.insert(growing, Growing{site, shown.kind, shown.weights.heads, {}, {}});
  const auto columns = own_columns(shown, kept.node);
  ATTEND_ASSERT(columns <= shown.weights.columns && growing->heads == shown.weights.heads);
  for (std::int64_t head = 0; head < shown.weights.heads; ++head) {
    const auto row = shown.weights.at(kept.row, head, columns);
    growing->weights.insert(growing->weights.end(), row.begin(), row.end());
  }
  growing->columns.push_back(static_cast<std::uint32_t>(columns));
}

void GrowingRecord::add_scalars(std::span<const ScalarRows> scalars, std::int64_t row) {
  for (const auto& scalar : scalars)
    for (std::int64_t head = 0; head < scalar.values.heads; ++head) {
      const auto name = scalar.values.heads == 1 ? scalar.name : fmt::format("{}.{}", scalar.name, head);
      auto place = std::find_if(scalars_.begin(), scalars_.end(), [&](const NodeScalars& s) { return s.name == name; });
      if (place == scalars_.end()) place = scalars_.insert(place, NodeScalars{name, {}});
      place->values.push_back(scalar.values.at(row, head, 1)[0]);
    }
}

// Rows [heads, own columns] one behind the other become weights[head, row, column], where the columns after a row's own are 0.
AttentionMap GrowingRecord::whole(const Growing& growing) {
  AttentionMap map;
  map.site = growing.site;
  map.kind = growing.kind;
  map.heads = static_cast<std::uint32_t>(growing.heads);
  map.rows = static_cast<std::uint32_t>(growing.columns.size());
  for (const auto columns : growing.columns) map.cols = std::max(map.cols, columns);
  map.weights.assign(std::size_t{map.heads} * map.rows * map.cols, 0.0F);
  const auto* from = growing.weights.data();
  for (std::size_t row = 0; row < map.rows; ++row)
    for (std::size_t head = 0; head < map.heads; ++head) {
      std::copy_n(from, growing.columns[row], map.weights.data() + (head * map.rows + row) * map.cols);
      from += growing.columns[row];
    }
  return map;
}

std::vector<AttentionMap> GrowingRecord::decoder_maps() const {
  std::vector<AttentionMap> maps;
  for (const auto& growing : decoder_) maps.push_back(whole(growing));
  return maps;
}

void widen(AttentionMap& map, std::uint32_t tokens, std::uint32_t first_row, std::uint32_t first_column) {
  const auto old = std::move(map.weights);
  const auto old_rows = map.rows, old_cols = map.cols;
  map.cols = tokens;
  if (over_source(map.site.rows)) map.rows = tokens;
  map.weights.assign(std::size_t{map.heads} * map.rows * map.cols, 0.0F);
  for (std::size_t h = 0; h < map.heads; ++h)
    for (std::size_t r = 0; r < old_rows; ++r)  // old row r of [heads, old_rows, old_cols] goes to row first_row + r
      std::copy_n(old.begin() + static_cast<std::ptrdiff_t>((h * old_rows + r) * old_cols), old_cols,
                  map.weights.begin() + static_cast<std::ptrdiff_t>((h * map.rows + first_row + r) * map.cols + first_column));
}

std::string scalar_name(const Site& site, const std::string& name) {
  if (site.layers != SiteLayers::kOne) return fmt::format("{}.{}", name, site.layer);
  return site.role == SiteRole::kDraft ? "draft." + name : name;
}

}  // namespace attend
