#include "draw/builder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "attend/core/error.h"
#include "attend/draw/width.h"
#include "attend/measure/focus.h"
#include "draw/labels.h"
#include "draw/wording.h"

namespace attend {
namespace {

const char* name_of(ColumnAxis axis) {
  switch (axis) {
    case ColumnAxis::kStep: return "target";
    case ColumnAxis::kDraft: return "draft";
    case ColumnAxis::kDocument: return "document";
    case ColumnAxis::kQuestion: return "question";
    case ColumnAxis::kSlot: return "slot";
    case ColumnAxis::kSource:
    case ColumnAxis::kStatement:
    case ColumnAxis::kCell: return "source";
  }
  return "source";
}

/// What rows over the source stand for, as columns say it.
ColumnAxis as_columns(RowAxis axis) {
  if (axis == RowAxis::kDocument) return ColumnAxis::kDocument;
  if (axis == RowAxis::kQuestion) return ColumnAxis::kQuestion;
  return axis == RowAxis::kCell ? ColumnAxis::kCell : ColumnAxis::kSource;
}

/// Rows of a memory have no text: their numbers stand for them.
RecordText numbered(std::uint32_t count) {
  RecordText text;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto begin = static_cast<std::uint32_t>(text.utf8.size());
    text.utf8 += std::to_string(i);
    text.tokens.push_back({.id = 0, .span = {begin, static_cast<std::uint32_t>(text.utf8.size())}, .word = i});
    text.utf8 += ' ';
  }
  return text;
}

SourcePart all_of(const RecordText& text) { return {ColumnAxis::kSource, 0, static_cast<std::uint32_t>(text.tokens.size())}; }

std::vector<std::uint32_t> kept_tokens(const RecordText& text, const SourcePart& part, bool hide_specials) {
  std::vector<std::uint32_t> kept;
  for (std::uint32_t i = part.begin; i < part.end; ++i) {
    if (!hide_specials || !text.tokens[i].special) kept.push_back(i);
  }
  return kept;
}

/// Row and column of each cell of a grid, from 0.
std::vector<Label> cell_labels(const Picture& picture) {
  std::vector<Label> labels;
  for (std::uint32_t r = 0; r < picture.rows; ++r) {
    for (std::uint32_t c = 0; c < picture.cols; ++c) labels.push_back({fmt::format("{},{}", r, c)});
  }
  return labels;
}

}  // namespace

Axes axes_of(const Record& record, const Site& site, std::uint32_t cols, std::size_t hypothesis) {
  const auto& data = record.data();
  Axes axes;
  const bool source_rows = over_source(site.rows), slots = site.columns == ColumnAxis::kSlot;
  axes.row_name = source_rows ? name_of(as_columns(site.rows)) : "target";
  axes.rows = source_rows ? data.source : data.hypotheses[hypothesis].text;
  axes.row_part = source_rows ? record.part(as_columns(site.rows)) : all_of(axes.rows);
  axes.col_name = name_of(site.columns);
  axes.cols = slots ? numbered(cols) : data.source;
  axes.col_part = over_source(site.columns) ? record.part(site.columns) : all_of(axes.cols);
  if (site.columns == ColumnAxis::kStep) {
    // Column j is step j, and a step reads the token before its own: <s> first, the last token never.
    axes.cols = data.hypotheses[hypothesis].text;
    auto& tokens = axes.cols.tokens;
    if (!tokens.empty()) tokens.pop_back();
    tokens.insert(tokens.begin(), RecordToken{2, {0, 0}, 0, true});
    axes.col_part = all_of(axes.cols);
    axes.ragged = true;
  }
  return axes;
}

const AttentionMap& choose_map(const Record& record, const SceneOptions& options) {
  const auto& maps = record.data().maps;
  ATTEND_CHECK(!maps.empty(), kValue, "draw: the record holds no attention map; its model attends to nothing, or maps were not kept");
  if (options.site.empty())
    if (const auto* map = record.source_map(options.layer)) return *map;
  const auto& site = options.site.empty() ? maps[0].site.name : options.site;
  std::optional<std::int64_t> layer = options.layer;
  if (!layer) {
    for (const auto& map : maps) {
      if (map.site.name == site && (!layer || map.site.layer > *layer)) layer = map.site.layer;
    }
  }
  return record.find_map(site, layer.value_or(0));
}

Builder::Builder(const Record& record, const SceneOptions& options, bool hide_rows)
    : record_(record), options_(options), map_(choose_map(record, options)) {
  const auto& data = record.data();
  const std::size_t count = data.hypotheses.size();
  const bool needs_target = map_.site.rows == RowAxis::kNode;
  ATTEND_CHECK(options.hypothesis < count || (!needs_target && options.hypothesis == 0), kValue,
               "draw: hypothesis {} asked for, the record holds {} (numbered from 0)", options.hypothesis, count);
  ATTEND_CHECK(!options.head || *options.head < map_.heads, kValue, "draw: head {} asked for, {} layer {} has {} (numbered from 0)",
               options.head.value_or(0), map_.site.name, map_.site.layer, map_.heads);
  axes_ = axes_of(record, map_.site, map_.cols, options.hypothesis);
  kept_rows_ = kept_tokens(axes_.rows, axes_.row_part, options.hide_specials && hide_rows);
  reads_picture_ = data.picture && over_source(map_.site.columns);
  kept_cols_ = kept_tokens(axes_.cols, axes_.col_part, options.hide_specials && !reads_picture_);
  describe();
}

