#include "attend/draw/summary_scenes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "attend/core/error.h"
#include "attend/draw/width.h"
#include "draw/builder.h"
#include "draw/labels.h"
#include "draw/wording.h"

namespace attend {
namespace {

constexpr int kSummaryText = 2000;
constexpr std::size_t kMostTileCells = std::size_t{1} << 22, kMostBlockCells = 12u << 20;
constexpr std::uint32_t kPageBlocks = 128;

std::uint32_t blocks_of(std::uint32_t size, std::uint32_t block) {
  return static_cast<std::uint32_t>((std::uint64_t{size} + block - 1) / block);
}

// "0.0012", with as many digits as tell something.
std::string small_number(double x) { return fmt::format("{:.2g}", x); }

/// What both kinds of scene have in common.
class SummaryScene {
 public:
  SummaryScene(const Record& record, const MapSummary& summary, const SceneOptions& options)
      : record_(record), summary_(summary), options_(options) {
    const auto& data = record.data();
    ATTEND_CHECK(options.hypothesis == 0, kValue, "draw: a summary is of one target, got hypothesis {}", options.hypothesis);
    ATTEND_CHECK(!options.head || *options.head < summary.heads, kValue, "draw: head {} asked for, {} layer {} has {} (numbered from 0)",
                 options.head.value_or(0), summary.site.name, summary.site.layer, summary.heads);
    ATTEND_CHECK(over_source(summary.site.rows) || !data.hypotheses.empty(), kValue, "draw: the record of {} layer {} has no target",
                 summary.site.name, summary.site.layer);
    axes_ = axes_of(record, summary.site, summary.cols, 0);
    scene.theme = options.theme;
    scene.site = clip_text(visible_text(summary.site.name), kTitleColumns);
    scene.layer = static_cast<std::uint16_t>(summary.site.layer);
    scene.source = clip_text(visible_text(data.source.utf8), kSummaryText);
    if (!data.hypotheses.empty()) scene.target = clip_text(visible_text(data.hypotheses[0].text.utf8), kSummaryText);
    scene.title = title_of(clip_text(scene.source, kTitleColumns), clip_text(scene.target, kTitleColumns));
    scene.row_name = axes_.row_name;
    scene.col_name = axes_.col_name;
    scene.scale.kind = options.scale;
  }

  // Labels of tokens [first, first + count) of the summary's rows or columns.
  std::vector<Label> labels(bool of_rows, std::uint32_t first, std::uint32_t count) const {
    const auto& text = of_rows ? axes_.rows : axes_.cols;
    const std::size_t begin = std::size_t{first} + (of_rows ? summary_.first_row : summary_.first_column);
    ATTEND_CHECK(begin + count <= text.tokens.size(), kData, "draw: the texts of {} layer {} have {} tokens, its map needs {}",
                 summary_.site.name, summary_.site.layer, text.tokens.size(), begin + count);
    RecordText part{text.utf8, {}};
    part.tokens.assign(text.tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                       text.tokens.begin() + static_cast<std::ptrdiff_t>(begin + count));
    return token_labels(part);
  }

  // Colours from the weights of all panels: by the largest of them, or of each row.
  void colour() {
    float top = 0;
    for (const auto& panel : scene.panels)
      for (const float weight : panel.weights) top = std::max(top, std::isfinite(weight) ? weight : 0);
    scene.scale.top = top > 0 && options_.scale != ScaleKind::kRow ? top : 1;
    const auto cols = scene.cols();
    for (auto& panel : scene.panels) {
      panel.values.resize(panel.weights.size());
      for (std::size_t at = 0; at < panel.weights.size(); at += cols) {
        const float largest = *std::max_element(panel.weights.begin() + static_cast<std::ptrdiff_t>(at),
                                                panel.weights.begin() + static_cast<std::ptrdiff_t>(at + cols));
        for (std::size_t c = at; c < at + cols; ++c)
          panel.values[c] = scale_value(options_.scale, panel.weights[c] / scene.scale.top, largest);
      }
    }
    scene.scale.low = options_.scale == ScaleKind::kLog ? "≤ " + small_number(1e-4 * scene.scale.top) : "0";
    scene.scale.high = options_.scale == ScaleKind::kRow ? "row's largest" : small_number(scene.scale.top);
    for (std::uint32_t k = 0; k < cols; ++k) {
      if (k > 0) scene.pieces.push_back({" "});
      scene.pieces.push_back({scene.col_labels[k].text, {k}});
    }
  }

