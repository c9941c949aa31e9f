// Pictures under weights and lists of statements: what each backend wrote gives every cell back.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "attend/core/random.h"
#include "attend/draw/page.h"
#include "attend/draw/picture.h"
#include "attend/draw/terminal.h"
#include "attend/draw/width.h"
#include "draw/layout.h"
#include "draw/overlay.h"
#include "draw/readback.h"
#include "draw/samples.h"
#include "support/sites.h"

namespace attend {
namespace {

using readback::Image;

constexpr int kPictured = 30;
constexpr std::uint32_t kSide = 28;  // of the random pictures; their thumbnails on a terminal are as large

/// A caption of one to three words over a grid whose sides divide 28.
Scene pictured(std::uint64_t seed) {
  RandomStream stream(random_key(seed, {5}));
  constexpr std::uint32_t kSides[] = {1, 2, 4, 7, 14, 28};
  Picture picture{kSides[stream.below(6)], kSides[stream.below(6)], kSide, kSide, {}};
  for (std::uint32_t i = 0; i < kSide * kSide * 3; ++i) picture.rgb.push_back(static_cast<std::uint8_t>(stream.below(256)));
  RecordText source{"x.png", {}};
  source.tokens.assign(picture.rows * picture.cols, RecordToken{});
  const std::vector<std::string> words{"a", "红", "sun"};
  RecordData data =
      samples::bare(source, samples::text_of("a 红 sun", {words.begin(), words.begin() + 1 + static_cast<int>(stream.below(3))}));
  AttentionMap map{sites::decoder_attention(ColumnAxis::kCell), RowKind::kSparse, 1, 0, picture.rows * picture.cols, {}};
  map.rows = static_cast<std::uint32_t>(data.nodes.size());
  for (std::uint32_t i = 0; i < map.rows * map.cols; ++i) map.weights.push_back(static_cast<float>(0.1 * stream.uniform()));
  data.maps.push_back(std::move(map));
  data.picture = std::move(picture);
  SceneOptions options;
  options.theme = seed % 2 ? Theme::kDark : Theme::kLight;
  options.scale = static_cast<ScaleKind>(seed % 3);
  return image_scene(Record(std::move(data)), options);
}

/// Pixel (x, y) under the weights of a row: three parts of its grey and two of paper, then up to 224/255 of the glow. Rounded down on the
/// way.
Rgb wanted(const Scene& scene, std::int32_t row, std::uint32_t x, std::uint32_t y) {
  const auto& picture = *scene.picture;
  const auto* p = &picture.rgb[3 * (y * picture.width + x)];
  if (row < 0) return {p[0], p[1], p[2]};
  const std::uint32_t cell = y / (picture.height / picture.rows) * picture.cols + x / (picture.width / picture.cols);
  const double level = std::round(255 * scene.panels[0].values[static_cast<std::size_t>(row) * scene.cols() + cell]);
  const double faded =
      std::floor((3 * std::round(0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]) + 2 * (scene.theme == Theme::kLight ? 255 : 17)) / 5);
  const double glow = std::floor(level * 224 / 255) / 255;
  const auto mix = [&](double over) { return static_cast<std::uint8_t>(std::lround(faded + (over - faded) * glow)); };
  return {mix(255), mix(92), mix(0)};
}

bool near(Rgb a, Rgb b) { return std::abs(a.r - b.r) <= 1 && std::abs(a.g - b.g) <= 1 && std::abs(a.b - b.b) <= 1; }

TEST(Figures, PngGivesEveryPixelBack) {
  for (int i = 0; i < kPictured; ++i) {
    SCOPED_TRACE(i);
    const Scene scene = pictured(static_cast<std::uint64_t>(i));
    const Image image = readback::decode_png(draw_png(scene, {.scale = 1}).bytes);
    const auto placed = lay_out(scene).images;
    ASSERT_EQ(placed.size(), scene.rows() + 1);
    for (std::size_t p = 0; p < placed.size(); ++p) {
      EXPECT_EQ(placed[p].row, static_cast<int>(p) - 1);
      ASSERT_EQ(placed[p].width, 168);  // six units a pixel: cells are whole
      for (std::uint32_t y = 0; y < kSide; ++y) {
        for (std::uint32_t x = 0; x < kSide; ++x) {
          const int left = placed[p].x + static_cast<int>(6 * x), top = placed[p].y + static_cast<int>(6 * y);
          const Rgb seen = image.at(left, top);
          ASSERT_TRUE(near(seen, wanted(scene, placed[p].row, x, y))) << "picture " << p << " pixel " << x << ", " << y;
          ASSERT_EQ(hex(seen), hex(image.at(left + 5, top + 5)));
        }
      }
    }
  }
}

TEST(Figures, SvgGivesEveryPixelBack) {
  for (int i = 0; i < kPictured; ++i) {
    SCOPED_TRACE(i);
    const Scene scene = pictured(static_cast<std::uint64_t>(i));
    const std::string svg = draw_svg(scene), data = "base64,";
    std::int32_t row = -1;
    for (auto at = svg.find("<image class=\"picture\""); at != std::string::npos; at = svg.find("<image class=\"picture\"", at + 1)) {
      const auto begin = svg.find(data, at) + data.size();
      const Image image = readback::decode_png(readback::decode_base64(svg.substr(begin, svg.find('"', begin) - begin)));
      ASSERT_EQ(image.width, 28);
      for (int y = 0; y < 28; ++y) {
        for (int x = 0; x < 28; ++x)
          ASSERT_TRUE(near(image.at(x, y), wanted(scene, row, static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y))));
      }
      ++row;
    }
    EXPECT_EQ(row, static_cast<std::int32_t>(scene.rows()));
    if (scene.panels[0].weights.size() <= 2500) {
      char weight[64];
      std::snprintf(weight, sizeof weight, "<title>a ← 0,0: %.4f</title>", scene.panels[0].weights[0]);
      EXPECT_NE(svg.find(weight), std::string::npos) << weight;
    }
  }
}

