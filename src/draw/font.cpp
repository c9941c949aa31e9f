#include "draw/font.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <utf8proc.h>

#include <set>
#include <vector>

#include "draw/layout.h"

namespace attend {

LayoutPtr make_layout(cairo_t* cairo, const std::string& text, double size, bool bold, bool prose) {
  LayoutPtr layout(pango_cairo_create_layout(cairo));
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  PangoContext* context = pango_layout_get_context(layout.get());
  pango_cairo_context_set_font_options(context, options);
  pango_cairo_context_set_resolution(context, 72);  // so that one point is one unit of length
  pango_context_set_round_glyph_positions(context, FALSE);
  cairo_font_options_destroy(options);

  PangoFontDescription* font = pango_font_description_new();
  pango_font_description_set_family_static(font, kFontFamilies);
  pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
  pango_font_description_set_weight(font, bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
  pango_layout_set_font_description(layout.get(), font);
  pango_font_description_free(font);
  if (prose) {
    pango_context_set_base_dir(context, PANGO_DIRECTION_LTR);
    pango_layout_set_auto_dir(layout.get(), FALSE);
  }
  pango_layout_set_single_paragraph_mode(layout.get(), TRUE);
  pango_layout_set_text(layout.get(), text.data(), static_cast<int>(text.size()));
  return layout;
}

TextMeasure::TextMeasure() : surface_(cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1)), cairo_(cairo_create(surface_.get())) {}

double TextMeasure::width(const std::string& text, double size, bool bold) const {
  const auto [known, fresh] = widths_.try_emplace(fmt::format("{}{}{}", bold ? 'b' : ' ', size, '|') + text, 0.0);
  if (fresh) {
    int width = 0, height = 0;
    pango_layout_get_size(make_layout(cairo_.get(), text, size, bold).get(), &width, &height);
    known->second = static_cast<double>(width) / PANGO_SCALE;
  }
  return known->second;
}

int TextMeasure::unknown_glyphs(const std::string& text) const {
  return pango_layout_get_unknown_glyphs_count(make_layout(cairo_.get(), text, 12, false).get());
}

const char* font_package(char32_t c) {
  const auto within = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  if (within(0x1100, 0x11FF) || within(0x2E80, 0x9FFF) || within(0xA960, 0xA97F) || within(0xAC00, 0xD7FF) || within(0xF900, 0xFAFF) ||
      within(0xFF00, 0xFFEF) || within(0x20000, 0x3FFFF)) {
    return "fonts-noto-cjk";
  }
  if (within(0x2600, 0x27BF) || within(0x1F000, 0x1FAFF) || within(0x2B00, 0x2BFF)) return "fonts-noto-color-emoji";
  return "fonts-noto-core";
}

std::string missing_glyphs(const std::string& text) {
  const TextMeasure measure;
  if (measure.unknown_glyphs(text) == 0) return {};
  std::set<char32_t> seen, missing;
  for (std::size_t i = 0; i < text.size();) {
    utf8proc_int32_t code = -1;
    const auto length =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + i, static_cast<utf8proc_ssize_t>(text.size() - i), &code);
    if (length <= 0) break;
    if (seen.insert(static_cast<char32_t>(code)).second && measure.unknown_glyphs(text.substr(i, static_cast<std::size_t>(length))) > 0)
      missing.insert(static_cast<char32_t>(code));
    i += static_cast<std::size_t>(length);
  }
  constexpr std::size_t kNamed = 8;
  std::set<std::string> packages;
  std::vector<std::string> names;
  for (const char32_t c : missing) {
    packages.insert(font_package(c));
    if (names.size() < kNamed) names.push_back(fmt::format("U+{:04X}", static_cast<unsigned>(c)));
  }
  if (missing.size() > kNamed) names.emplace_back("…");
  return fmt::format("draw: no installed font has a glyph for {} character{} ({}); install {}", missing.size(),
                     missing.size() == 1 ? "" : "s", fmt::join(names, ", "), fmt::join(packages, " and "));
}

}  // namespace attend
