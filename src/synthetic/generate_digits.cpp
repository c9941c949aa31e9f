// Digits drawn from strokes, in the files of MNIST.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "attend/data/idx.h"
#include "attend/synthetic/generate_files.h"
#include "choice.h"

namespace attend {
namespace {

constexpr std::uint32_t kTrain = 5000, kTest = 1000, kSide = 28;
constexpr double kBox = 19, kDegree = std::numbers::pi / 180;  // pixels of a digit's height
constexpr std::uint64_t kTask = 22;

struct Point {
  double x, y;  // 0 to 1, from the top left
};
using Stroke = std::vector<Point>;

/// Part of an ellipse, angles in degrees from the right, clockwise as y points down.
Stroke arc(Point centre, double rx, double ry, double from, double to) {
  Stroke stroke;
  const int steps = std::max(4, static_cast<int>(std::abs(to - from) / 18));
  for (int i = 0; i <= steps; ++i) {
    const double angle = (from + (to - from) * i / steps) * kDegree;
    stroke.push_back({centre.x + rx * std::cos(angle), centre.y + ry * std::sin(angle)});
  }
  return stroke;
}

Stroke joined(Stroke first, const Stroke& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// How a hand writes a digit, stroke by stroke: bowls are arcs, stems and bars are lines. 1, 4 and 7 are written in one of two ways.
std::vector<Stroke> strokes_of(std::size_t digit, Choice& choice) {
  switch (digit) {
    case 0: return {arc({0.5, 0.5}, 0.33, 0.48, -90, 270)};
    case 1:
      if (choice.chance(50)) return {{{0.5, 0.03}, {0.5, 0.97}}};
      return {{{0.3, 0.25}, {0.52, 0.03}, {0.52, 0.97}}};
    case 2: return {joined(arc({0.5, 0.29}, 0.32, 0.27, 190, 380), {{0.2, 0.95}, {0.84, 0.95}})};
    case 3: return {joined(arc({0.47, 0.26}, 0.29, 0.23, 200, 440), arc({0.47, 0.72}, 0.33, 0.25, -80, 160))};
    case 4: return {{{0.6, 0.04}, {0.16, 0.64}, {0.86, 0.64}}, {{0.66, choice.chance(50) ? 0.04 : 0.38}, {0.66, 0.97}}};
    case 5: return {joined({{0.78, 0.05}, {0.3, 0.05}, {0.26, 0.44}}, arc({0.46, 0.68}, 0.32, 0.28, -115, 150))};
    case 6: return {joined({{0.66, 0.03}, {0.42, 0.25}, {0.24, 0.52}}, arc({0.5, 0.7}, 0.28, 0.26, 200, -160))};
    case 7:
      if (choice.chance(30)) return {{{0.16, 0.06}, {0.82, 0.06}, {0.4, 0.97}}, {{0.34, 0.5}, {0.74, 0.5}}};
      return {{{0.16, 0.06}, {0.82, 0.06}, {0.4, 0.97}}};
    case 8: return {arc({0.5, 0.26}, 0.25, 0.23, -90, 270), arc({0.5, 0.73}, 0.31, 0.25, -90, 270)};
    default: return {joined(arc({0.5, 0.3}, 0.27, 0.26, 0, -360), {{0.77, 0.3}, {0.7, 0.7}, {0.56, 0.97}})};
  }
}

/// One writer's hand: slant, size, turn and a bend, all in one map from the unit square to pixels.
class Hand {
 public:
  explicit Hand(Choice& choice)
      : slant_(choice.between(-0.12, 0.35)),
        width_(kBox * choice.between(0.75, 1.1)),
        height_(kBox * choice.between(0.85, 1.08)),
        turn_(choice.between(-9, 9) * kDegree),
        bend_(choice.between(-0.05, 0.05)),
        phase_(choice.between(0, 2 * std::numbers::pi)),
        shift_{choice.between(-1.3, 1.3), choice.between(-1.3, 1.3)} {}
  Point operator()(Point p) const {
    const double u = p.x - 0.5 + bend_ * std::sin(2 * std::numbers::pi * p.y + phase_) - slant_ * (p.y - 0.5), v = p.y - 0.5;
    const double x = u * width_, y = v * height_;
    return {kSide / 2.0 + shift_.x + x * std::cos(turn_) - y * std::sin(turn_),
            kSide / 2.0 + shift_.y + x * std::sin(turn_) + y * std::cos(turn_)};
  }

 private:
  double slant_, width_, height_, turn_, bend_, phase_;
  Point shift_;
};

double squared_distance(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y, square = dx * dx + dy * dy;
  const double t = square == 0 ? 0 : std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / square, 0.0, 1.0);
  const double ex = p.x - a.x - t * dx, ey = p.y - a.y - t * dy;
  return ex * ex + ey * ey;
}

void draw(std::size_t digit, Choice& choice, std::vector<std::uint8_t>& pixels) {
  constexpr double kJitter = 0.025;
  auto strokes = strokes_of(digit, choice);
  const Hand hand(choice);
  for (auto& stroke : strokes)
    for (auto& point : stroke) point = hand({point.x + choice.between(-kJitter, kJitter), point.y + choice.between(-kJitter, kJitter)});
  const double half = choice.between(0.7, 1.5), ink = choice.between(200, 255);
  for (std::uint32_t y = 0; y < kSide; ++y) {
    for (std::uint32_t x = 0; x < kSide; ++x) {
      double nearest = kSide * kSide;
      for (const auto& stroke : strokes)
        for (std::size_t i = 1; i < stroke.size(); ++i)
          nearest = std::min(nearest, squared_distance({x + 0.5, y + 0.5}, stroke[i - 1], stroke[i]));
      pixels.push_back(static_cast<std::uint8_t>(ink * std::clamp(half + 0.5 - std::sqrt(nearest), 0.0, 1.0)));
    }
  }
}

}  // namespace

GeneratedFiles generate_digits(std::uint64_t seed) {
  GeneratedFiles files;
  for (const bool is_train : {true, false}) {
    Choice choice(random_key(seed, {kTask, is_train}));
    IdxImages images{is_train ? kTrain : kTest, kSide, kSide, {}};
    std::vector<std::uint8_t> labels;
    for (std::uint32_t i = 0; i < images.count; ++i) labels.push_back(static_cast<std::uint8_t>(i % 10));
    choice.shuffle(labels);
    for (const auto label : labels) draw(label, choice, images.pixels);
    const std::string prefix = is_train ? "train" : "t10k";
    files.push_back({prefix + "-images-idx3-ubyte.gz", to_idx_gz(images)});
    files.push_back({prefix + "-labels-idx1-ubyte.gz", to_idx_gz(labels)});
  }
  return files;
}

}  // namespace attend
