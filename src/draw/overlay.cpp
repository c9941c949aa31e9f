#include "draw/overlay.h"

namespace attend {
namespace {

constexpr Rgb kGlow{255, 92, 0};
constexpr int kStrongest = 224;  // of 255: the picture stays visible under the largest weight

}  // namespace

Rgb overlay_colour(Rgb pixel, std::uint8_t level, Theme theme) {
  const int grey = (299 * pixel.r + 587 * pixel.g + 114 * pixel.b + 500) / 1000;
  const int faded = (3 * grey + 2 * page_colours(theme).paper.r) / 5;
  const int glow = level * kStrongest / 255;
  const auto mixed = [&](int over) { return static_cast<std::uint8_t>((faded * (255 - glow) + over * glow + 127) / 255); };
  return {mixed(kGlow.r), mixed(kGlow.g), mixed(kGlow.b)};
}

std::vector<std::uint8_t> overlay(const Scene& scene, std::int32_t row) {
  const Picture& picture = *scene.picture;
  if (row < 0) return picture.rgb;
  const float* values = scene.panels[0].values.data() + static_cast<std::size_t>(row) * scene.cols();
  std::vector<std::uint8_t> out;
  out.reserve(picture.rgb.size());
  const std::uint8_t* pixel = picture.rgb.data();
  for (std::uint64_t y = 0; y < picture.height; ++y) {
    for (std::uint64_t x = 0; x < picture.width; ++x, pixel += 3) {
      const auto cell = y * picture.rows / picture.height * picture.cols + x * picture.cols / picture.width;
      const Rgb c = overlay_colour({pixel[0], pixel[1], pixel[2]}, colour_index(values[cell]), scene.theme);
      out.insert(out.end(), {c.r, c.g, c.b});
    }
  }
  return out;
}

Label overlay_label(const Scene& scene, std::int32_t row) {
  if (row >= 0) return scene.row_labels[static_cast<std::size_t>(row)];
  return {"picture", true};
}

std::array<Rgb, 256> bar_colours(const Scene& scene) {
  if (!scene.picture) return colour_table(scene.scale.palette, scene.theme);
  std::array<Rgb, 256> colours;
  for (std::size_t i = 0; i < colours.size(); ++i)
    colours[i] = overlay_colour(page_colours(scene.theme).paper, static_cast<std::uint8_t>(i), scene.theme);
  return colours;
}

}  // namespace attend
