#include "attend/record/site.h"

#include <fmt/ranges.h>

#include <charconv>
#include <vector>

#include "attend/core/error.h"

namespace attend {

bool over_source(RowAxis axis) { return axis != RowAxis::kNode; }
bool over_source(ColumnAxis axis) { return axis != ColumnAxis::kStep && axis != ColumnAxis::kSlot; }
bool target_to_source(const Site& site) { return site.rows == RowAxis::kNode && over_source(site.columns); }

std::optional<std::size_t> attention_to_source(std::span<const Site* const> sites, std::optional<std::int64_t> layer) {
  std::optional<std::size_t> found;
  std::vector<std::int64_t> layers;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    if (sites[i]->role != SiteRole::kSource) continue;
    layers.push_back(sites[i]->layer);
    if (layer ? sites[i]->layer == *layer : !found || sites[i]->layer > sites[*found]->layer) found = i;
  }
  ATTEND_CHECK(found || layers.empty(), kValue, "layer {} does not attend to the source; those that do: {}", layer.value_or(0),
               fmt::join(layers, ", "));
  return found;
}

std::optional<Site> source_site(std::span<const Site> sites, std::optional<std::int64_t> layer) {
  const auto* found = source_among(
      sites, [](const Site& site) -> const Site& { return site; }, layer);
  return found ? std::optional(*found) : std::nullopt;
}

std::optional<std::int64_t> parse_layer(const std::string& text) {
  if (text == "last") return {};
  std::int64_t layer = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), layer);
  ATTEND_CHECK(problem == std::errc() && end == text.data() + text.size() && layer >= 0, kValue,
               "layer: expected last or a number from 0, got '{}'", text);
  return layer;
}

std::string describe_layer(const Site& site, std::optional<std::int64_t> chosen) {
  return fmt::format("layer {}{}", site.layer, chosen ? "" : " (last)");
}

}  // namespace attend
