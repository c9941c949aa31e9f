#pragma once
// Reads the cells back out of what a backend wrote, without help from the backend's own code.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attend/draw/scene.h"

namespace attend::readback {

/// Colours of the cells of one panel, row-major; absent where hatched.
using Cells = std::vector<std::optional<Rgb>>;

struct Image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgba;
  Rgb at(int x, int y) const;
  std::uint8_t alpha(int x, int y) const;
};

Image decode_png(std::string_view bytes);
std::string decode_base64(std::string_view text);
std::vector<float> floats(std::string_view bytes);

/// A run of text on the terminal under one set of colours.
struct Span {
  std::string text;
  std::optional<Rgb> ink, ground;              // 24-bit
  std::optional<int> ink_index, ground_index;  // 256 colours
  bool dim = false;
};
std::vector<std::vector<Span>> terminal_lines(const std::string& text);

/// Cells of every panel from a truecolour heatmap printed in one band.
std::vector<Cells> terminal_cells(const Scene& scene, const std::string& text);
/// The same from a 256-colour heatmap: greys 232 to 255.
std::vector<std::vector<std::optional<int>>> terminal_greys(const Scene& scene, const std::string& text);

/// The rectangles of every <g class="matrix"> of an SVG.
std::vector<Cells> svg_cells(const std::string& svg);

/// Index of a colour in the scene's table; fails the test when it is none of them.
int index_of(const Scene& scene, Rgb colour);

}  // namespace attend::readback
