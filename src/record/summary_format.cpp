#include "record/summary_format.h"

#include <cmath>

#include "attend/core/error.h"
#include "attend/core/json.h"
#include "record/format.h"

namespace attend {
namespace {

using Parsed = nlohmann::json;

constexpr std::size_t kMostLevels = 32;
constexpr std::int64_t kMostSize = 1 << 16;  // numbers of a query

template <class Number>
Number whole(const Parsed& object, const char* field) {
  const auto& value = object.at(field);
  const bool fits = value.is_number_unsigned() ? std::in_range<Number>(value.get<std::uint64_t>())
                                               : value.is_number_integer() && std::in_range<Number>(value.get<std::int64_t>());
  ATTEND_CHECK(fits, kData, "{} must be a whole number in range, got {}", field, value.dump());
  return value.get<Number>();
}

double number(const Parsed& object, const char* field) {
  const auto& value = object.at(field);
  ATTEND_CHECK(value.is_number(), kData, "{} must be a number, got {}", field, value.dump());
  return value.get<double>();
}

// Says what is wrong with an array of a summary, if anything.
class ShapeCheck {
 public:
  void operator()(const StoredArray& array, const char* name, Dtype dtype, const std::vector<std::int64_t>& shape) {
    if (!problem_.empty() || !array) return;
    const bool numbers = array.dtype() == dtype || (dtype == Dtype::kF16 && array.dtype() == Dtype::kF32);
    if (!numbers || array.shape() != shape)
      problem_ = fmt::format("{} must be {} [{}], got {} [{}]", name, name_of(dtype), fmt::join(shape, ", "), name_of(array.dtype()),
                             fmt::join(array.shape(), ", "));
  }
  void require(bool holds, const std::string& problem) {
    if (problem_.empty() && !holds) problem_ = problem;
  }
  const std::string& problem() const { return problem_; }

