#include "attend/draw/terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "attend/core/error.h"
#include "attend/draw/width.h"
#include "draw/overlay.h"
#include "draw/shrink.h"
#include "draw/terminal_figures.h"
#include "draw/terminal_ink.h"

namespace attend {
namespace {

using Line = TerminalLine;

constexpr std::size_t kLargeMap = 64;   // rows or columns from which labels no longer help
constexpr int kMarkHeight = 14;         // of vertical labels
constexpr int kShortLabel = 8;          // columns of a label over short numbers
constexpr float kLeastShort = 0.05F;    // many small numbers would hide the few large ones
constexpr std::size_t kMostBands = 3;   // of short numbers
constexpr std::size_t kMostRows = 200;  // of a map that is not shrunk, two a line

/// How the cells of a panel are printed: weights as 0.25 or as .25, blocks under upright and under vertical labels, half a character each.
enum class Cells { kNumbers, kShort, kBlocks, kVertical, kHalf };

/// Columns [begin, end) of a panel that fit side by side.
struct Band {
  std::size_t begin, end;
};

class Terminal : private TerminalInk {
 public:
  /// Each cell of the scene stands for `block` rows and columns of a map of `cols` columns.
  Terminal(const Scene& scene, const TerminalOptions& options, std::size_t block, std::size_t cols)
      : TerminalInk(scene, options), scene_(scene), options_(options), block_(block), cols_(cols) {
    ATTEND_CHECK(options.width >= 20, kValue, "terminal: width must be at least 20 columns, got {}", options.width);
  }

  /// Rows and columns that should share a cell, so that a large heat map fits between the margins and on a few screens.
  std::size_t block_that_fits() const;

  std::string draw() {
    paragraph(scene_.title, bold());
    paragraph(scene_.subtitle, dim());
    line({});
    switch (scene_.view) {
      case Scene::View::kHeatmap: heatmap(); break;
      case Scene::View::kHighlight: highlight(); break;
      case Scene::View::kImage: lines(image_lines(scene_, options_)); break;
      case Scene::View::kList: lines(list_lines(scene_, options_)); break;
    }
    bar();
    if (!scene_.caption.empty()) paragraph(scene_.caption, dim());
    for (const auto& note : scene_.notes) paragraph("* " + note.text, dim());
    return std::move(out_);
  }

 private:
  void line(const Line& text) {
    out_ += text.bytes;
    while (!out_.empty() && out_.back() == ' ') out_.pop_back();
    out_ += '\n';
  }

  void lines(const std::vector<Line>& all) {
    for (const auto& one : all) line(one);
  }

  void paragraph(std::string_view text, const std::string& style);
  void heatmap();
  void highlight();
  void bar();

  bool masked(const MatrixPanel& panel, std::size_t r, std::size_t c) const {
    return !panel.masked.empty() && panel.masked[r * scene_.cols() + c];
  }
  Cells choose_cells() const;
  int label_width() const;
  int column_width(Cells cells, std::size_t c) const;
  std::vector<Band> bands(Cells cells, int room) const;
  std::vector<Line> panel_lines(const MatrixPanel& panel, Cells cells, Band band) const;
  void vertical_labels(std::vector<Line>& lines, Band band, int left) const;
  void cell(Line& to, const MatrixPanel& panel, Cells cells, std::size_t r, std::size_t c) const;
  void half_cell(Line& to, const MatrixPanel& panel, std::size_t r, std::size_t c) const;
  void text_line(const TextLine& line, const std::string& label, int left);