  // Rows' entropies of the chosen heads: [rows of all] averaged over heads, absent where a row sees nothing.
  std::vector<std::optional<double>> row_entropy(std::uint32_t first_head, std::uint32_t heads) const {
    std::vector<double> sums(summary_.rows);
    std::vector<std::uint32_t> counts(summary_.rows);
    for (auto h = first_head; h < first_head + heads; ++h) {
      const auto own = summary_.entropy.floats(std::size_t{h} * summary_.rows, summary_.rows);
      const auto largest = summary_.maximum ? summary_.maximum.floats(std::size_t{h} * summary_.rows, summary_.rows) : std::vector<float>();
      for (std::size_t t = 0; t < own.size(); ++t) {
        if (!std::isfinite(own[t]) || (!largest.empty() && !(largest[t] > 0))) continue;
        sums[t] += own[t];
        ++counts[t];
      }
    }
    std::vector<std::optional<double>> rows(summary_.rows);
    for (std::size_t t = 0; t < rows.size(); ++t)
      if (counts[t] > 0) rows[t] = sums[t] / counts[t];
    return rows;
  }

  void note(std::string text, bool pinned = false) {
    if (pinned || !options_.quiet) scene.notes.push_back({std::move(text), pinned});
  }

  void caption(const std::vector<std::optional<double>>& entropy, const char* of_what) {
    double sum = 0, effective = 0, count = 0;
    for (const auto& h : entropy)
      if (h) sum += *h, effective += std::exp(*h), ++count;
    if (count > 0)
      scene.caption = fmt::format("{} entropy {:.2f} nat on average; effective tokens (exp of entropy) {:.1f}.", of_what, sum / count,
                                  effective / count);
  }

  Scene finish(const std::string& part) {
    const auto& data = record_.data();
    auto parts = made_by(data);
    parts.push_back(scene.site);
    parts.push_back(fmt::format("layer {}", summary_.site.layer));
    parts.push_back(scene.panels.size() == 1 ? scene.panels[0].title : fmt::format("{} heads", scene.panels.size()));
    parts.push_back(part);
    scene.subtitle = fmt::format("{}", fmt::join(parts, ", "));
    scene.caption = sentences(answer_of(data, 0), scene.caption);
    note(kWhereNotWhy, true);
    if (options_.scale == ScaleKind::kRow) note("Each row is divided by its largest cell: rows are not comparable.");
    if (options_.scale == ScaleKind::kLog)
      note("Logarithmic colours: equal steps are equal ratios; cells of a ten-thousandth of the largest and less look alike.");
    if (data.forced && summary_.site.rows == RowAxis::kNode) note("The target was given, not chosen by the model.");
    const auto panels = static_cast<std::uint32_t>(scene.panels.size());
    scene.across = panels <= 3 ? panels : panels == 4 || panels > 9 ? 4 : 3;
    return std::move(scene);
  }

  const Axes& axes() const { return axes_; }
  Scene scene;