 private:
  std::string problem_;
};

std::int64_t last_size(const StoredArray& array) { return array.shape().empty() ? 0 : array.shape().back(); }

void check_place(const MapSummary& s, const SummaryPlace& place, ShapeCheck& check) {
  if (over_source(s.site.rows)) {
    check.require(std::uint64_t{s.first_row} + s.rows <= place.tokens,
                  fmt::format("rows {} to {} of {} source tokens", s.first_row, std::uint64_t{s.first_row} + s.rows, place.tokens));
  } else {
    check.require(place.one_path && s.rows == place.nodes && s.first_row == 0,
                  fmt::format("{} rows from {} for {} nodes; its rows can be nodes where these are one path, a row each", s.rows,
                              s.first_row, place.nodes));
  }
  if (s.site.columns == ColumnAxis::kStep) {
    check.require(s.cols == place.steps && s.first_column == 0, fmt::format("{} columns for {} steps", s.cols, place.steps));
  } else if (over_source(s.site.columns)) {
    check.require(
        std::uint64_t{s.first_column} + s.cols <= place.tokens,
        fmt::format("columns {} to {} of {} source tokens", s.first_column, std::uint64_t{s.first_column} + s.cols, place.tokens));
  }
}

void check_levels(const MapSummary& s, ShapeCheck& check) {
  check.require(s.levels.size() <= kMostLevels, fmt::format("{} levels, expected at most {}", s.levels.size(), kMostLevels));
  const PooledLevel* before = nullptr;
  for (const auto& level : s.levels) {
    check.require(level.row_block > 0 && level.column_block > 0 && level.mean && level.maximum,
                  "a level needs a mean, a maximum and blocks of 1 at least");
    if (!check.problem().empty()) return;
    const auto twice = [](std::uint64_t now, std::uint64_t fine) { return now == fine || now == 2 * fine; };
    check.require(!before || (twice(level.row_block, before->row_block) && twice(level.column_block, before->column_block)),
                  fmt::format("blocks of {} x {} do not follow from those of the level before", level.row_block, level.column_block));
    const auto blocks = [](std::uint32_t size, std::uint32_t block) { return (std::int64_t{size} + block - 1) / block; };
    const std::vector<std::int64_t> shape = {s.heads, blocks(s.rows, level.row_block), blocks(s.cols, level.column_block)};
    check(level.mean, "mean", Dtype::kF32, shape);
    check(level.maximum, "maximum", Dtype::kF32, shape);
    before = &level;
  }
}

void check_tiles(const MapSummary& s, ShapeCheck& check) {
  const auto& t = *s.tiles;
  check.require(t.query && t.key && s.lse, "tiles need queries, keys and lse");
  if (!check.problem().empty()) return;
  const auto size = last_size(t.query), key_heads = t.key.shape().empty() ? 0 : t.key.shape().front();
  check.require(size >= 1 && size <= kMostSize && key_heads >= 1 && s.heads % key_heads == 0,
                fmt::format("queries of size {} and {} key heads of {}", size, key_heads, s.heads));
  check(t.query, "query", Dtype::kF16, {s.heads, s.rows, size});
  check(t.key, "key", Dtype::kF16, {key_heads, s.cols, size});
  const auto distance = [](std::int64_t x) { return x >= 0 && x <= TileSource::kEverything; };  // sums of two stay in range
  check.require(std::isfinite(t.scale) && distance(t.left) && distance(t.right) && distance(t.first_step),
                "its scale, window or first step is no number in range");
  if (t.score != TileScore::kProduct) {
    check.require(bool{t.energy} && key_heads == s.heads, "additive scores need an energy and keys for each head");
    check(t.energy, "energy", Dtype::kF32, {s.heads, size});
  }
  check(t.slopes, "slopes", Dtype::kF32, {s.heads});
  check.require(!t.by_distance || last_size(t.by_distance) % 2 == 1, "by_distance must have an odd number of columns");
  check(t.by_distance, "by_distance", Dtype::kF32, {s.heads, last_size(t.by_distance)});
}

}  // namespace

std::vector<std::pair<const StoredArray*, std::string>> arrays_of(const MapSummary& s) {
  std::vector<std::pair<const StoredArray*, std::string>> arrays;
  const auto add = [&](const StoredArray& array, std::string name) {
    if (array) arrays.emplace_back(&array, std::move(name));
  };
  add(s.entropy, "entropy");
  add(s.lse, "lse");
  add(s.maximum, "maximum");
  add(s.argmax, "argmax");
  add(s.column_sums, "column_sums");
  add(s.top_weights, "top_weights");
  add(s.top_columns, "top_columns");
  add(s.chosen_weights, "chosen_weights");
  for (std::size_t i = 0; i < s.levels.size(); ++i) {
    add(s.levels[i].mean, fmt::format("level{}.mean", i));
    add(s.levels[i].maximum, fmt::format("level{}.maximum", i));
  }
  if (!s.tiles) return arrays;
  add(s.tiles->query, "query");
  add(s.tiles->key, "key");
  add(s.tiles->energy, "energy");
  add(s.tiles->slopes, "slopes");
  add(s.tiles->by_distance, "by_distance");
  return arrays;
}

void describe_summary(const MapSummary& s, const std::string& name, nlohmann::ordered_json& json) {
  json["heads"] = s.heads;
  json["row_count"] = s.rows;
  json["column_count"] = s.cols;
  json["first_row"] = s.first_row;
  json["first_column"] = s.first_column;
  const auto put = [&](nlohmann::ordered_json& to, const StoredArray& array, const char* field, const std::string& what) {
    if (array) to[field] = name + "." + what;
  };
  put(json, s.entropy, "entropy", "entropy");
  put(json, s.lse, "lse", "lse");
  put(json, s.maximum, "maximum", "maximum");
  put(json, s.argmax, "argmax", "argmax");
  put(json, s.column_sums, "column_sums", "column_sums");
  put(json, s.top_weights, "top_weights", "top_weights");
  put(json, s.top_columns, "top_columns", "top_columns");
  if (s.chosen_weights) {
    json["chosen_rows"] = s.chosen_rows;
    put(json, s.chosen_weights, "chosen_weights", "chosen_weights");
  }
  for (std::size_t i = 0; i < s.levels.size(); ++i) {
    nlohmann::ordered_json level = {{"row_block", s.levels[i].row_block}, {"column_block", s.levels[i].column_block}};
    put(level, s.levels[i].mean, "mean", fmt::format("level{}.mean", i));
    put(level, s.levels[i].maximum, "maximum", fmt::format("level{}.maximum", i));
    json["levels"].push_back(std::move(level));
  }
  if (!s.tiles) return;
  const auto& t = *s.tiles;
  nlohmann::ordered_json tiles = {{"score", text_of(t.score, kTileScores)}, {"scale", t.scale}, {"first_step", t.first_step}};
  if (t.left != TileSource::kEverything) tiles["left"] = t.left;
  if (t.right != TileSource::kEverything) tiles["right"] = t.right;
  put(tiles, t.query, "query", "query");
  put(tiles, t.key, "key", "key");
  put(tiles, t.energy, "energy", "energy");
  put(tiles, t.slopes, "slopes", "slopes");
  put(tiles, t.by_distance, "by_distance", "by_distance");
  json["tiles"] = std::move(tiles);
}

StoredArray SummaryReader::optional_array(const Parsed& object, const char* field) {
  return object.contains(field) ? array(object, field) : StoredArray();
}

void SummaryReader::read(const Parsed& object, MapSummary& s) {
  s.heads = whole<std::uint32_t>(object, "heads");
  s.rows = whole<std::uint32_t>(object, "row_count");
  s.cols = whole<std::uint32_t>(object, "column_count");
  s.first_row = whole<std::uint32_t>(object, "first_row");
  s.first_column = whole<std::uint32_t>(object, "first_column");
  s.entropy = array(object, "entropy");
  s.lse = optional_array(object, "lse");
  s.maximum = optional_array(object, "maximum");
  s.argmax = optional_array(object, "argmax");
  s.column_sums = optional_array(object, "column_sums");
  s.top_weights = optional_array(object, "top_weights");
  s.top_columns = optional_array(object, "top_columns");
  if (object.contains("chosen_weights")) {
    s.chosen_weights = array(object, "chosen_weights");
    for (const auto& row : object.at("chosen_rows")) {
      ATTEND_CHECK(row.is_number_unsigned() && std::in_range<std::uint32_t>(row.get<std::uint64_t>()), kData,
                   "a chosen row must be a whole number, got {}", row.dump());
      s.chosen_rows.push_back(row.get<std::uint32_t>());
    }
  }
  if (object.contains("levels"))
    for (const auto& level : object["levels"])
      s.levels.push_back({whole<std::uint32_t>(level, "row_block"), whole<std::uint32_t>(level, "column_block"), array(level, "mean"),
                          array(level, "maximum")});
  if (!object.contains("tiles")) return;
  const auto& tiles = object["tiles"];
  TileSource t;
  const auto name = tiles.at("score").get<std::string>();
  std::vector<std::string> known;
  for (const auto& [score, text] : kTileScores) {
    if (text == name) t.score = score;
    known.emplace_back(text);
  }
  if (text_of(t.score, kTileScores) != name) fail_unknown_name("score", name, known);
  t.scale = number(tiles, "scale");
  t.first_step = whole<std::int64_t>(tiles, "first_step");
  if (tiles.contains("left")) t.left = whole<std::int64_t>(tiles, "left");
  if (tiles.contains("right")) t.right = whole<std::int64_t>(tiles, "right");
  t.query = array(tiles, "query");
  t.key = array(tiles, "key");
  t.energy = optional_array(tiles, "energy");
  t.slopes = optional_array(tiles, "slopes");
  t.by_distance = optional_array(tiles, "by_distance");
  s.tiles = std::move(t);
}

std::string problem_of(const MapSummary& s, const SummaryPlace& place) {
  ShapeCheck check;
  check_place(s, place, check);
  check.require(bool{s.entropy}, "it has no entropy");
  check(s.entropy, "entropy", Dtype::kF32, {s.heads, s.rows});
  check(s.lse, "lse", Dtype::kF32, {s.heads, s.rows});
  check(s.maximum, "maximum", Dtype::kF32, {s.heads, s.rows});
  check(s.argmax, "argmax", Dtype::kI32, {s.heads, s.rows});
  check(s.column_sums, "column_sums", Dtype::kF32, {s.heads, s.cols});
  check.require(bool{s.top_weights} == bool{s.top_columns}, "its largest weights and their columns belong together");
  check(s.top_weights, "top_weights", Dtype::kF32, {s.heads, s.rows, last_size(s.top_weights)});
  check(s.top_columns, "top_columns", Dtype::kI32, {s.heads, s.rows, last_size(s.top_weights)});
  for (std::size_t i = 0; i < s.chosen_rows.size(); ++i)
    check.require(s.chosen_rows[i] < s.rows && (i == 0 || s.chosen_rows[i] > s.chosen_rows[i - 1]),
                  fmt::format("chosen row {} of {}; they must ascend", s.chosen_rows[i], s.rows));
  check(s.chosen_weights, "chosen_weights", Dtype::kF32, {s.heads, static_cast<std::int64_t>(s.chosen_rows.size()), s.cols});
  check_levels(s, check);
  if (s.tiles && check.problem().empty()) check_tiles(s, check);
  return check.problem();
}

}  // namespace attend
