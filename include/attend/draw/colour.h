#pragma once
// Colours: tables of 256 entries built in OKLab, so that equal steps of a weight look like equal steps of lightness,
// also to readers with protanopia, deuteranopia or tritanopia.
#include <array>
#include <cstdint>
#include <string>

namespace attend {

struct Rgb {
  std::uint8_t r = 0, g = 0, b = 0;
  bool operator==(const Rgb&) const = default;
};

enum class Theme : std::uint8_t { kLight, kDark };
enum class Palette : std::uint8_t {
  kSequential,  ///< 0 near the page, 255 far from it
  kDiverging    ///< the middle near the page, both ends far from it; for differences
};

/// 256 distinct colours, so that a pixel inverts to its index. Lightness is strictly monotone (diverging: on each half).
const std::array<Rgb, 256>& colour_table(Palette palette, Theme theme);

/// round(255 v) with v held to [0, 1]; NaN gives 0.
std::uint8_t colour_index(float v);

/// Contrast ratio of two colours, 1 to 21 (WCAG 2.1).
double contrast(Rgb a, Rgb b);

/// An ink that reads on `tint` with a contrast of at least 4.5.
Rgb ink_on(Rgb tint);

/// "#rrggbb"
std::string hex(Rgb colour);

/// What is around the weights: none of these is a colour of the theme's tables.
struct PageColours {
  Rgb paper, ink, muted, rule, hatch;
};
const PageColours& page_colours(Theme theme);

}  // namespace attend
