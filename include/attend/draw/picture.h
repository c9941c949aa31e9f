#pragma once
// A scene as a picture: PNG to show, SVG to print and search.
#include <string>

#include "attend/draw/scene.h"

namespace attend {

struct PngOptions {
  int scale = 2;  ///< pixels per unit of length, 1 to 4; 2 is crisp on today's screens
};

struct Png {
  std::string bytes;
  int width = 0, height = 0;  ///< pixels
  std::string warning;        ///< characters for which no installed font has a glyph, and the package that brings one; else empty
};

/// Labels by Pango, cells as whole pixels. Same scene, options and fonts give the same bytes. Throws kValue for a map whose
/// picture would be wider than 32,767 or higher than 262,144 pixels.
Png draw_png(const Scene& scene, const PngOptions& options = {});

/// Writes draw_png to a file, whole or not at all; returns its warning.
std::string write_png(const Scene& scene, const std::string& path, const PngOptions& options = {});

/// Text stays text (searchable, with <title> and <desc>), cells are rectangles, in maps of more than 262,144 cells pixels of an image.
/// Small maps tell tokens and weight under the pointer.
std::string draw_svg(const Scene& scene);

}  // namespace attend