void Builder::add_head(std::uint32_t head) {
  add(record_.map(map_, head, options_.hypothesis), fmt::format("head {}", head), static_cast<std::int32_t>(head));
}

void Builder::add_chosen() {
  if (options_.head) return add_head(*options_.head);
  add(record_.mean_map(map_, options_.hypothesis), map_.heads == 1 ? "head 0" : fmt::format("mean of {} heads", map_.heads), -1);
}

void Builder::describe() {
  const auto& data = record_.data();
  scene.theme = options_.theme;
  scene.site = clip_text(visible_text(map_.site.name), kTitleColumns);
  scene.layer = static_cast<std::uint16_t>(map_.site.layer);
  scene.source = visible_text(data.source.utf8);
  if (options_.hypothesis < data.hypotheses.size()) scene.target = visible_text(data.hypotheses[options_.hypothesis].text.utf8);
  scene.title = title_of(clip_text(scene.source, kTitleColumns), clip_text(scene.target, kTitleColumns));
  scene.row_name = axes_.row_name;
  scene.col_name = axes_.col_name;

  const auto row_labels = data.picture && over_source(map_.site.rows) ? cell_labels(*data.picture) : token_labels(axes_.rows);
  const auto col_labels = reads_picture_ ? cell_labels(*data.picture) : token_labels(axes_.cols);
  for (const auto i : kept_rows_) scene.row_labels.push_back(row_labels[i]);
  for (const auto i : kept_cols_) scene.col_labels.push_back(col_labels[i]);
  std::vector<std::int32_t> column_of(axes_.cols.tokens.size(), -1);
  for (std::size_t k = 0; k < kept_cols_.size(); ++k) column_of[kept_cols_[k]] = static_cast<std::int32_t>(k);
  if (reads_picture_) {
    for (std::uint32_t k = 0; k < scene.cols(); ++k) {
      if (k > 0) scene.pieces.push_back({" "});
      scene.pieces.push_back({scene.col_labels[k].text, {k}});
    }
  } else {
    scene.pieces = text_pieces(axes_.cols, column_of);
  }

  scene.scale.kind = options_.scale;
  scene.scale.low = options_.scale == ScaleKind::kLog ? "≤ 0.0001" : "0";
  scene.scale.high = options_.scale == ScaleKind::kRow ? "row's largest" : "1";
}

void Builder::add(const WeightMatrix& full, std::string title, std::int32_t head) {
  ATTEND_CHECK(full.rows == axes_.rows.tokens.size() && full.cols >= axes_.cols.tokens.size(), kData,
               "draw: the map {} layer {} is [{}, {}], but its texts have {} and {} tokens; the record does not fit together",
               map_.site.name, map_.site.layer, full.rows, full.cols, axes_.rows.tokens.size(), axes_.cols.tokens.size());
  const std::size_t rows = kept_rows_.size(), cols = kept_cols_.size();
  MatrixPanel panel;
  panel.title = std::move(title);
  panel.head = head;
  panel.weights.resize(rows * cols);
  panel.values.resize(rows * cols);
  panel.entropy.resize(rows);
  if (axes_.ragged) panel.masked.resize(rows * cols);

  for (std::size_t r = 0; r < rows; ++r) {
    float* weights = panel.weights.data() + r * cols;
    double all = 0, kept = 0;
    for (std::uint32_t c = 0; c < full.cols; ++c) all += full.at(kept_rows_[r], c);
    for (std::size_t c = 0; c < cols; ++c) {
      weights[c] = full.at(kept_rows_[r], kept_cols_[c]);
      kept += weights[c];
      if (axes_.ragged && kept_cols_[c] > kept_rows_[r]) panel.masked[r * cols + c] = true;
    }
    if (all > 0 && cols < axes_.col_part.end - axes_.col_part.begin) {
      removed_ += std::max(0.0, 1 - kept / all);
      ++removed_rows_;
      if (kept <= 0) ++emptied_;
      if (map_.kind != RowKind::kUnnormalised && kept > 0) {
        for (std::size_t c = 0; c < cols; ++c) weights[c] = static_cast<float>(weights[c] * (all / kept));
      }
    }
    least_sum_ = std::min(least_sum_, static_cast<float>(all));
    greatest_sum_ = std::max(greatest_sum_, static_cast<float>(all));
    const float row_max = cols > 0 ? *std::max_element(weights, weights + cols) : 0;
    for (std::size_t c = 0; c < cols; ++c) {
      // Softmax rows may exceed 1 by rounding; that is no clipping worth a word.
      if (options_.scale != ScaleKind::kRow && weights[c] > 1.001F) ++clipped_;
      panel.values[r * cols + c] = scale_value(options_.scale, weights[c], row_max);
    }
    if (const auto focus = focus_of_row({weights, cols})) panel.entropy[r] = focus->entropy;
  }
  scene.panels.push_back(std::move(panel));
}