TEST(Figures, TerminalGivesEveryPixelBack) {
  for (int i = 0; i < kPictured; ++i) {
    SCOPED_TRACE(i);
    const Scene scene = pictured(static_cast<std::uint64_t>(i));
    std::uint32_t line = 0;
    for (const auto& spans : readback::terminal_lines(draw_terminal(scene, {.width = 200}))) {
      std::vector<readback::Span> cells;
      for (const auto& span : spans) {
        if (span.text == "▀") cells.push_back(span);
      }
      if (cells.empty()) continue;
      ASSERT_EQ(cells.size(), (scene.rows() + 1) * kSide);
      for (std::uint32_t k = 0; k < cells.size(); ++k) {
        const auto row = static_cast<std::int32_t>(k / kSide) - 1;
        ASSERT_TRUE(near(*cells[k].ink, wanted(scene, row, k % kSide, 2 * line))) << "line " << line << " column " << k;
        ASSERT_TRUE(near(*cells[k].ground, wanted(scene, row, k % kSide, 2 * line + 1))) << "line " << line << " column " << k;
      }
      ++line;
    }
    EXPECT_EQ(line, kSide / 2);
  }
}

/// Colour 16 to 255 of a terminal: a cube of six steps a channel, then 24 greys.
Rgb terminal_colour(int index) {
  constexpr std::uint8_t kSteps[] = {0, 95, 135, 175, 215, 255};
  if (index >= 232)
    return {static_cast<std::uint8_t>(8 + 10 * (index - 232)), static_cast<std::uint8_t>(8 + 10 * (index - 232)),
            static_cast<std::uint8_t>(8 + 10 * (index - 232))};
  return {kSteps[(index - 16) / 36], kSteps[(index - 16) / 6 % 6], kSteps[(index - 16) % 6]};
}

TEST(Figures, In256ColoursEachPixelHasTheNearest) {
  const Scene scene = pictured(3);
  const auto distance = [](Rgb a, Rgb b) { return std::pow(a.r - b.r, 2) + std::pow(a.g - b.g, 2) + std::pow(a.b - b.b, 2); };
  std::uint32_t line = 0;
  for (const auto& spans : readback::terminal_lines(draw_terminal(scene, {.colour = TerminalColour::k256, .width = 200}))) {
    std::uint32_t column = 0;
    for (const auto& span : spans) {
      if (span.text != "▀") continue;
      const auto pixels = overlay(scene, static_cast<std::int32_t>(column / kSide) - 1);
      const auto* p = &pixels[3 * (2 * line * kSide + column % kSide)];
      const Rgb c{p[0], p[1], p[2]};
      double least = 1e9;
      for (int index = 16; index < 256; ++index) least = std::min(least, distance(c, terminal_colour(index)));
      ASSERT_EQ(distance(c, terminal_colour(*span.ink_index)), least) << "line " << line << " column " << column;
      ++column;
    }
    if (column > 0) ++line;
  }
  EXPECT_EQ(line, kSide / 2);
}

TEST(Figures, AsciiShowsTheWeightsOfTheGrid) {
  const Scene scene = usual_scene(samples::house());
  const std::string text = draw_terminal(scene, {.colour = TerminalColour::kAscii, .width = 200});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  std::stringstream lines(text);
  std::size_t r = 0;  // five pictures side by side, then two; six lines each
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("|")) continue;
    const std::size_t first = r / 6 * 5, count = r < 6 ? 5 : 2;
    for (std::size_t p = 0; p < count; ++p) {
      for (std::size_t c = 0; c < 8; ++c) {
        const char mark = " .:-=+*#%@"[std::lround(9 * scene.panels[0].values[(first + p) * 48 + r % 6 * 8 + c])];
        ASSERT_EQ(line.substr(p * 20 + 1 + 2 * c, 2), std::string(2, mark)) << "picture " << first + p << " cell " << r % 6 << "," << c;
      }
    }
    ++r;
  }
  EXPECT_EQ(r, 12u);
}