  const Scene& scene_;
  const TerminalOptions& options_;
  std::size_t block_, cols_;
  std::string out_;
};

void Terminal::paragraph(std::string_view text, const std::string& style) {
  // Words are kept whole where they fit; runs without spaces (Chinese) break between clusters.
  Line now;
  const int indent = text.starts_with("* ") ? 2 : 0;
  auto flush = [&] {
    while (!now.bytes.empty() && now.bytes.back() == ' ') now.bytes.pop_back();
    out_ += style + now.bytes + reset() + '\n';
    now = {std::string(static_cast<std::size_t>(indent), ' '), indent};
  };
  for (std::size_t i = 0; i < text.size();) {
    auto end = text.find(' ', i);
    end = end == std::string_view::npos ? text.size() : end + 1;
    std::string_view word = text.substr(i, end - i);
    i = end;
    const auto bare = word.ends_with(' ') ? word.substr(0, word.size() - 1) : word;
    if (now.width + width_of(bare) <= options_.width) {
      put(now, word);
      continue;
    }
    if (now.width > indent && width_of(bare) <= options_.width - indent) {
      flush();
      put(now, word);
      continue;
    }
    for (const auto cluster : grapheme_clusters(word)) {
      if (now.width + width_of(cluster) > options_.width) flush();
      put(now, cluster);
    }
  }
  if (now.width > indent || now.width == 0) flush();
}

int Terminal::label_width() const {
  int widest = 0;
  for (const auto& label : scene_.row_labels) widest = std::max(widest, width_of(label.text));
  return std::min(widest, std::max(8, options_.width / 4));
}

std::size_t Terminal::block_that_fits() const {
  if (scene_.rows() <= kLargeMap && scene_.cols() <= kLargeMap) return 1;
  const auto room = static_cast<std::size_t>(std::max(options_.width - label_width() - 1, 8));
  return std::max((scene_.cols() + room - 1) / room, (scene_.rows() + kMostRows - 1) / kMostRows);
}

int Terminal::column_width(Cells cells, std::size_t c) const {
  const int label = width_of(scene_.col_labels[c].text);
  switch (cells) {
    case Cells::kNumbers: return std::max(label, ascii() ? 6 : 4) + 2;
    case Cells::kShort: return std::clamp(label, 3, kShortLabel) + 1;
    case Cells::kBlocks: return std::max(label, 2) + 1;
    case Cells::kVertical: return 2;
    case Cells::kHalf: return 1;
  }
  return 2;
}

Cells Terminal::choose_cells() const {
  if (block_ > 1 || scene_.rows() > kLargeMap || scene_.cols() > kLargeMap) return Cells::kHalf;
  const int room = options_.width - label_width() - 1;
  auto total = [&](Cells cells) {
    int sum = 0;
    for (std::size_t c = 0; c < scene_.cols(); ++c) sum += column_width(cells, c);
    return sum;
  };
  if (scene_.panels.size() > 1) return Cells::kVertical;
  if (total(Cells::kNumbers) <= room) return Cells::kNumbers;
  if (!ascii() && bands(Cells::kShort, room).size() <= kMostBands) return Cells::kShort;
  return total(Cells::kBlocks) <= room ? Cells::kBlocks : Cells::kVertical;
}

std::vector<Band> Terminal::bands(Cells cells, int room) const {
  std::vector<Band> out;
  for (std::size_t begin = 0; begin < scene_.cols();) {
    std::size_t end = begin;
    int used = 0;
    while (end < scene_.cols() && (end == begin || used + column_width(cells, end) <= room)) used += column_width(cells, end++);
    out.push_back({begin, end});
    begin = end;
  }
  return out;
}

void Terminal::cell(Line& to, const MatrixPanel& panel, Cells cells, std::size_t r, std::size_t c) const {
  const std::size_t at = r * scene_.cols() + c;
  const int width = column_width(cells, c);
  if (masked(panel, r, c)) return hatch(to, width);
  const float v = panel.values[at];
  std::string text;
  if (cells == Cells::kNumbers) {
    text = fmt::format("{:.2f}", panel.weights[at]);
    if (text.size() > 4) text = fmt::format("{:.2g}", panel.weights[at]);
    if (ascii()) text = fmt::format("{} {}", level(v), text);
    const int left = (width - static_cast<int>(text.size())) / 2;
    text.insert(0, static_cast<std::size_t>(std::max(left, 0)), ' ');
  } else if (cells == Cells::kShort) {
    if (panel.weights[at] >= kLeastShort) text = fmt::format("{:.2f}", panel.weights[at]);
    if (text.starts_with("0.")) text.erase(0, 1);
    text = text.substr(0, 4);
    text.insert(0, static_cast<std::size_t>(width - static_cast<int>(text.size())) / 2, ' ');
  } else if (ascii()) {
    text.assign(static_cast<std::size_t>(width), level(v));
  }
  text.resize(static_cast<std::size_t>(width), ' ');
  to.bytes += tint(v) + text + reset();
  to.width += width;
}

/// Two rows in one character: the upper as ink of ▀, the lower as its ground.
void Terminal::half_cell(Line& to, const MatrixPanel& panel, std::size_t r, std::size_t c) const {
  const std::size_t cols = scene_.cols();
  const bool above = !masked(panel, r, c), below = r + 1 < scene_.rows() && !masked(panel, r + 1, c);
  const float v = panel.values[r * cols + c], w = below ? panel.values[(r + 1) * cols + c] : 0;
  if (ascii()) {
    to.bytes += above ? level(v) : '/';
    to.width += 1;
  } else if (!above && !below) {
    hatch(to, 1);
  } else {
    std::string codes = as_ink(above ? v : w);
    if (above && below) codes += ";" + as_ground(w);
    to.bytes += escape(codes) + (above ? "▀" : "▄") + reset();
    to.width += 1;
  }
}

void Terminal::vertical_labels(std::vector<Line>& lines, Band band, int left) const {
  std::vector<std::vector<std::string>> stacks;
  std::size_t height = 0;
  for (std::size_t c = band.begin; c < band.end; ++c) {
    std::vector<std::string> stack;
    for (const auto cluster : grapheme_clusters(scene_.col_labels[c].text)) {
      if (cluster != " ") stack.emplace_back(cluster);
    }
    if (stack.size() > kMarkHeight) {
      stack.resize(kMarkHeight - 1);
      stack.push_back(ascii() ? ":" : "⋮");
    }
    height = std::max(height, stack.size());
    stacks.push_back(std::move(stack));
  }
  for (std::size_t y = 0; y < height; ++y) {
    Line now;
    pad(now, left);
    for (std::size_t k = 0; k < stacks.size(); ++k) {
      const auto& stack = stacks[k];
      const std::size_t skip = height - stack.size();
      if (y >= skip) put(now, stack[y - skip]);
      pad(now, left + 2 * static_cast<int>(k + 1));
    }
    lines.push_back(std::move(now));
  }
}

std::vector<Line> Terminal::panel_lines(const MatrixPanel& panel, Cells cells, Band band) const {
  std::vector<Line> lines;
  const int labels = label_width(), left = labels + 1;
  if (scene_.panels.size() > 1) {
    Line title;
    pad(title, left);
    title.bytes += bold();
    put(title, panel.title);
    title.bytes += reset();
    lines.push_back(std::move(title));
  }
  if (cells == Cells::kVertical) vertical_labels(lines, band, left);
  if (cells == Cells::kNumbers || cells == Cells::kShort || cells == Cells::kBlocks) {
    Line head;
    pad(head, left);
    for (std::size_t c = band.begin; c < band.end; ++c) {
      const int width = column_width(cells, c), end = head.width + width;
      const auto text = cells == Cells::kShort ? clip_text(scene_.col_labels[c].text, width - 1, options_.wide) : scene_.col_labels[c].text;
      pad(head, head.width + (width - width_of(text)) / 2);
      put(head, text);
      pad(head, end);
    }
    lines.push_back(std::move(head));
  }
  if (cells == Cells::kHalf) {
    Line head;
    pad(head, left);
    put(head, fmt::format("{} {} to {}", scene_.col_name, band.begin * block_, std::min(band.end * block_, cols_) - 1));
    lines.push_back(std::move(head));
  }
  const bool pairs = cells == Cells::kHalf && !ascii();
  for (std::size_t r = 0; r < scene_.rows(); r += pairs ? 2 : 1) {
    Line now;
    const std::string label = cells == Cells::kHalf && r % 10 != 0 ? "" : clip_text(scene_.row_labels[r].text, labels, options_.wide);
    pad(now, labels - width_of(label));
    put(now, label);
    pad(now, left);
    for (std::size_t c = band.begin; c < band.end; ++c) {
      cells == Cells::kHalf ? half_cell(now, panel, r, c) : cell(now, panel, cells, r, c);
    }
    lines.push_back(std::move(now));
  }
  return lines;
}

void Terminal::heatmap() {
  const Cells cells = choose_cells();
  if (scene_.rows() == 0 || scene_.cols() == 0)
    paragraph("(empty: no tokens are left to draw)", dim());
  else if (!scene_.row_name.empty())
    paragraph(fmt::format("rows: {}, columns: {}", scene_.row_name, scene_.col_name), dim());
  for (const Band band : bands(cells, options_.width - label_width() - 1)) {
    // Panels stand side by side while the terminal has room.
    for (std::size_t first = 0; first < scene_.panels.size();) {
      std::vector<Line> joined;
      std::size_t next = first;
      do {
        auto lines = panel_lines(scene_.panels[next], cells, band);
        int widest = 0, used = 0;
        for (const auto& l : lines) widest = std::max(widest, l.width);
        for (const auto& l : joined) used = std::max(used, l.width);
        if (next > first && (used + 2 + widest > options_.width || next - first >= scene_.across)) break;
        joined.resize(lines.size());
        for (std::size_t i = 0; i < lines.size(); ++i) {
          if (next > first) pad(joined[i], used + 2);
          joined[i].bytes += lines[i].bytes;
          joined[i].width += lines[i].width;
        }
      } while (++next < scene_.panels.size());
      for (const auto& l : joined) line(l);
      line({});
      first = next;
    }
  }
}

void Terminal::text_line(const TextLine& tinted, const std::string& label, int left) {
  Line now, marks;  // marks: the level of each piece, printed below in place of colour
  auto begin = [&](const std::string& head) {
    now = marks = {};
    pad(now, left - 2 - width_of(head));
    put(now, head);
    pad(now, left);
    pad(marks, left);
  };
  auto flush = [&] {
    line(now);
    if (ascii() && marks.bytes.find_first_not_of(' ') != std::string::npos) line(marks);
    begin("");
  };
  begin(label);
  for (std::size_t p = 0; p < scene_.pieces.size(); ++p) {
    const auto& piece = scene_.pieces[p];
    const float v = tinted.values[p];
    const int width = width_of(piece.text);
    if (now.width + width > options_.width && width <= options_.width - left) flush();
    for (const auto cluster : grapheme_clusters(piece.text)) {
      if (now.width + width_of(cluster) > options_.width) flush();
      const bool tints = !piece.columns.empty();
      if (tints) now.bytes += tint(v);
      put(now, cluster);
      if (tints) now.bytes += reset();
      for (int i = width_of(cluster); i > 0; --i) put(marks, std::string(1, tints ? level(v) : ' '));
    }
  }
  if (now.width > left) flush();
}

void Terminal::highlight() {
  const int left = label_width() + 2;
  for (std::size_t r = 0; r < scene_.lines.size(); ++r) {
    text_line(scene_.lines[r], clip_text(scene_.row_labels[r].text, left - 2, options_.wide), left);
  }
  line({});
}

void Terminal::bar() {
  Line now;
  put(now, scene_.scale.of + "  " + scene_.scale.low + " ");
  constexpr int kSteps = 24;
  if (ascii()) {
    put(now, fmt::format("[{}]", kLevels));
  } else {
    const auto colours = bar_colours(scene_);
    for (int i = 0; i < kSteps; ++i) {
      const float v = static_cast<float>(i) / (kSteps - 1);
      now.bytes += escape(scene_.picture ? as_ink(colours[colour_index(v)]) : as_ink(v)) + "█";
    }
    now.bytes += reset();
  }
  put(now, " " + scene_.scale.high);
  if (scene_.scale.kind != ScaleKind::kLinear) put(now, fmt::format("  ({} scale)", name_of(scene_.scale.kind)));
  line(now);
}

}  // namespace

std::string draw_terminal(const Scene& scene, const TerminalOptions& options) {
  Terminal whole(scene, options, 1, scene.cols());
  const std::size_t block = scene.view == Scene::View::kHeatmap ? whole.block_that_fits() : 1;
  if (block == 1) return whole.draw();
  const Scene small = shrunk(scene, block);
  return Terminal(small, options, block, scene.cols()).draw();
}

}  // namespace attend