 private:
  const Record& record_;
  const MapSummary& summary_;
  const SceneOptions& options_;
  Axes axes_;
};

const PooledLevel& choose_level(const MapSummary& summary, std::uint32_t most) {
  for (const auto& level : summary.levels)
    if (blocks_of(summary.rows, level.row_block) <= most && blocks_of(summary.cols, level.column_block) <= most) return level;
  return summary.levels.back();
}

// A panel of one head (heads 1) or of the mean, or the largest, of several.
MatrixPanel block_panel(const MapSummary& summary, const PooledLevel& level, bool maximum, std::uint32_t first_head, std::uint32_t heads) {
  const auto rows = blocks_of(summary.rows, level.row_block), cols = blocks_of(summary.cols, level.column_block);
  const auto cells = std::size_t{rows} * cols;
  MatrixPanel panel;
  panel.weights.resize(cells);
  for (auto h = first_head; h < first_head + heads; ++h) {
    const auto own = (maximum ? level.maximum : level.mean).floats(h * cells, cells);
    for (std::size_t i = 0; i < cells; ++i)
      panel.weights[i] = maximum ? std::max(panel.weights[i], own[i]) : panel.weights[i] + own[i] / static_cast<float>(heads);
  }
  if (summary.site.columns == ColumnAxis::kStep) {
    panel.masked.resize(cells);
    for (std::size_t i = 0; i < cells; ++i)  // the block's first column lies behind its last row
      panel.masked[i] = i % cols * level.column_block >= (i / cols + 1) * level.row_block;
  }
  return panel;
}

// Means of the rows of each block.
std::vector<std::optional<double>> by_blocks(const std::vector<std::optional<double>>& rows, std::uint32_t block) {
  std::vector<std::optional<double>> means;
  for (std::size_t begin = 0; begin < rows.size(); begin += block) {
    double sum = 0, count = 0;
    for (auto t = begin; t < std::min(rows.size(), begin + block); ++t)
      if (rows[t]) sum += *rows[t], ++count;
    means.push_back(count > 0 ? std::optional(sum / count) : std::nullopt);
  }
  return means;
}

std::vector<Label> block_labels(std::uint32_t size, std::uint32_t block, std::uint32_t first) {
  std::vector<Label> labels;
  for (std::uint32_t at = 0; at < size; at += block) labels.push_back({fmt::format("{}", std::uint64_t{first} + at)});
  return labels;
}

}  // namespace

const MapSummary* choose_summary(const Record& record, const SceneOptions& options) {
  const auto& data = record.data();
  if (data.summaries.empty()) return nullptr;
  std::vector<const Site*> sites;  // maps first
  for (const auto& map : data.maps) sites.push_back(&map.site);
  for (const auto& summary : data.summaries) sites.push_back(&summary.site);
  std::optional<std::size_t> found;
  if (options.site.empty()) found = attention_to_source(sites, options.layer);
  const auto& name = options.site.empty() ? sites[0]->name : options.site;
  for (std::size_t i = 0; !found && i < sites.size(); ++i) {
    if (sites[i]->name != name) continue;
    const bool last =
        std::none_of(sites.begin(), sites.end(), [&](const Site* s) { return s->name == name && s->layer > sites[i]->layer; });
    if (options.layer ? sites[i]->layer == *options.layer : last) found = i;
  }
  if (!found && data.maps.empty()) {
    std::vector<std::string> names;
    for (const auto* site : sites) names.push_back(fmt::format("{} layer {}", site->name, site->layer));
    fail_unknown_name("draw: map", fmt::format("{} layer {}", name, options.layer ? fmt::format("{}", *options.layer) : "last"), names);
  }
  return found && *found >= data.maps.size() ? &data.summaries[*found - data.maps.size()] : nullptr;
}

Scene blocks_scene(const Record& record, const MapSummary& summary, const BlockOptions& options) {
  ATTEND_CHECK(!summary.levels.empty() && summary.rows > 0 && summary.cols > 0, kValue,
               "draw: the summary of {} layer {} holds no blocks to draw", summary.site.name, summary.site.layer);
  SummaryScene builder(record, summary, options);
  auto& scene = builder.scene;
  const auto& level = choose_level(summary, options.most_blocks);
  const auto name_of = [](std::uint32_t block) { return block == 1 ? std::string() : fmt::format(", in blocks of {}", block); };
  scene.row_name += name_of(level.row_block);
  scene.col_name += name_of(level.column_block);
  scene.row_labels = level.row_block == 1 ? builder.labels(true, 0, summary.rows) : block_labels(summary.rows, level.row_block, 0);
  scene.col_labels = level.column_block == 1 ? builder.labels(false, 0, summary.cols) : block_labels(summary.cols, level.column_block, 0);
  const auto add = [&](std::uint32_t first, std::uint32_t heads) {
    auto panel = block_panel(summary, level, options.maximum, first, heads);
    panel.head = heads == 1 ? static_cast<std::int32_t>(first) : -1;
    panel.title = heads == 1        ? fmt::format("head {}", first)
                  : options.maximum ? fmt::format("largest of {} heads", heads)
                                    : fmt::format("mean of {} heads", heads);
    panel.entropy = by_blocks(builder.row_entropy(first, heads), level.row_block);
    scene.panels.push_back(std::move(panel));
  };
  if (options.head)
    add(*options.head, 1);
  else
    add(0, summary.heads);
  if (options.all_heads && !options.head && summary.heads > 1)
    for (std::uint32_t h = 0; h < summary.heads; ++h) add(h, 1);
  builder.colour();
  if (level.row_block > 1 || level.column_block > 1)
    scene.scale.of = options.maximum ? "largest weight of a block" : "mean weight of a block";
  const auto weights = fmt::format("{} x {}", level.row_block, level.column_block);
  if (level.row_block > 1 || level.column_block > 1)
    builder.note(
        options.maximum
            ? fmt::format("Each cell is the largest of a block of {} weights; labels are the numbers of its first row and column.", weights)
            : fmt::format("Each cell is the mean of a block of {} weights, not a weight: one weight of 1 alone in its block is drawn "
                          "as {}, and even attention to all {} columns as {} everywhere. Labels are the numbers of a block's first "
                          "row and column.",
                          weights, small_number(1.0 / (double{1} * level.row_block * level.column_block)), summary.cols,
                          small_number(1.0 / summary.cols)),
        true);
  if (builder.axes().ragged)
    builder.note("Columns are the tokens each step could read, beginning with <s>; hatched blocks lie in its future.");
  builder.caption(builder.row_entropy(options.head.value_or(0), options.head ? 1 : summary.heads), "All rows:");
  return builder.finish(fmt::format("{} x {} weights in blocks of {}", summary.rows, summary.cols, weights));
}

Scene tile_scene(const Record& record, const MapSummary& summary, const WeightMatrix& weights, std::uint32_t first_row,
                 std::uint32_t first_column, const SceneOptions& options) {
  ATTEND_CHECK(std::uint64_t{first_row} + weights.rows <= summary.rows && std::uint64_t{first_column} + weights.cols <= summary.cols,
               kValue, "draw: rows from {} and columns from {} of a tile of {} x {} are not within the {} x {} of {} layer {}", first_row,
               first_column, weights.rows, weights.cols, summary.rows, summary.cols, summary.site.name, summary.site.layer);
  ATTEND_CHECK(weights.values.size() <= kMostTileCells && !weights.values.empty(), kValue,
               "draw: a tile of {} x {} weights is drawn one by one, which 1 to {} can be; choose fewer rows or columns", weights.rows,
               weights.cols, kMostTileCells);
  SummaryScene builder(record, summary, options);
  auto& scene = builder.scene;
  scene.row_labels = builder.labels(true, first_row, weights.rows);
  scene.col_labels = builder.labels(false, first_column, weights.cols);
  MatrixPanel panel;
  panel.head = options.head ? static_cast<std::int32_t>(*options.head) : -1;
  panel.title = options.head         ? fmt::format("head {}", *options.head)
                : summary.heads == 1 ? "head 0"
                                     : fmt::format("mean of {} heads", summary.heads);
  panel.weights = weights.values;
  const auto entropy = builder.row_entropy(options.head.value_or(0), options.head ? 1 : summary.heads);
  panel.entropy.assign(entropy.begin() + first_row, entropy.begin() + first_row + weights.rows);
  if (builder.axes().ragged) {
    panel.masked.resize(panel.weights.size());
    for (std::size_t i = 0; i < panel.masked.size(); ++i) panel.masked[i] = first_column + i % weights.cols > first_row + i / weights.cols;
  }
  builder.caption(panel.entropy, "These rows, over all columns:");
  scene.panels.push_back(std::move(panel));
  builder.colour();
  builder.note(fmt::format("Rows {} to {} and columns {} to {} of {} x {}: rows need not sum to 1 here.", first_row,
                           first_row + weights.rows - 1, first_column, first_column + weights.cols - 1, summary.rows, summary.cols),
               true);
  return builder.finish("weights computed from queries and keys");
}

std::vector<Scene> all_block_scenes(const Record& record, const BlockOptions& options) {
  std::vector<Scene> scenes;
  std::size_t cells = 0;
  for (const auto& summary : record.data().summaries) {
    auto one = options;
    one.head.reset();
    one.most_blocks = kPageBlocks;
    one.all_heads = true;
    scenes.push_back(blocks_scene(record, summary, one));
    cells += scenes.back().panels.size() * scenes.back().rows() * scenes.back().cols();
    ATTEND_CHECK(cells <= kMostBlockCells, kValue,
                 "draw: the blocks of all summaries are more than a page holds ({} cells); choose a site, a "
                 "layer and a head",
                 kMostBlockCells);
  }
  return scenes;
}

}  // namespace attend