void Builder::stretch() {
  if (options_.scale != ScaleKind::kLinear) return;
  float top = 0;
  for (const auto& panel : scene.panels) {
    for (const float weight : panel.weights) top = std::max(top, weight);
  }
  if (top <= 0) return;
  for (auto& panel : scene.panels) {
    for (std::size_t i = 0; i < panel.weights.size(); ++i) panel.values[i] = scale_value(options_.scale, panel.weights[i] / top, 1);
  }
  scene.scale.top = top;
  scene.scale.high = fmt::format("{:.2g}", top);
  clipped_ = 0;
}

/// The most by which a single head's weight departs from the mean, over all drawn cells.
double Builder::largest_departure() const {
  const WeightMatrix mean = record_.mean_map(map_, options_.hypothesis);
  double largest = 0;
  for (std::uint32_t h = 0; h < map_.heads; ++h) {
    const WeightMatrix one = record_.map(map_, h, options_.hypothesis);
    for (const auto r : kept_rows_) {
      for (const auto c : kept_cols_) largest = std::max(largest, std::abs(static_cast<double>(one.at(r, c)) - mean.at(r, c)));
    }
  }
  return largest;
}

void Builder::add_notes() {
  note(kWhereNotWhy, true);
  if (map_.heads > 1 && scene.panels.front().head < 0) {
    note(fmt::format("The mean over {} heads is an average: possibly no head looks like it. Single heads differ from it by up to {:.2f}.",
                     map_.heads, largest_departure()));
  }
  if (options_.scale == ScaleKind::kRow) note("Each row is divided by its largest weight: rows are not comparable.");
  if (options_.scale == ScaleKind::kLog) note("Logarithmic colours: equal steps are equal ratios; weights of 0.0001 and less look alike.");
  if (removed_rows_ > 0) {
    note(fmt::format("Special tokens are hidden: {:.1f} % of the mass is removed{}{}.", 100 * removed_ / static_cast<double>(removed_rows_),
                     map_.kind == RowKind::kUnnormalised ? "" : ", the rest renormalised",
                     emptied_ > 0 ? fmt::format("; {} rows had nothing else and are empty", emptied_) : ""));
  }
  if (map_.kind == RowKind::kUnnormalised && std::isfinite(least_sum_)) {
    note(fmt::format("Weights are not normalised: rows sum to {:.3g} up to {:.3g}.", least_sum_, greatest_sum_));
  }
  if (clipped_ > 0) note(fmt::format("{} weights above 1 are drawn as 1.", clipped_));
  if (axes_.ragged) note("Columns are the tokens each step could read, beginning with <s>; hatched cells lie in its future.");
  if (record_.data().forced && map_.site.rows == RowAxis::kNode) note("The target was given, not chosen by the model.");
}

Scene Builder::finish(Scene::View view) {
  scene.view = view;
  const auto& data = record_.data();
  auto parts = made_by(data);
  const bool list = view == Scene::View::kList;
  if (!list || scene.col_name == "layer") parts.push_back(scene.site);
  parts.push_back(list ? fmt::format("{} {}{}", scene.cols(), scene.col_name, scene.cols() == 1 ? "" : "s")
                       : fmt::format("layer {}", map_.site.layer));
  if (!list || map_.heads > 1)
    parts.push_back(scene.panels.size() == 1 ? scene.panels[0].title : fmt::format("mean and {} heads", map_.heads));
  if (options_.hypothesis > 0) parts.push_back(fmt::format("hypothesis {}", options_.hypothesis));
  scene.subtitle = fmt::format("{}", fmt::join(parts, ", "));

  double entropy = 0, effective = 0;
  std::size_t count = 0;
  for (const auto& h : scene.panels.front().entropy) {
    if (!h) continue;
    entropy += *h;
    effective += std::exp(*h);
    ++count;
  }
  if (count > 0) {
    const auto n = static_cast<double>(count);
    scene.caption = fmt::format("{}ow entropy {:.2f} nat on average; effective {} (exp of entropy) {:.1f}.",
                                scene.panels.size() > 1 ? "M" + scene.panels.front().title.substr(1) + ": r" : "R", entropy / n,
                                reads_picture_ ? "cells" : "tokens", effective / n);
  }
  scene.caption = sentences(answer_of(data, options_.hypothesis), scene.caption);
  const auto panels = static_cast<std::uint32_t>(scene.panels.size());
  scene.across = panels <= 3 ? panels : panels == 4 || panels > 9 ? 4 : 3;
  add_notes();
  return std::move(scene);
}

}  // namespace attend
