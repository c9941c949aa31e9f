#include "attend/draw/colour.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>
#include <vector>

namespace attend {
namespace {

using Vec = std::array<double, 3>;
using Mat = std::array<Vec, 3>;

Vec times(const Mat& m, const Vec& v) {
  Vec out{};
  for (int i = 0; i < 3; ++i) out[i] = m[i][0] * v[0] + m[i][1] * v[1] + m[i][2] * v[2];
  return out;
}

double to_linear(double s) { return s <= 0.04045 ? s / 12.92 : std::pow((s + 0.055) / 1.055, 2.4); }
double from_linear(double l) { return l <= 0.0031308 ? 12.92 * l : 1.055 * std::pow(l, 1 / 2.4) - 0.055; }

/// Linear value of each of the 256 levels of a channel.
const std::array<double, 256>& linear_levels() {
  static const auto levels = [] {
    std::array<double, 256> out{};
    for (int i = 0; i < 256; ++i) out[i] = to_linear(i / 255.0);
    return out;
  }();
  return levels;
}

// OKLab: B. Ottosson, "A perceptual color space for image processing", 2020.
constexpr Mat kRgbToCone{
    {{0.4122214708, 0.5363325363, 0.0514459929}, {0.2119034982, 0.6806995451, 0.1073969566}, {0.0883024619, 0.2817188376, 0.6299787005}}};
constexpr Mat kConeToRgb{{{4.0767416621, -3.3077115913, 0.2309699292},
                          {-1.2684380046, 2.6097574011, -0.3413193965},
                          {-0.0041960863, -0.7034186147, 1.7076147010}}};

double lightness(const Vec& linear) {
  const Vec cone = times(kRgbToCone, linear);
  return 0.2104542553 * std::cbrt(cone[0]) + 0.7936177850 * std::cbrt(cone[1]) - 0.0040720468 * std::cbrt(cone[2]);
}

Vec lab_to_linear(double l, double a, double b) {
  const double cone[3] = {l + 0.3963377774 * a + 0.2158037573 * b, l - 0.1055613458 * a - 0.0638541728 * b,
                          l - 0.0894841775 * a - 1.2914855480 * b};
  return times(kConeToRgb, {cone[0] * cone[0] * cone[0], cone[1] * cone[1] * cone[1], cone[2] * cone[2] * cone[2]});
}

// G. Machado, M. Oliveira, L. Fernandes, "A physiologically-based model for simulation of color vision deficiency",
// 2009, table 1, severity 1: protanopia, deuteranopia, tritanopia; on linear RGB.
constexpr std::array<Mat, 3> kDeficiencies{{
    {{{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}}},
    {{{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}}},
    {{{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}}},
}};

/// Lightness to the normal eye and to the three deficient ones.
std::array<double, 4> lightness_of_all(const Vec& linear) {
  std::array<double, 4> out{lightness(linear)};
  for (int kind = 0; kind < 3; ++kind) {
    Vec seen = times(kDeficiencies[kind], linear);
    for (double& channel : seen) channel = std::clamp(channel, 0.0, 1.0);
    out[kind + 1] = lightness(seen);
  }
  return out;
}

/// A stop of a colour path: place in [0, 1], lightness, chroma, hue in degrees (OKLCh).
struct Stop {
  double at, l, c, h;
};

Vec colour_at(std::span<const Stop> path, double t) {
  std::size_t i = 1;
  while (i + 1 < path.size() && t > path[i].at) ++i;
  const Stop &from = path[i - 1], &to = path[i];
  const double share = (t - from.at) / (to.at - from.at);
  const double l = std::lerp(from.l, to.l, share), h = std::lerp(from.h, to.h, share) * std::numbers::pi / 180;
  // Too strong a chroma leaves sRGB: it is lessened, lightness and hue stay.
  for (double c = std::lerp(from.c, to.c, share); c > 0; c -= 0.001) {
    const Vec linear = lab_to_linear(l, c * std::cos(h), c * std::sin(h));
    if (std::all_of(linear.begin(), linear.end(), [](double x) { return x >= 0 && x <= 1; })) return linear;
  }
  return lab_to_linear(l, 0, 0);
}

/// How much two colours differ to the eye: squared distance in OKLab, where a cast of hue counts more than a shade,
/// because pale neighbours of different hue are what one sees first.
double difference(const Vec& x, const Vec& y) {
  const Vec a = times(kRgbToCone, x), b = times(kRgbToCone, y);
  const double d[3] = {std::cbrt(a[0]) - std::cbrt(b[0]), std::cbrt(a[1]) - std::cbrt(b[1]), std::cbrt(a[2]) - std::cbrt(b[2])};
  const double l = 0.2104542553 * d[0] + 0.7936177850 * d[1] - 0.0040720468 * d[2];
  const double m = 1.9779984951 * d[0] - 2.4285922050 * d[1] + 0.4505937099 * d[2];
  const double n = 0.0259040371 * d[0] + 0.7827717662 * d[1] - 0.8086757660 * d[2];
  return l * l + 4 * (m * m + n * n);
}

/// An 8-bit colour that might stand for a place of the path.
struct Candidate {
  Rgb colour;
  std::array<double, 4> seen{};  // lightness to each eye
  double cost = 0;               // of the best table that ends here
  int before = -1;               // the candidate it comes from, -1 when there is none
};

std::array<Candidate, 27> candidates_near(const Vec& exact) {
  const auto& levels = linear_levels();
  int base[3];
  for (int i = 0; i < 3; ++i) base[i] = static_cast<int>(std::lround(255 * from_linear(std::clamp(exact[i], 0.0, 1.0))));
  std::array<Candidate, 27> out;
  for (int code = 0; code < 27; ++code) {
    int channel[3] = {base[0] + code % 3 - 1, base[1] + code / 3 % 3 - 1, base[2] + code / 9 - 1};
    for (int& c : channel) c = std::clamp(c, 0, 255);
    const Vec linear{levels[channel[0]], levels[channel[1]], levels[channel[2]]};
    out[code].colour = {static_cast<std::uint8_t>(channel[0]), static_cast<std::uint8_t>(channel[1]),
                        static_cast<std::uint8_t>(channel[2])};
    out[code].seen = lightness_of_all(linear);
    out[code].cost = difference(linear, exact);
  }
  return out;
}

/// Fills entries [begin, end), along which lightness goes one way. Plain rounding to 8 bits would let neighbours swap
/// places; this takes the table nearest to the path among all whose lightness is strictly monotone to all four eyes
/// (shortest path over 27 candidates an entry).
void fill(std::array<Rgb, 256>& table, std::span<const Stop> path, int begin, int end) {
  std::vector<std::array<Candidate, 27>> entries;
  for (int i = begin; i < end; ++i) entries.push_back(candidates_near(colour_at(path, i / 255.0)));
  const double sign = entries.back()[13].seen[0] > entries.front()[13].seen[0] ? 1 : -1;
  for (std::size_t i = 1; i < entries.size(); ++i) {
    for (Candidate& to : entries[i]) {
      double least = std::numeric_limits<double>::infinity();
      for (int k = 0; k < 27; ++k) {
        const Candidate& from = entries[i - 1][k];
        if (from.cost >= least) continue;
        bool beyond = true;
        for (int eye = 0; eye < 4; ++eye) beyond = beyond && sign * (to.seen[eye] - from.seen[eye]) > 1e-5;
        if (!beyond) continue;
        least = from.cost;
        to.before = k;
      }
      to.cost += least;
    }
  }
  const auto& last = entries.back();
  int best = static_cast<int>(std::min_element(last.begin(), last.end(), [](auto& x, auto& y) { return x.cost < y.cost; }) - last.begin());
  for (int i = end - 1; i >= begin; --i) {
    const Candidate& chosen = entries[i - begin][best];
    table[i] = chosen.colour;
    best = chosen.before;
  }
}

std::array<Rgb, 256> build(std::span<const Stop> path, bool diverging) {
  std::array<Rgb, 256> out;
  fill(out, path, 0, diverging ? 128 : 256);
  if (diverging) fill(out, path, 128, 256);
  return out;
}

// Sequential: paper to deep indigo, and slate to pale ice. Diverging: blue and orange ends around the page's own tone.
constexpr Stop kSequentialLight[] = {{0, 0.984, 0.007, 228}, {0.3, 0.755, 0.088, 232}, {0.62, 0.510, 0.142, 254}, {1, 0.220, 0.115, 278}};
constexpr Stop kSequentialDark[] = {{0, 0.245, 0.022, 268}, {0.35, 0.497, 0.135, 262}, {0.7, 0.749, 0.120, 232}, {1, 0.965, 0.040, 195}};
constexpr Stop kDivergingLight[] = {{0, 0.400, 0.130, 262},    {0.25, 0.650, 0.120, 250}, {0.499, 0.968, 0.012, 240},
                                    {0.501, 0.968, 0.012, 60}, {0.75, 0.700, 0.130, 52},  {1, 0.430, 0.120, 38}};
constexpr Stop kDivergingDark[] = {{0, 0.880, 0.075, 225},    {0.25, 0.560, 0.130, 250}, {0.499, 0.245, 0.015, 262},
                                   {0.501, 0.245, 0.015, 50}, {0.75, 0.560, 0.120, 48},  {1, 0.880, 0.090, 75}};

double luminance(Rgb c) {
  const auto& levels = linear_levels();
  return 0.2126 * levels[c.r] + 0.7152 * levels[c.g] + 0.0722 * levels[c.b];
}

}  // namespace

const std::array<Rgb, 256>& colour_table(Palette palette, Theme theme) {
  const bool dark = theme == Theme::kDark;
  if (palette == Palette::kDiverging) {
    static const auto light_table = build(kDivergingLight, true), dark_table = build(kDivergingDark, true);
    return dark ? dark_table : light_table;
  }
  static const auto light_table = build(kSequentialLight, false), dark_table = build(kSequentialDark, false);
  return dark ? dark_table : light_table;
}

std::uint8_t colour_index(float v) {
  if (!(v > 0)) return 0;
  return static_cast<std::uint8_t>(std::lround(255 * std::min(v, 1.0F)));
}

double contrast(Rgb a, Rgb b) {
  const double x = luminance(a) + 0.05, y = luminance(b) + 0.05;
  return std::max(x, y) / std::min(x, y);
}

Rgb ink_on(Rgb tint) {
  // Softer inks first; black and white are the last resort, one of which always reaches 4.58.
  constexpr Rgb kInks[] = {{22, 28, 38}, {250, 251, 253}, {255, 255, 255}, {0, 0, 0}};
  for (const Rgb ink : kInks) {
    if (contrast(ink, tint) >= 4.5) return ink;
  }
  return kInks[3];
}

std::string hex(Rgb colour) { return fmt::format("#{:02x}{:02x}{:02x}", colour.r, colour.g, colour.b); }

const PageColours& page_colours(Theme theme) {
  static const PageColours light{{255, 255, 255}, {27, 34, 46}, {91, 101, 117}, {221, 225, 231}, {196, 198, 196}};
  static const PageColours dark{{17, 19, 24}, {232, 235, 241}, {157, 166, 180}, {52, 57, 68}, {84, 84, 80}};
  return theme == Theme::kDark ? dark : light;
}

}  // namespace attend
