#pragma once
// Where everything of a picture goes, in units of length with the origin at the upper left. PNG and SVG both write this.
#include <cstdint>
#include <string>
#include <vector>

#include "attend/draw/scene.h"

namespace attend {

enum class Anchor : std::uint8_t { kStart, kMiddle, kEnd };

struct PictureText {
  double x = 0, y = 0;  ///< baseline; the end that `anchor` names
  std::string text = {};
  double size = 12;
  Rgb colour = {};
  bool bold = false;
  Anchor anchor = Anchor::kStart;
  double turn = 0;   ///< degrees, clockwise, about (x, y)
  double width = 0;  ///< measured; SVG readers without our fonts are asked to keep it where a tint lies below (fit)
  bool fit = false;
  bool prose = false;  ///< runs from left to right even where it begins with letters that do not
};
struct PictureBox {
  double x = 0, y = 0, width = 0, height = 0, radius = 0;
  Rgb fill = {};
};
struct PictureMatrix {
  std::size_t panel = 0;
  int x = 0, y = 0, cell = 1, high = 1;  ///< cells are `cell` wide
};
/// The scene's own picture under the weights of a row; without them where `row` is -1.
struct PictureImage {
  std::int32_t row = -1;
  int x = 0, y = 0, width = 0, height = 0;
};
struct PictureBar {
  int x = 0, y = 0, width = 0, height = 0;
};

struct Sheet {
  int width = 0, height = 0;
  std::vector<PictureBox> boxes;
  std::vector<PictureMatrix> matrices;
  std::vector<PictureImage> images;
  PictureBar bar;
  std::vector<PictureText> texts;
};

/// Families asked for, best first; the rest is fontconfig's choice. No emoji font is among them: those have digits too, and Pango finds
/// one for emoji by itself.
inline constexpr char kFontFamilies[] = "Noto Sans CJK SC, Noto Sans, DejaVu Sans, sans-serif";

Sheet lay_out(const Scene& scene);

}  // namespace attend