TEST(Figures, NarrowTerminalsHoldPicturesAndLists) {
  for (const int width : {20, 33, 60}) {
    for (const auto colour : {TerminalColour::kTruecolour, TerminalColour::kAscii}) {
      for (const Scene& scene : {pictured(4), usual_scene(samples::house()), usual_scene(samples::story())}) {
        for (const auto& line : readback::terminal_lines(draw_terminal(scene, {.colour = colour, .width = width}))) {
          if (line.empty() || line[0].text.starts_with("weight")) continue;  // the scale has its own width
          int used = 0;
          for (const auto& span : line) used += display_width(span.text);
          EXPECT_LE(used, width);
        }
      }
    }
  }
}

TEST(Figures, ListsGiveEveryCellBack) {
  for (const auto theme : {Theme::kLight, Theme::kDark}) {
    SceneOptions options;
    options.theme = theme;
    const Scene scene = list_scene(samples::story(), options);
    const auto& values = scene.panels[0].values;
    const Image image = readback::decode_png(draw_png(scene, {.scale = 1}).bytes);
    const auto placed = lay_out(scene).matrices.at(0);
    const auto in_svg = readback::svg_cells(draw_svg(scene)).at(0),
               on_terminal = readback::terminal_cells(scene, draw_terminal(scene)).at(0);
    ASSERT_EQ(in_svg.size(), values.size());
    ASSERT_EQ(on_terminal.size(), values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const int x = placed.x + static_cast<int>(i % 3) * placed.cell, y = placed.y + static_cast<int>(i / 3) * placed.high;
      const int level = colour_index(values[i]);
      EXPECT_EQ(readback::index_of(scene, image.at(x + 3, y + 3)), level) << i;  // beside the number
      EXPECT_EQ(readback::index_of(scene, *in_svg[i]), level) << i;
      EXPECT_EQ(readback::index_of(scene, *on_terminal[i]), level) << i;
    }
    const std::string svg = draw_svg(scene);
    for (const char* text : {"Where is the teapot?", "Hugo went to the garden.", "→ garden", "hop 3", "0.71"})
      EXPECT_NE(svg.find(text), std::string::npos) << text;
    EXPECT_NE(svg.find("fill=\"" + hex(page_colours(theme).muted) + "\">Emil took the lamp."), std::string::npos);
  }
}

TEST(Figures, JsonTellsPictureAndScale) {
  const Scene scene = pictured(0);
  const auto document = nlohmann::json::parse(draw_json(scene));
  EXPECT_EQ(document["view"], "image");
  EXPECT_EQ(document["picture"]["pixels"]["shape"], (nlohmann::json{28, 28, 3}));
  const auto pixels = readback::decode_base64(document["picture"]["pixels"]["data"].get<std::string>());
  EXPECT_EQ(std::vector<std::uint8_t>(pixels.begin(), pixels.end()), scene.picture->rgb);
  EXPECT_EQ(document["scale"]["top"].get<float>(), scene.scale.top);
  const auto list = nlohmann::json::parse(draw_json(usual_scene(samples::story())));
  EXPECT_EQ(list["view"], "list");
  EXPECT_EQ(list["target"], "garden");
  EXPECT_EQ(list["rows"]["labels"][1]["faint"], true);
  EXPECT_FALSE(list.contains("picture"));
}

TEST(Figures, SameRecordGivesSameBytes) {
  for (const auto& record : {samples::house(), samples::story()}) {
    const Scene once = usual_scene(record), again = usual_scene(record);
    EXPECT_EQ(draw_terminal(once), draw_terminal(again));
    EXPECT_EQ(draw_png(once).bytes, draw_png(again).bytes);
    EXPECT_EQ(draw_svg(once), draw_svg(again));
    EXPECT_EQ(draw_html(record), draw_html(record));
    EXPECT_EQ(draw_json(once), draw_json(again));
  }
}

TEST(Figures, LargePicturesAreReduced) {
  RecordData data = samples::house().data();
  Picture large{6, 8, 960, 480, std::vector<std::uint8_t>(960 * 480 * 3, 128)};
  data.picture = large;
  const auto placed = lay_out(usual_scene(Record(data))).images.at(0);
  EXPECT_EQ(placed.width, 240);
  EXPECT_EQ(placed.height, 120);
  data.picture->width = 480;
  data.picture->height = 960;
  EXPECT_EQ(lay_out(usual_scene(Record(data))).images.at(0).height, 240);
}

}  // namespace
}  // namespace attend
