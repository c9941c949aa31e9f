#include "attend/draw/scene.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "attend/core/error.h"
#include "attend/draw/width.h"
#include "draw/builder.h"
#include "draw/wording.h"

namespace attend {
namespace {

constexpr float kLogFloor = 1e-4F;
constexpr std::uint32_t kPicturesAcross = 5;
constexpr int kPictureTitle = 100;                                     // columns of each part of a picture's title
constexpr int kListColumns = 72;                                       // of a token in a list
constexpr float kNoWeight = 0.005F;                                    // printed as 0.00
constexpr std::uint64_t kMostPixels = std::uint64_t{1} << 29;          // of one picture repeated for every row
constexpr std::size_t kMostLayers = 256;                               // of a list
constexpr std::size_t kMostScenes = 4096, kMostPageCells = 64u << 20;  // of a page

/// Tints the pieces of the column text by each row: what pieces of one character hold adds up.
void add_lines(Scene& scene, const SceneOptions& options) {
  const MatrixPanel& panel = scene.panels.front();
  const std::size_t cols = scene.cols();
  for (std::size_t r = 0; r < scene.rows(); ++r) {
    TextLine line;
    line.entropy = panel.entropy[r];
    float largest = 0;
    for (const auto& piece : scene.pieces) {
      double sum = 0;
      for (const auto c : piece.columns) sum += panel.weights[r * cols + c];
      line.weights.push_back(static_cast<float>(sum));
      largest = std::max(largest, line.weights.back());
    }
    for (const float weight : line.weights) line.values.push_back(scale_value(options.scale, weight, largest));
    scene.lines.push_back(std::move(line));
  }
}

void keep_row(Scene& scene, std::uint32_t row) {
  const std::size_t cols = scene.cols();
  auto cut = [&](auto& values) {
    if (values.empty()) return;
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(row * cols);
    values = std::decay_t<decltype(values)>(first, first + static_cast<std::ptrdiff_t>(cols));
  };
  for (auto& panel : scene.panels) {
    cut(panel.weights);
    cut(panel.values);
    cut(panel.masked);
    panel.entropy = {panel.entropy[row]};
  }
  scene.row_labels = {scene.row_labels[row]};
}

/// The maps of one site that a list shows, by layer.
std::vector<const AttentionMap*> maps_of(const RecordData& data, const std::string& site, std::optional<std::int64_t> layer) {
  std::vector<const AttentionMap*> maps;
  for (const auto& map : data.maps) {
    if (map.site.name == site && (!layer || map.site.layer == *layer)) maps.push_back(&map);
  }
  std::sort(maps.begin(), maps.end(), [](const auto* a, const auto* b) { return a->site.layer < b->site.layer; });
  return maps;
}

std::string effective_of(const Scene& scene) {
  std::vector<std::string> effective;
  const auto& entropy = scene.panels[0].entropy;
  for (std::size_t c = 0; c < entropy.size(); ++c) {
    if (entropy[c]) effective.push_back(fmt::format("{} at {}", fmt::format("{:.1f}", std::exp(*entropy[c])), scene.col_labels[c].text));
  }
  if (effective.empty()) return {};
  return fmt::format("Effective {} (exp of entropy): {}.", scene.col_name == "hop" ? "statements" : "tokens", fmt::join(effective, ", "));
}

std::string text_of_token(const RecordText& text, std::size_t i) {
  const ByteSpan span = text.tokens[i].span;
  return visible_text(std::string_view(text.utf8).substr(span.begin, span.end - span.begin));
}

/// Whether one row tells all that the map says of a hypothesis.
bool one_answer(const Record& record, const AttentionMap& map, std::size_t hypothesis) {
  const auto& all = record.data().hypotheses;
  return target_to_source(map.site) && hypothesis < all.size() && all[hypothesis].text.tokens.size() == 1;
}

}  // namespace

const char* name_of(ScaleKind kind) {
  switch (kind) {
    case ScaleKind::kLinear: return "linear";
    case ScaleKind::kRow: return "row";
    case ScaleKind::kLog: return "log";
  }
  return "linear";
}

ScaleKind scale_from(const std::string& name) {
  const std::string valid[] = {"linear", "row", "log"};
  for (int i = 0; i < 3; ++i) {
    if (name == valid[i]) return static_cast<ScaleKind>(i);
  }
  fail_unknown_name("scale", name, valid);
}

float scale_value(ScaleKind kind, float a, float row_max) {
  float v = a;
  if (kind == ScaleKind::kRow) v = row_max > 0 ? a / row_max : 0;
  if (kind == ScaleKind::kLog) v = a > kLogFloor ? std::log(a / kLogFloor) / std::log(1 / kLogFloor) : 0;
  return std::isnan(v) ? 0 : std::clamp(v, 0.0F, 1.0F);
}

Scene heatmap_scene(const Record& record, const HeatmapOptions& options) {
  Builder builder(record, options);
  builder.add_chosen();
  // Without a cell all panels are alike: empty.
  const bool empty = builder.scene.rows() == 0 || builder.scene.cols() == 0;
  if (options.all_heads && !options.head && builder.map().heads > 1 && !empty) {
    for (std::uint32_t h = 0; h < builder.map().heads; ++h) builder.add_head(h);
  }
  return builder.finish(Scene::View::kHeatmap);
}

Scene highlight_scene(const Record& record, const HighlightOptions& options) {
  Builder builder(record, options);
  builder.add_chosen();
  if (options.row) {
    ATTEND_CHECK(*options.row < builder.scene.rows(), kValue, "draw: row {} asked for, there are {} {} tokens (numbered from 0)",
                 *options.row, builder.scene.rows(), builder.scene.row_name);
    keep_row(builder.scene, *options.row);
  }
  Scene scene = builder.finish(Scene::View::kHighlight);
  add_lines(scene, options);
  return scene;
}

Scene image_scene(const Record& record, const SceneOptions& options) {
  const auto& data = record.data();
  ATTEND_CHECK(data.picture, kValue, "draw: the record holds no picture; view image wants the record of a model that reads pictures");
  Builder builder(record, options);
  ATTEND_CHECK(over_source(builder.map().site.columns), kValue,
               "draw: {} layer {} does not read the picture; choose another site or view heatmap", builder.map().site.name,
               builder.map().site.layer);
  const auto pixels = (builder.scene.rows() + 1) * (std::uint64_t{data.picture->width} * data.picture->height);
  ATTEND_CHECK(pixels <= kMostPixels, kValue, "draw: a picture of {} x {} pixels under each of {} rows is too much; use view heatmap",
               data.picture->width, data.picture->height, builder.scene.rows());
  builder.add_chosen();
  builder.stretch();
  builder.scene.picture = data.picture;
  const auto& source = builder.scene.source;  // a file's folders say nothing of the picture
  builder.scene.title =
      title_of(clip_text(source.substr(source.find_last_of('/') + 1), kPictureTitle), clip_text(builder.scene.target, kPictureTitle));
  Scene scene = builder.finish(Scene::View::kImage);
  scene.across = std::min(static_cast<std::uint32_t>(scene.rows()) + 1, kPicturesAcross);
  return scene;
}

Scene list_scene(const Record& record, const SceneOptions& options) {
  constexpr bool kHideRows = false;  // the one row is the answer, be it a special token
  Builder builder(record, options, kHideRows);
  const auto& data = record.data();
  const auto& last = builder.map();
  ATTEND_CHECK(one_answer(record, last, options.hypothesis), kValue,
               "draw: a list shows what one answer read, but {} layer {} has several rows; use view heatmap", last.site.name,
               last.site.layer);
  const bool hops = last.site.columns == ColumnAxis::kStatement;
  const auto maps = maps_of(data, last.site.name, options.layer);
  ATTEND_CHECK(maps.size() <= kMostLayers, kValue, "draw: a list shows {} layers at most, {} has {}; choose a layer", kMostLayers,
               last.site.name, maps.size());
  std::vector<std::vector<float>> columns;
  MatrixPanel panel;
  for (const auto* map : maps) {
    SceneOptions one = options;
    one.layer = map->site.layer;
    Builder column(record, one, kHideRows);
    column.add_chosen();
    panel.title = column.scene.panels[0].title;
    panel.head = column.scene.panels[0].head;
    panel.entropy.push_back(column.scene.panels[0].entropy[0]);
    columns.push_back(std::move(column.scene.panels[0].weights));
  }
  builder.add_chosen();

  Scene& scene = builder.scene;
  auto tokens = builder.kept_cols();
  if (hops && !tokens.empty()) {
    scene.title = text_of_token(data.source, tokens.back());
    tokens.pop_back();
  }
  scene.row_name = "source";
  scene.col_name = hops ? "hop" : "layer";
  const auto names = std::move(scene.col_labels);
  scene.row_labels.clear();
  scene.col_labels.clear();
  scene.pieces.clear();
  for (const auto* map : maps) scene.col_labels.push_back({fmt::format("{} {}", scene.col_name, map->site.layer + (hops ? 1 : 0))});
  for (std::size_t r = 0; r < tokens.size(); ++r) {
    const auto text = text_of_token(data.source, tokens[r]);
    Label label{text.empty() ? names[r].text : clip_text(text, kListColumns), names[r].special, true};
    for (const auto& column : columns) {
      const float weight = column[r], largest = *std::max_element(column.begin(), column.end());
      label.faint = label.faint && std::abs(weight) < kNoWeight;
      panel.weights.push_back(weight);
      panel.values.push_back(scale_value(options.scale, weight, largest));
    }
    scene.row_labels.push_back(std::move(label));
  }
  scene.panels = {std::move(panel)};
  Scene done = builder.finish(Scene::View::kList);
  done.caption = sentences(answer_of(data, options.hypothesis), effective_of(done));
  return done;
}

Scene usual_scene(const Record& record, const SceneOptions& options) {
  const auto& map = choose_map(record, options);
  if (map.site.columns == ColumnAxis::kStatement && one_answer(record, map, options.hypothesis)) return list_scene(record, options);
  if (record.data().picture && target_to_source(map.site)) return image_scene(record, options);
  HeatmapOptions heatmap;
  static_cast<SceneOptions&>(heatmap) = options;
  return heatmap_scene(record, heatmap);
}

std::vector<Scene> all_scenes(const Record& record, const SceneOptions& options) {
  const auto& maps = record.data().maps;
  const auto check = [](bool fits) {
    ATTEND_CHECK(fits, kValue, "draw: all maps of the record are more than a page holds ({} maps, {} cells); choose a site and a layer",
                 kMostScenes, kMostPageCells);
  };
  check(maps.size() <= kMostScenes);
  std::vector<Scene> scenes;
  std::size_t cells = 0;  // and bytes of text, which every scene has anew
  for (const auto& map : maps) {
    HeatmapOptions one;
    static_cast<SceneOptions&>(one) = options;
    one.site = map.site.name;
    one.layer = map.site.layer;
    one.head.reset();
    one.all_heads = true;
    scenes.push_back(heatmap_scene(record, one));
    const auto& made = scenes.back();
    cells += made.panels.size() * made.rows() * made.cols() + made.source.size() + made.target.size();
    check(cells <= kMostPageCells);
  }
  return scenes;
}

}  // namespace attend
