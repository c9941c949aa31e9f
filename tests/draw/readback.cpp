#include "draw/readback.h"

#include <png.h>

#include <bit>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <stdexcept>

namespace attend::readback {
namespace {

/// Applies the codes of one ESC[...m to a span's colours.
void set_colours(Span& now, const std::string& codes) {
  std::vector<int> n;
  std::stringstream words(codes);
  for (std::string word; std::getline(words, word, ';');) n.push_back(std::stoi(word));
  for (std::size_t i = 0; i < n.size(); ++i) {
    if (n[i] == 0) now = {};
    if (n[i] == 2) now.dim = true;
    if (n[i] != 38 && n[i] != 48) continue;
    const bool ink = n[i] == 38;
    if (n.at(i + 1) == 2) {
      const Rgb c{static_cast<std::uint8_t>(n.at(i + 2)), static_cast<std::uint8_t>(n.at(i + 3)), static_cast<std::uint8_t>(n.at(i + 4))};
      (ink ? now.ink : now.ground) = c;
      i += 4;
    } else {
      (ink ? now.ink_index : now.ground_index) = n.at(i + 2);
      i += 2;
    }
  }
}

/// Cells of a line from spans: `paint` gives a span's ground and ink as T.
template <class T, class Paint>
std::vector<std::vector<std::optional<T>>> cells_of(const Scene& scene, const std::string& text, Paint paint) {
  std::vector<std::vector<std::optional<T>>> panels(scene.panels.size());
  const std::size_t cols = scene.cols();
  const bool half = text.find("▀") != std::string::npos || text.find("▄") != std::string::npos;
  std::size_t first = 0, row = 0;
  for (const auto& line : terminal_lines(text)) {
    if (row == scene.rows()) {
      row = 0;
      for (first = 0; first < panels.size() && panels[first].size() == scene.rows() * cols;) ++first;
      if (first == panels.size()) break;
    }
    std::vector<std::optional<T>> upper, lower;
    for (const auto& span : line) {
      const auto [ground, ink] = paint(span);
      if (span.dim && span.text.starts_with("╱")) {
        upper.push_back({});
        lower.push_back({});
      } else if (span.text == "▀") {
        upper.push_back(ink);
        lower.push_back(ground);
      } else if (span.text == "▄") {
        upper.push_back({});
        lower.push_back(ink);
      } else if (ground) {
        upper.push_back(ground);
      }
    }
    if (upper.empty()) continue;
    if (upper.size() % cols != 0) throw std::runtime_error("a line holds " + std::to_string(upper.size()) + " cells");
    const std::size_t across = upper.size() / cols;
    for (std::size_t p = 0; p < across; ++p) {
      auto& panel = panels.at(first + p);
      panel.insert(panel.end(), upper.begin() + static_cast<long>(p * cols), upper.begin() + static_cast<long>((p + 1) * cols));
      if (half && row + 1 < scene.rows()) {
        panel.insert(panel.end(), lower.begin() + static_cast<long>(p * cols), lower.begin() + static_cast<long>((p + 1) * cols));
      }
    }
    row += half && row + 1 < scene.rows() ? 2 : 1;
  }
  return panels;
}

}  // namespace

Rgb Image::at(int x, int y) const {
  const auto* p = rgba.data() + 4 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x));
  return {p[0], p[1], p[2]};
}
std::uint8_t Image::alpha(int x, int y) const {
  return rgba[4 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)) + 3];
}

Image decode_png(std::string_view bytes) {
  png_image png;
  std::memset(&png, 0, sizeof png);
  png.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_memory(&png, bytes.data(), bytes.size())) throw std::runtime_error(png.message);
  png.format = PNG_FORMAT_RGBA;
  Image image{static_cast<int>(png.width), static_cast<int>(png.height), std::vector<std::uint8_t>(PNG_IMAGE_SIZE(png))};
  if (!png_image_finish_read(&png, nullptr, image.rgba.data(), 0, nullptr)) throw std::runtime_error(png.message);
  return image;
}

