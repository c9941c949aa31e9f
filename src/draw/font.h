#pragma once
// Pango and Cairo objects that free themselves, and text measured the same way everywhere.
#include <pango/pangocairo.h>

#include <memory>
#include <string>
#include <unordered_map>

namespace attend {

struct PangoRelease {
  void operator()(void* object) const { g_object_unref(object); }
};
struct CairoRelease {
  void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
using LayoutPtr = std::unique_ptr<PangoLayout, PangoRelease>;
using CairoPtr = std::unique_ptr<cairo_t, CairoRelease>;
using SurfacePtr = std::unique_ptr<cairo_surface_t, CairoRelease>;

/// A one-line layout of `text` for a Cairo context; unhinted, so that it keeps its shape at every scale. Its direction is that of its first
/// letter, or, as `prose`, from left to right.
LayoutPtr make_layout(cairo_t* cairo, const std::string& text, double size, bool bold, bool prose = false);

/// Measures text with a context of its own.
class TextMeasure {
 public:
  TextMeasure();
  double width(const std::string& text, double size, bool bold = false) const;
  /// Characters without a glyph in any installed font.
  int unknown_glyphs(const std::string& text) const;

 private:
  SurfacePtr surface_;
  CairoPtr cairo_;
  mutable std::unordered_map<std::string, double> widths_;  // by weight, size and text: labels come again and again
};

/// The Debian package that is likely to bring a glyph for a character.
const char* font_package(char32_t character);

/// A warning that names the characters of the scene without a glyph and the packages to install; empty when there are none.
std::string missing_glyphs(const std::string& text);

}  // namespace attend
