#include "attend/record/record.h"

#include <algorithm>

#include "attend/core/error.h"
#include "record/invariants.h"

namespace attend {
namespace {

/// The rows of the map that belong to hypothesis `h`, in order, and how many columns of them.
struct Selection {
  std::vector<std::uint32_t> rows;
  std::uint32_t cols = 0;
};

Selection select(const Record& record, const AttentionMap& map, std::size_t h) {
  if (map.site.rows != RowAxis::kNode) {
    Selection all{std::vector<std::uint32_t>(map.rows), map.cols};
    for (std::uint32_t row = 0; row < map.rows; ++row) all.rows[row] = row;
    return all;
  }
  Selection gathered{record.path(h), map.cols};
  if (map.site.columns == ColumnAxis::kStep) gathered.cols = static_cast<std::uint32_t>(gathered.rows.size());
  return gathered;
}

const float* row_of(const AttentionMap& map, std::uint32_t head, std::uint32_t row) {
  return map.weights.data() + (std::size_t{head} * map.rows + row) * map.cols;
}

}  // namespace

Record::Record(RecordData data) : data_(std::move(data)) { check_invariants(data_); }

std::vector<std::uint32_t> Record::path(std::size_t h) const {
  ATTEND_CHECK(h < data_.hypotheses.size(), kValue, "record of sentence {}: there are {} hypotheses, got number {} (counted from 0)",
               data_.sentence, data_.hypotheses.size(), h);
  std::vector<std::uint32_t> nodes;
  for (auto node = data_.hypotheses[h].last_node; node >= 0; node = data_.nodes[static_cast<std::size_t>(node)].parent)
    nodes.push_back(static_cast<std::uint32_t>(node));
  std::reverse(nodes.begin(), nodes.end());
  return nodes;
}

const AttentionMap& Record::find_map(const std::string& site, std::int64_t layer) const {
  for (const auto& map : data_.maps)
    if (map.site.name == site && map.site.layer == layer) return map;
  std::vector<std::string> names;
  for (const auto& map : data_.maps) names.push_back(fmt::format("{} layer {}", map.site.name, map.site.layer));
  fail_unknown_name(fmt::format("record of sentence {}: map", data_.sentence), fmt::format("{} layer {}", site, layer), names);
}

const AttentionMap* Record::source_map(std::optional<std::int64_t> layer) const {
  return source_among(
      data_.maps, [](const AttentionMap& map) -> const Site& { return map.site; }, layer);
}

const MapSummary* Record::find_summary(std::string_view site, std::int64_t layer) const {
  const auto found = std::find_if(data_.summaries.begin(), data_.summaries.end(),
                                  [&](const MapSummary& s) { return s.site.name == site && s.site.layer == layer; });
  return found == data_.summaries.end() ? nullptr : &*found;
}

SourcePart Record::part(ColumnAxis of) const {
  for (const auto& part : data_.parts)
    if (part.of == of) return part;
  return {of, 0, static_cast<std::uint32_t>(data_.source.tokens.size())};
}

WeightMatrix Record::map(const AttentionMap& map, std::uint32_t head, std::size_t h) const {
  ATTEND_CHECK(head < map.heads, kValue, "record of sentence {}: {} layer {} has {} heads, got head {} (counted from 0)", data_.sentence,
               map.site.name, map.site.layer, map.heads, head);
  const auto [rows, cols] = select(*this, map, h);
  WeightMatrix matrix{static_cast<std::uint32_t>(rows.size()), cols, {}};
  matrix.values.reserve(rows.size() * cols);
  for (const auto row : rows) matrix.values.insert(matrix.values.end(), row_of(map, head, row), row_of(map, head, row) + cols);
  return matrix;  // [T, S], [S, S] or [T, T]
}

WeightMatrix Record::mean_map(const AttentionMap& map, std::size_t h) const {
  const auto [rows, cols] = select(*this, map, h);
  WeightMatrix matrix{static_cast<std::uint32_t>(rows.size()), cols, {}};
  matrix.values.reserve(rows.size() * cols);
  for (const auto row : rows) {
    for (std::uint32_t col = 0; col < cols; ++col) {
      double sum = 0;
      for (std::uint32_t head = 0; head < map.heads; ++head) sum += row_of(map, head, row)[col];
      matrix.values.push_back(static_cast<float>(sum / map.heads));
    }
  }
  return matrix;  // as map()
}

}  // namespace attend