std::string decode_base64(std::string_view text) {
  static const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<std::uint32_t>(digits.find(c));
    if ((count += 6) >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  return out;
}

std::vector<float> floats(std::string_view bytes) {
  std::vector<float> out(bytes.size() / 4);
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint32_t bits = 0;
    for (int k = 0; k < 4; ++k)
      bits |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[4 * i + static_cast<std::size_t>(k)])) << 8 * k;
    out[i] = std::bit_cast<float>(bits);
  }
  return out;
}

std::vector<std::vector<Span>> terminal_lines(const std::string& text) {
  std::vector<std::vector<Span>> lines(1);
  Span now;
  auto end_span = [&] {
    if (!now.text.empty()) lines.back().push_back(now);
    now.text.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      end_span();
      const auto end = text.find('m', i);
      set_colours(now, text.substr(i + 2, end - i - 2));
      i = end;
    } else if (text[i] == '\n') {
      end_span();
      lines.emplace_back();
    } else {
      now.text += text[i];
    }
  }
  return lines;
}

std::vector<Cells> terminal_cells(const Scene& scene, const std::string& text) {
  return cells_of<Rgb>(scene, text, [](const Span& s) { return std::pair(s.ground, s.ink); });
}
std::vector<std::vector<std::optional<int>>> terminal_greys(const Scene& scene, const std::string& text) {
  return cells_of<int>(scene, text, [](const Span& s) { return std::pair(s.ground_index, s.ink_index); });
}

std::vector<Cells> svg_cells(const std::string& svg) {
  std::vector<Cells> panels;
  const std::string mark = "<g class=\"matrix\"";
  for (auto at = svg.find(mark); at != std::string::npos; at = svg.find(mark, at + 1)) {
    const auto open = svg.substr(at, svg.find('>', at) - at);
    std::size_t rows = 0, cols = 0;
    int left = 0, top = 0, width = 0, height = 0;
    if (std::sscanf(open.c_str(), "<g class=\"matrix\" data-rows=\"%zu\" data-columns=\"%zu\" data-box=\"%d %d %d %d\"", &rows, &cols,
                    &left, &top, &width, &height) != 6)
      throw std::runtime_error("not a matrix: " + open);
    const int wide = width / static_cast<int>(cols), high = height / static_cast<int>(rows);
    Cells cells(rows * cols);
    const auto end = svg.find("</g>", at);
    for (auto path = svg.find("<path fill=\"#", at); path < end; path = svg.find("<path fill=\"#", path + 1)) {
      unsigned colour = 0;
      if (std::sscanf(svg.c_str() + path, "<path fill=\"#%6x\"", &colour) != 1) throw std::runtime_error("a path without a colour");
      const Rgb c{static_cast<std::uint8_t>(colour >> 16), static_cast<std::uint8_t>(colour >> 8), static_cast<std::uint8_t>(colour)};
      for (const char* now = svg.c_str() + svg.find("d=\"", path) + 3; *now != '"';) {
        int x = 0, y = 0, w = 0, h = 0, back = 0, read = 0;
        if (std::sscanf(now, "M%d %dh%dv%dh-%dz%n", &x, &y, &w, &h, &back, &read) != 5 || back != w || h != high || w % wide != 0)
          throw std::runtime_error("not a rectangle of cells: " + std::string(now).substr(0, 40));
        for (int k = 0; k < w / wide; ++k) {
          auto& cell = cells.at(static_cast<std::size_t>((y - top) / high) * cols + static_cast<std::size_t>((x - left) / wide + k));
          if (cell) throw std::runtime_error("a cell is painted twice");
          cell = c;
        }
        now += read;
      }
    }
    panels.push_back(std::move(cells));
  }
  return panels;
}

int index_of(const Scene& scene, Rgb colour) {
  const auto& table = colour_table(scene.scale.palette, scene.theme);
  for (int i = 0; i < 256; ++i) {
    if (table[static_cast<std::size_t>(i)] == colour) return i;
  }
  throw std::runtime_error("not a colour of the table: " + hex(colour));
}

}  // namespace attend::readback
