// Drawn pictures with captions, in the format of Flickr8k.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "attend/data/image.h"
#include "attend/synthetic/generate_files.h"
#include "choice.h"

namespace attend {
namespace {

constexpr std::array<std::size_t, 3> kSizes{4000, 200, 300};  // train, dev, test
constexpr int kSide = 32, kSamples = 4;                       // pixels of a side; samples of a pixel's side
constexpr std::uint64_t kTask = 21;

constexpr std::array kKinds{"circle", "square", "triangle"};
constexpr std::array kColours{"red", "green", "blue", "yellow", "purple", "orange"};
constexpr std::array<std::array<int, 3>, 6> kRgb{
    {{220, 40, 40}, {40, 160, 60}, {50, 80, 220}, {235, 215, 50}, {140, 50, 170}, {245, 140, 30}}};
constexpr std::array kSizeNames{"small", "large"};

struct Shape {
  std::size_t kind = 0, colour = 0, size = 0;
  double x = 0, y = 0, radius = 0;  // in pixels
  std::array<int, 3> rgb{};
  std::string name() const { return fmt::format("a {} {} {}", kSizeNames[size], kColours[colour], kKinds[kind]); }
  bool covers(double px, double py) const {
    const double dx = px - x, dy = py - y;
    if (kind == 0) return dx * dx + dy * dy <= radius * radius;
    if (kind == 1) return std::max(std::abs(dx), std::abs(dy)) <= 0.88 * radius;
    return dy <= 0.8 * radius && std::abs(dx) <= 0.58 * (dy + radius);  // upright, its point at the top
  }
};

Shape draw_shape(double x, double y, Choice& choice) {
  Shape shape{choice.below(kKinds.size()), choice.below(kColours.size()), choice.below(2)};
  shape.x = x + choice.between(-1.5, 1.5);
  shape.y = y + choice.between(-1.5, 1.5);
  shape.radius = shape.size == 0 ? choice.between(3.3, 4.1) : choice.between(6.4, 7.2);
  for (std::size_t c = 0; c < 3; ++c) shape.rgb[c] = std::clamp(kRgb[shape.colour][c] + static_cast<int>(choice.below(31)) - 15, 0, 255);
  return shape;
}

struct Scene {
  std::vector<Shape> shapes;
  std::vector<std::string> captions;
};

Scene one_shape(Choice& choice) {
  struct Place {
    double x, y;
    const char* name;
  };
  static constexpr std::array<Place, 5> places{{{8, 8, "top left corner"},
                                                {24, 8, "top right corner"},
                                                {8, 24, "bottom left corner"},
                                                {24, 24, "bottom right corner"},
                                                {16, 16, "middle"}}};
  const auto& [x, y, place] = choice.pick(places);
  const auto shape = draw_shape(x, y, choice);
  const auto it = shape.name();
  return {{shape},
          {fmt::format("{} in the {} .", it, place), fmt::format("there is {} in the {} .", it, place),
           fmt::format("the {} holds {} .", place, it), fmt::format("in the {} there is {} .", place, it),
           fmt::format("a picture with {} in the {} .", it, place)}};
}

Scene two_shapes(Choice& choice) {
  const bool side_by_side = choice.chance(50);
  const auto first = side_by_side ? draw_shape(8, 16, choice) : draw_shape(16, 8, choice);
  const auto second = side_by_side ? draw_shape(24, 16, choice) : draw_shape(16, 24, choice);
  const auto a = first.name(), b = second.name();
  const auto* const before = side_by_side ? "to the left of" : "above";
  const auto* const behind = side_by_side ? "to the right of" : "below";
  const auto both =
      side_by_side ? fmt::format("{} on the left and {} on the right", a, b) : fmt::format("{} at the top and {} at the bottom", a, b);
  return {{first, second},
          {fmt::format("{} {} {} .", a, before, b), fmt::format("{} {} {} .", b, behind, a), fmt::format("{} .", both),
           fmt::format("there is {} {} {} .", a, before, b), fmt::format("a picture with {} .", both)}};
}

Image paint(const std::vector<Shape>& shapes, Choice& choice) {
  Image image{kSide, kSide, 3, {}};
  const auto paper = static_cast<int>(235 + choice.below(21));
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      std::array<int, 3> sum{};
      for (int sample = 0; sample < kSamples * kSamples; ++sample) {
        const double px = x + (sample % kSamples + 0.5) / kSamples, py = y + (sample / kSamples + 0.5) / kSamples;
        const auto hit = std::find_if(shapes.begin(), shapes.end(), [&](const Shape& shape) { return shape.covers(px, py); });
        for (std::size_t c = 0; c < 3; ++c) sum[c] += hit == shapes.end() ? paper : hit->rgb[c];
      }
      for (const int value : sum) image.pixels.push_back(static_cast<std::uint8_t>(value / (kSamples * kSamples)));
    }
  }
  return image;
}

}  // namespace

GeneratedFiles generate_shapes(std::uint64_t seed) {
  Choice choice(random_key(seed, {kTask, 2}));
  GeneratedFiles files;
  std::string captions;
  std::array<std::string, 3> lists;
  std::size_t number = 1;
  for (std::size_t part = 0; part < kSizes.size(); ++part) {
    for (std::size_t i = 0; i < kSizes[part]; ++i) {
      const auto scene = choice.chance(60) ? one_shape(choice) : two_shapes(choice);
      const auto name = fmt::format("shapes_{:04}.png", number++);
      lists[part] += name + '\n';
      for (std::size_t k = 0; k < scene.captions.size(); ++k) captions += fmt::format("{}#{}\t{}\n", name, k, scene.captions[k]);
      files.push_back({"images/" + name, to_png(paint(scene.shapes, choice))});
    }
  }
  files.push_back({"captions.txt", std::move(captions)});
  files.push_back({"train.txt", std::move(lists[0])});
  files.push_back({"dev.txt", std::move(lists[1])});
  files.push_back({"test.txt", std::move(lists[2])});
  return files;
}

}  // namespace attend
