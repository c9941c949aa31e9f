#include "draw/terminal_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "attend/draw/width.h"
#include "draw/overlay.h"

namespace attend {
namespace {

constexpr std::uint32_t kThumbnail = 28;   // columns, about
constexpr std::uint32_t kMostLines = 512;  // lines, two a character, of a picture that is a narrow strip
constexpr int kFigureGap = 2;

class Figures : private TerminalInk {
 public:
  Figures(const Scene& scene, const TerminalOptions& options) : TerminalInk(scene, options), scene_(scene), options_(options) {}

  std::vector<TerminalLine> image() const;
  std::vector<TerminalLine> list() const;

 private:
  std::vector<TerminalLine> thumbnail(std::int32_t row) const;
  std::vector<TerminalLine> marks(std::int32_t row) const;
  void caption(std::vector<TerminalLine>& lines, std::int32_t row) const;

  const Scene& scene_;
  const TerminalOptions& options_;
};

/// Each pixel is the mean of the area it covers.
std::vector<TerminalLine> Figures::thumbnail(std::int32_t row) const {
  const auto& picture = *scene_.picture;
  const auto rgb = overlay(scene_, row);
  // Whole columns and lines a cell of the grid.
  const auto times = std::max(1U, kThumbnail / picture.cols);
  const auto wide = std::min(picture.cols * times, static_cast<std::uint32_t>(options_.width));
  const double cell_shape = (static_cast<double>(picture.height) / picture.rows) / (static_cast<double>(picture.width) / picture.cols);
  const double wanted = picture.rows * static_cast<double>(std::max(1L, std::lround(times * cell_shape)));
  const auto high = static_cast<std::uint32_t>(std::min<double>(wanted, kMostLines));
  const auto pixel = [&](std::uint64_t x, std::uint64_t y) {
    const auto left = x * picture.width / wide, right = std::max(left + 1, (x + 1) * picture.width / wide);
    const auto top = y * picture.height / high, bottom = std::max(top + 1, (y + 1) * picture.height / high);
    std::uint64_t sum[3] = {};
    for (auto v = top; v < bottom; ++v) {
      for (auto u = left; u < right; ++u) {
        for (std::size_t k = 0; k < 3; ++k) sum[k] += rgb[(v * picture.width + u) * 3 + k];
      }
    }
    const auto area = (right - left) * (bottom - top);
    return Rgb{static_cast<std::uint8_t>(sum[0] / area), static_cast<std::uint8_t>(sum[1] / area),
               static_cast<std::uint8_t>(sum[2] / area)};
  };
  std::vector<TerminalLine> lines;
  for (std::uint32_t y = 0; y < high; y += 2) {
    TerminalLine now;
    for (std::uint32_t x = 0; x < wide; ++x) {
      std::string codes = as_ink(pixel(x, y));
      if (y + 1 < high) codes += ";" + as_ground(pixel(x, y + 1));
      now.bytes += escape(codes) + "▀" + reset();
    }
    now.width = static_cast<int>(wide);
    lines.push_back(std::move(now));
  }
  return lines;
}

/// A frame with two marks a cell where there is room, which makes cells about square.
std::vector<TerminalLine> Figures::marks(std::int32_t row) const {
  const std::size_t cols = scene_.picture->cols;
  const std::size_t marks = 2 * cols + 2 <= static_cast<std::size_t>(options_.width) ? 2 : 1;
  const std::string edge = "+" + std::string(marks * cols, '-') + "+";
  std::vector<TerminalLine> lines(1);
  put(lines[0], edge);
  for (std::size_t r = 0; r < scene_.picture->rows; ++r) {
    std::string now = "|";
    for (std::size_t c = 0; c < cols; ++c)
      now.append(marks, level(scene_.panels[0].values[static_cast<std::size_t>(row) * scene_.cols() + r * cols + c]));
    put(lines.emplace_back(), now + "|");
  }
  put(lines.emplace_back(), edge);
  return lines;
}

void Figures::caption(std::vector<TerminalLine>& lines, std::int32_t row) const {
  const auto label = overlay_label(scene_, row);
  const int width = lines[0].width;
  const std::string text = clip_text(label.text, std::max(width, 8), options_.wide);
  TerminalLine now;
  pad(now, (width - width_of(text)) / 2);
  now.bytes += label.special ? dim() : bold();
  put(now, text);
  now.bytes += reset();
  lines.push_back(std::move(now));
}

std::vector<TerminalLine> Figures::image() const {
  std::vector<TerminalLine> out, joined;
  std::uint32_t beside = 0;
  const auto flush = [&] {
    out.insert(out.end(), joined.begin(), joined.end());
    if (!joined.empty()) out.emplace_back();
    joined.clear();
    beside = 0;
  };
  for (std::int32_t row = ascii() ? 0 : -1; row < static_cast<std::int32_t>(scene_.rows()); ++row) {
    auto lines = ascii() ? marks(row) : thumbnail(row);
    const int wide = std::max(lines[0].width, 8);
    caption(lines, row);
    if (beside > 0 && (beside == scene_.across || joined[0].width + kFigureGap + wide > options_.width)) flush();
    joined.resize(lines.size());
    const int left = beside > 0 ? static_cast<int>(beside) * (wide + kFigureGap) : 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      pad(joined[i], left);
      joined[i].bytes += lines[i].bytes;
      joined[i].width += lines[i].width;
    }
    ++beside;
  }
  flush();
  return out;
}

std::vector<TerminalLine> Figures::list() const {
  const int cell = ascii() ? 8 : 7;
  const auto cols = static_cast<int>(scene_.cols());
  int widest = 0;
  for (const auto& label : scene_.row_labels) widest = std::max(widest, width_of(label.text));
  const int room = std::max(8, options_.width - 2 - cols * cell), left = std::min(widest, room) + 2;
  const int across = std::max(1, (options_.width - left) / cell);  // columns that fit; the others continue below
  std::vector<TerminalLine> lines;
  for (int first = 0; first < cols; first += across) {
    const int end = std::min(cols, first + across);
    TerminalLine head;
    pad(head, left);
    for (int c = first; c < end; ++c) {
      const auto text = clip_text(scene_.col_labels[static_cast<std::size_t>(c)].text, cell - 1, options_.wide);
      pad(head, left + (c - first) * cell + (cell - width_of(text)) / 2);
      put(head, text);
    }
    lines.push_back(std::move(head));
    for (std::size_t r = 0; r < scene_.rows(); ++r) {
      const auto& label = scene_.row_labels[r];
      const bool muted = label.special || label.faint;
      TerminalLine now;
      if (muted) now.bytes += dim();
      put(now, clip_text(label.text, left - 2, options_.wide));
      if (muted) now.bytes += reset();
      pad(now, left);
      for (int c = first; c < end; ++c) {
        const std::size_t at = r * scene_.cols() + static_cast<std::size_t>(c);
        const float v = scene_.panels[0].values[at], weight = scene_.panels[0].weights[at];
        std::string number = fmt::format("{:.2f}", weight);
        if (number.size() > 4) number = fmt::format("{:.2g}", weight);
        if (ascii()) number = fmt::format("{} {}", level(v), number);
        now.bytes += tint(v) + fmt::format("{:^{}}", number, cell) + reset();
        now.width += cell;
      }
      lines.push_back(std::move(now));
    }
    lines.emplace_back();
  }
  TerminalLine answer;
  answer.bytes += bold();
  put(answer, clip_text((ascii() ? "-> " : "→ ") + scene_.target, options_.width, options_.wide));
  answer.bytes += reset();
  lines.push_back(std::move(answer));
  lines.emplace_back();
  return lines;
}

}  // namespace

std::vector<TerminalLine> image_lines(const Scene& scene, const TerminalOptions& options) { return Figures(scene, options).image(); }
std::vector<TerminalLine> list_lines(const Scene& scene, const TerminalOptions& options) { return Figures(scene, options).list(); }

}  // namespace attend
