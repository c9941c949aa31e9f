#include "draw/terminal_ink.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "attend/draw/width.h"

namespace attend {

namespace {

/// The nearest colour of the cube of six steps a channel and of the 24 greys.
int nearest_index(Rgb c) {
  constexpr int kSteps[] = {0, 95, 135, 175, 215, 255};
  const auto step = [](int v) { return v < 48 ? 0 : v < 115 ? 1 : (v - 35) / 40; };
  const auto distance = [&](int r, int g, int b) { return (c.r - r) * (c.r - r) + (c.g - g) * (c.g - g) + (c.b - b) * (c.b - b); };
  const int r = step(c.r), g = step(c.g), b = step(c.b), grey = std::clamp((c.r + c.g + c.b - 9) / 30, 0, 23), shade = 8 + 10 * grey;
  const bool coloured = distance(kSteps[r], kSteps[g], kSteps[b]) <= distance(shade, shade, shade);
  return coloured ? 16 + 36 * r + 6 * g + b : 232 + grey;
}

}  // namespace

int TerminalInk::grey(float v) const {
  const int step = static_cast<int>(std::lround(23 * std::clamp(v, 0.0F, 1.0F)));
  return scene_.theme == Theme::kLight ? 255 - step : 232 + step;  // far from the page means much
}

std::string TerminalInk::colour(float v, int layer) const {
  if (options_.colour == TerminalColour::k256) return fmt::format("{};5;{}", layer, grey(v));
  const Rgb c = colour_table(scene_.scale.palette, scene_.theme)[colour_index(v)];
  return fmt::format("{};2;{};{};{}", layer, c.r, c.g, c.b);
}

std::string TerminalInk::colour(Rgb c, int layer) const {
  if (options_.colour != TerminalColour::k256) return fmt::format("{};2;{};{};{}", layer, c.r, c.g, c.b);
  return fmt::format("{};5;{}", layer, nearest_index(c));
}

std::string TerminalInk::tint(float v) const {
  std::string ink;
  if (options_.colour == TerminalColour::k256) {
    ink = grey(v) >= 244 ? "38;5;16" : "38;5;231";
  } else {
    const Rgb c = ink_on(colour_table(scene_.scale.palette, scene_.theme)[colour_index(v)]);
    ink = fmt::format("38;2;{};{};{}", c.r, c.g, c.b);
  }
  return escape(ink + ";" + as_ground(v));
}

char TerminalInk::level(float v) const { return kLevels[std::lround(9 * std::clamp(v, 0.0F, 1.0F))]; }

int TerminalInk::width_of(std::string_view text) const { return display_width(steady_text(text), options_.wide); }

void TerminalInk::put(TerminalLine& to, std::string_view text) const {
  const auto steady = steady_text(text);
  to.bytes += steady;
  to.width += display_width(steady, options_.wide);
}

void TerminalInk::pad(TerminalLine& to, int width) const {
  if (to.width < width) to.bytes.append(static_cast<std::size_t>(width - to.width), ' ');
  to.width = std::max(to.width, width);
}

void TerminalInk::hatch(TerminalLine& to, int width) const {
  const std::string_view stroke = ascii() || width_of("╱") != 1 ? "/" : "╱";
  to.bytes += dim();
  for (int i = 0; i < width; ++i) put(to, stroke);
  to.bytes += reset();
}

}  // namespace attend
