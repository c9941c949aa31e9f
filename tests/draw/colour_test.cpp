#include "attend/draw/colour.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace attend {
namespace {

double linear(double level) {
  const double s = level / 255;
  return s <= 0.04045 ? s / 12.92 : std::pow((s + 0.055) / 1.055, 2.4);
}

/// OKLab lightness of a colour as an eye sees it whose deficiency is a 3 x 3 matrix on linear RGB (Machado 2009, table 1).
double lightness(Rgb c, const double (&eye)[9]) {
  const double in[3] = {linear(c.r), linear(c.g), linear(c.b)};
  double seen[3];
  for (int i = 0; i < 3; ++i) seen[i] = std::clamp(eye[3 * i] * in[0] + eye[3 * i + 1] * in[1] + eye[3 * i + 2] * in[2], 0.0, 1.0);
  const double l = std::cbrt(0.4122214708 * seen[0] + 0.5363325363 * seen[1] + 0.0514459929 * seen[2]);
  const double m = std::cbrt(0.2119034982 * seen[0] + 0.6806995451 * seen[1] + 0.1073969566 * seen[2]);
  const double s = std::cbrt(0.0883024619 * seen[0] + 0.2817188376 * seen[1] + 0.6299787005 * seen[2]);
  return 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s;
}

constexpr double kEyes[4][9] = {
    {1, 0, 0, 0, 1, 0, 0, 0, 1},
    {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},  // protanopia
    {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},   // deuteranopia
    {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900},  // tritanopia
};

constexpr Palette kPalettes[] = {Palette::kSequential, Palette::kDiverging};
constexpr Theme kThemes[] = {Theme::kLight, Theme::kDark};

TEST(Colour, TablesHold256DifferentColours) {
  for (const auto palette : kPalettes) {
    for (const auto theme : kThemes) {
      std::set<std::string> seen;
      for (const Rgb c : colour_table(palette, theme)) seen.insert(hex(c));
      EXPECT_EQ(seen.size(), 256u);
    }
  }
}

TEST(Colour, LightnessIsMonotoneToEveryEye) {
  for (const auto theme : kThemes) {
    const double away = theme == Theme::kLight ? -1 : 1;  // from the page
    for (const auto& eye : kEyes) {
      const auto& sequential = colour_table(Palette::kSequential, theme);
      for (int i = 1; i < 256; ++i) EXPECT_GT(away * (lightness(sequential[i], eye) - lightness(sequential[i - 1], eye)), 0) << i;
      const auto& diverging = colour_table(Palette::kDiverging, theme);
      for (int i = 1; i < 256; ++i) {
        if (i == 128) continue;  // the two halves meet
        const double side = i < 128 ? -away : away;
        EXPECT_GT(side * (lightness(diverging[i], eye) - lightness(diverging[i - 1], eye)), 0) << i;
      }
    }
  }
}

TEST(Colour, SequentialLightnessIsNearlyEvenlySpaced) {
  for (const auto theme : kThemes) {
    const auto& table = colour_table(Palette::kSequential, theme);
    const double first = lightness(table[0], kEyes[0]), last = lightness(table[255], kEyes[0]);
    EXPECT_GT(std::abs(last - first), 0.65);
    for (int i = 0; i < 256; ++i) EXPECT_NEAR(lightness(table[i], kEyes[0]), first + (last - first) * i / 255, 0.006) << i;
  }
}

TEST(Colour, TextReadsOnEveryTint) {
  for (const auto palette : kPalettes) {
    for (const auto theme : kThemes) {
      for (const Rgb c : colour_table(palette, theme)) EXPECT_GE(contrast(ink_on(c), c), 4.5) << hex(c);
    }
  }
  for (const auto theme : kThemes) {
    const auto& page = page_colours(theme);
    EXPECT_GE(contrast(page.ink, page.paper), 4.5);
    EXPECT_GE(contrast(page.muted, page.paper), 4.5);
  }
}

TEST(Colour, ContrastIsThatOfWcag) {
  EXPECT_NEAR(contrast({0, 0, 0}, {255, 255, 255}), 21, 1e-9);
  EXPECT_NEAR(contrast({119, 119, 119}, {255, 255, 255}), 4.48, 0.005);  // the well-known #777 on white
  EXPECT_DOUBLE_EQ(contrast({1, 2, 3}, {1, 2, 3}), 1);
}

TEST(Colour, NothingOnThePageIsAColourOfTheTables) {
  for (const auto palette : kPalettes) {
    for (const auto theme : kThemes) {
      const auto& page = page_colours(theme);
      for (const Rgb c : colour_table(palette, theme)) {
        for (const Rgb other : {page.paper, page.rule, page.hatch}) EXPECT_FALSE(c == other) << hex(c);
      }
    }
  }
}

TEST(Colour, IndexRoundsAndHolds) {
  EXPECT_EQ(colour_index(0), 0);
  EXPECT_EQ(colour_index(1), 255);
  EXPECT_EQ(colour_index(0.5F), 128);
  EXPECT_EQ(colour_index(-3), 0);
  EXPECT_EQ(colour_index(7), 255);
  EXPECT_EQ(colour_index(std::numeric_limits<float>::quiet_NaN()), 0);
  for (int i = 0; i < 256; ++i) EXPECT_EQ(colour_index(static_cast<float>(i) / 255), i);
}

}  // namespace
}  // namespace attend
