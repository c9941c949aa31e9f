#include "draw/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "attend/draw/width.h"
#include "draw/lay_out.h"

namespace attend {
namespace {

constexpr double kAxis = 14;                         // height of the line that names an axis
constexpr double kLeastLabel = 9, kLabelPitch = 11;  // smallest letters, and the least distance of their lines
constexpr int kNumbers = 22, kWideNumbers = 36;      // cells from which weights are printed, and with their 0 before the point
constexpr double kSlant = std::numbers::sqrt2 / 2;   // sine and cosine of 45 degrees

double row_size(int cell) { return std::clamp(cell * 0.85, kLeastLabel, kLabel); }
/// Slanted lines of text lie closer together than the columns they belong to.
double column_size(int cell, double turn) {
  return turn == 0 ? kLabel : turn == -45 ? std::clamp(cell * 0.58, kLeastLabel, kLabel) : row_size(cell);
}
/// Where cells are too small for a label each, every how many gets one.
std::size_t label_step(int cell) { return static_cast<std::size_t>(std::max(1.0, std::ceil(kLabelPitch / cell))); }

}  // namespace

Sheet LayOut::run() {
  y_ = kMargin + kTitle * 0.8;
  const double column = column_width();
  wrapped(scene_.title, kTitle, column, {.colour = colours_.ink, .bold = true});
  wrapped(scene_.subtitle, kSub, column, {.colour = colours_.muted});
  y_ += 14;
  switch (scene_.view) {
    case Scene::View::kHeatmap: heatmap(); break;
    case Scene::View::kHighlight: highlight(); break;
    case Scene::View::kImage: image(); break;
    case Scene::View::kList: list(); break;
  }
  bar();
  y_ += 12;
  if (!scene_.caption.empty()) wrapped(scene_.caption, kSmall, column, {.colour = colours_.ink});
  for (const auto& note : scene_.notes) wrapped(note.text, kSmall, column, {.colour = colours_.muted});
  sheet_.width = static_cast<int>(std::ceil(right_ + kMargin));
  sheet_.height = static_cast<int>(std::ceil(y_ + kMargin - 16));
  return std::move(sheet_);
}

void LayOut::text(PictureText item) {
  item.width = measure_.width(item.text, item.size, item.bold);
  if (item.turn == 0) {
    const double beyond = item.anchor == Anchor::kStart ? item.width : item.anchor == Anchor::kMiddle ? item.width / 2 : 0;
    right_ = std::max(right_, item.x + beyond);
  }
  sheet_.texts.push_back(std::move(item));
}

std::string short_number(float weight) {
  std::string number = fmt::format("{:.2f}", weight);
  return number.size() > 4 ? fmt::format("{:.2g}", weight) : number;
}

/// Breaks at spaces, and between clusters where a run without spaces is too long.
void LayOut::wrapped(const std::string& words, double size, double column, PictureText style) {
  style.size = size;
  style.x = kMargin;
  style.prose = true;
  std::string now;
  auto flush = [&] {
    while (!now.empty() && now.back() == ' ') now.pop_back();
    style.y = y_;
    style.text = now;
    text(style);
    y_ += std::round(size * 1.5);
    now.clear();
  };
  for (std::size_t i = 0; i < words.size();) {
    auto end = words.find(' ', i);
    end = end == std::string::npos ? words.size() : end + 1;
    const std::string word = words.substr(i, end - i);
    i = end;
    if (measure_.width(now + word, size, style.bold) <= column) {
      now += word;
      continue;
    }
    if (!now.empty()) flush();
    for (const auto cluster : grapheme_clusters(word)) {
      if (!now.empty() && measure_.width(now + std::string(cluster), size, style.bold) > column) flush();
      now += cluster;
    }
  }
  if (!now.empty()) flush();
}

double LayOut::widest(const std::vector<Label>& labels, double size, bool bold) const {
  double widest = 0;
  for (const auto& label : labels) widest = std::max(widest, measure_.width(label.text, size, bold));
  return widest;
}

int LayOut::cell_size() const {
  const auto longest = static_cast<int>(std::max(scene_.rows(), scene_.cols()));
  if (scene_.panels.size() > 1) return std::clamp(230 / std::max(longest, 1), 1, 20);
  if (longest <= 6) return 64;
  if (longest <= 14) return 40;
  return std::clamp(720 / longest, 2, 28);
}

/// The width that titles and notes are set in: that of the picture's body, within reason.
double LayOut::column_width() const {
  if (scene_.view == Scene::View::kHighlight) return kTextColumn;
  if (scene_.view == Scene::View::kImage) return std::clamp<double>(scene_.across * (picture_size().first + kPictureGap), 480, 960);
  if (scene_.view == Scene::View::kList)
    return std::clamp(widest(scene_.row_labels, kListLabel) + kListGap + kListWide * static_cast<double>(scene_.cols()), 480.0, 960.0);
  const double cells = static_cast<double>(cell_size()) * static_cast<double>(scene_.cols());
  const double body = scene_.across * (cells + 28) + widest(scene_.row_labels, kLabel);
  return std::clamp(body, 480.0, 960.0);
}

void LayOut::row_labels(int x, int top, int cell) {
  const double size = row_size(cell);
  for (std::size_t r = 0; r < scene_.rows(); r += label_step(cell)) {
    const auto& label = scene_.row_labels[r];
    text({.x = x - 8.0,
          .y = top + (static_cast<double>(r) + 0.5) * cell + size * 0.36,
          .text = label.text,
          .size = size,
          .colour = label.special ? colours_.muted : colours_.ink,
          .anchor = Anchor::kEnd});
  }
}

void LayOut::column_labels(int left, double bottom, int cell, double turn) {
  const double size = column_size(cell, turn);
  for (std::size_t c = 0; c < scene_.cols(); c += turn == 0 ? 1 : label_step(cell)) {
    const auto& label = scene_.col_labels[c];
    PictureText item{.x = left + (static_cast<double>(c) + 0.5) * cell,
                     .y = bottom,
                     .text = label.text,
                     .size = size,
                     .colour = label.special ? colours_.muted : colours_.ink,
                     .anchor = Anchor::kMiddle};
    if (turn != 0) {
      item.anchor = Anchor::kStart;
      item.turn = turn;
      item.x += turn == -90 ? size * 0.36 : size * 0.2;
      right_ = std::max(right_, item.x + (turn == -90 ? size : measure_.width(label.text, size) * kSlant));
    }
    text(std::move(item));
  }
}

/// Weights in the middle of their cells, in small ones without the 0 before the point.
void LayOut::cell_numbers(const MatrixPanel& panel, int left, int top, int cell) {
  const auto& table = colour_table(scene_.scale.palette, scene_.theme);
  const std::size_t cols = scene_.cols();
  const bool roomy = cell >= 60;
  const double size = roomy ? kSub : std::clamp(cell * 0.3, kLeastLabel, static_cast<double>(kSmall));
  for (std::size_t at = 0; at < panel.weights.size(); ++at) {
    if (!roomy && panel.weights[at] < 0.05F) continue;  // many small numbers would hide the few large ones
    if (!panel.masked.empty() && panel.masked[at]) continue;
    const std::string number = short_number(panel.weights[at]);
    text({.x = left + (static_cast<double>(at % cols) + 0.5) * cell,
          .y = top + (static_cast<double>(at / cols) + 0.5) * cell + size * 0.36,
          .text = cell < kWideNumbers && number.starts_with("0.") ? number.substr(1) : number,
          .size = size,
          .colour = ink_on(table[colour_index(panel.values[at])]),
          .anchor = Anchor::kMiddle});
  }
}

void LayOut::heatmap() {
  if (scene_.rows() == 0 || scene_.cols() == 0) {
    wrapped("(empty: no tokens are left to draw)", kSub, kTextColumn, {.colour = colours_.muted});
    return;
  }
  const int cell = cell_size();
  const bool several = scene_.panels.size() > 1;
  // Upright where they fit, slanted where they do not, upended where cells are thinner than letters.
  const double turn = widest(scene_.col_labels, kLabel) + 8 <= cell ? 0 : cell >= 15 ? -45 : -90;
  const double size = column_size(cell, turn), reach = widest(scene_.col_labels, size);
  const double band = turn == 0 ? kLabel + 4 : turn == -45 ? (reach + size) * kSlant : reach + 2;
  const std::string rows_are = scene_.row_name + " ↓", columns_are = scene_.col_name + " →";
  const int indent =
      static_cast<int>(std::ceil(kMargin + std::max(widest(scene_.row_labels, row_size(cell)), measure_.width(rows_are, kSmall)) + 8));
  const int wide = cell * static_cast<int>(scene_.cols()), high = cell * static_cast<int>(scene_.rows());
  const int gap = several ? 30 : 0;
  double y = y_;
  for (std::size_t p = 0; p < scene_.panels.size(); ++p) {
    const int column = static_cast<int>(p % scene_.across);
    const bool first_line = p < scene_.across;
    const int left = indent + column * (wide + gap);
    const int top = static_cast<int>(std::ceil(y + (several ? 18 : 0) + (first_line ? kAxis + band + 6 : 0)));
    if (several)
      text(
          {.x = static_cast<double>(left), .y = y + 4, .text = scene_.panels[p].title, .size = kSub, .colour = colours_.ink, .bold = true});
    if (first_line) {
      text({.x = static_cast<double>(left), .y = top - band - 12, .text = columns_are, .size = kSmall, .colour = colours_.muted});
      column_labels(left, top - 7, cell, turn);
    }
    if (first_line && column == 0)
      text({.x = left - 8.0, .y = top - 8.0, .text = rows_are, .size = kSmall, .colour = colours_.muted, .anchor = Anchor::kEnd});
    if (column == 0) row_labels(left, top, cell);
    sheet_.boxes.push_back({left - 1.0, top - 1.0, wide + 2.0, high + 2.0, 0, colours_.rule});
    sheet_.matrices.push_back({p, left, top, cell, cell});
    if (cell >= kNumbers) cell_numbers(scene_.panels[p], left, top, cell);
    right_ = std::max(right_, static_cast<double>(left + wide));
    if (column + 1 == static_cast<int>(scene_.across) || p + 1 == scene_.panels.size()) y = top + high + (several ? 32 : 0);
  }
  y_ = y + (several ? 0 : 28);
}

void LayOut::bar() {
  const std::string kind =
      scene_.scale.kind == ScaleKind::kLinear ? scene_.scale.of : fmt::format("{}, {} scale", scene_.scale.of, name_of(scene_.scale.kind));
  double x = kMargin;
  const double baseline = std::ceil(y_) + 10;
  for (const auto& words : {kind, scene_.scale.low}) {
    text({.x = x, .y = baseline, .text = words, .size = kSmall, .colour = colours_.muted});
    x += measure_.width(words, kSmall) + (words == kind ? 14 : 7);
  }
  sheet_.bar = {static_cast<int>(std::ceil(x)), static_cast<int>(baseline) - 9, 192, 10};
  sheet_.boxes.push_back({sheet_.bar.x - 1.0, sheet_.bar.y - 1.0, sheet_.bar.width + 2.0, sheet_.bar.height + 2.0, 0, colours_.rule});
  text({.x = sheet_.bar.x + sheet_.bar.width + 7.0, .y = baseline, .text = scene_.scale.high, .size = kSmall, .colour = colours_.muted});
  y_ = baseline + 16;
}

Sheet lay_out(const Scene& scene) { return LayOut(scene).run(); }

}  // namespace attend
