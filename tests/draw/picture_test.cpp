// What pictures of a scene say beside its cells, and where: sides, weights, titles, the direction of text.
#include "attend/draw/picture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "attend/draw/terminal.h"
#include "draw/layout.h"
#include "draw/readback.h"
#include "draw/samples.h"
#include "draw/wording.h"
#include "support/sites.h"

namespace attend {
namespace {

TEST(Picture, LargeMapsAreImagesInSvg) {
  Scene scene = samples::lettered(513, 520);
  auto& masked = scene.panels[0].masked;
  masked.resize(scene.panels[0].values.size());
  for (std::size_t i = 0; i < masked.size(); ++i) masked[i] = i % 520 > i / 520;
  const std::string svg = draw_svg(scene), data = "base64,";
  EXPECT_LT(svg.size(), 3'000'000u);
  const auto at = svg.find(data, svg.find("<g class=\"matrix\"")) + data.size();
  const auto image = readback::decode_png(readback::decode_base64(std::string_view(svg).substr(at, svg.find('"', at) - at)));
  const auto& placed = lay_out(scene).matrices.at(0);
  ASSERT_EQ(image.width, 520 * placed.cell);
  ASSERT_EQ(image.height, 513 * placed.high);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const auto cell = static_cast<std::size_t>(y / placed.high) * 520 + static_cast<std::size_t>(x / placed.cell);
      ASSERT_EQ(image.alpha(x, y), masked[cell] ? 0 : 255) << x << ", " << y;
      if (masked[cell]) continue;
      ASSERT_EQ(readback::index_of(scene, image.at(x, y)), colour_index(scene.panels[0].values[cell])) << x << ", " << y;
    }
  }
  EXPECT_NE(draw_svg(samples::lettered(512, 512)).find("<path fill"), std::string::npos);  // rectangles as long as may be
}

TEST(Picture, EverySideIsNamed) {
  const Scene scene = heatmap_scene(samples::love());
  const std::string svg = draw_svg(scene);  // and what the PNG paints
  EXPECT_NE(svg.find(">target ↓</text>"), std::string::npos);
  EXPECT_NE(svg.find(">source →</text>"), std::string::npos);
  EXPECT_NE(draw_terminal(scene).find("rows: target, columns: source"), std::string::npos);
  const std::string tinted = draw_svg(highlight_scene(samples::love()));
  EXPECT_NE(tinted.find(">target ↓</text>"), std::string::npos);
  EXPECT_NE(tinted.find(">source</text>"), std::string::npos);
}

TEST(Picture, WeightsArePrintedInTheMiddleOfTheirCells) {
  for (const std::size_t size : {3u, 12u, 30u}) {
    Scene scene = samples::lettered(size, size);
    const Sheet sheet = lay_out(scene);
    const auto& placed = sheet.matrices.at(0);
    std::size_t printed = 0;
    for (const auto& text : sheet.texts) {
      const double x = (text.x - placed.x) / placed.cell, y = (text.y - text.size * 0.36 - placed.y) / placed.high;
      if (x < 0 || y < 0 || x > static_cast<double>(size) || y > static_cast<double>(size)) continue;
      const auto at = static_cast<std::size_t>(y) * size + static_cast<std::size_t>(x);
      EXPECT_NEAR(x - std::floor(x), 0.5, 1e-9);
      EXPECT_NEAR(y - std::floor(y), 0.5, 1e-9);
      EXPECT_LT(text.width, placed.cell);
      EXPECT_NEAR(std::stod(text.text), scene.panels[0].weights[at], 0.0051) << text.text;
      ++printed;
    }
    const auto& weights = scene.panels[0].weights;
    const auto wanted = size == 3 ? 9 : std::count_if(weights.begin(), weights.end(), [](float w) { return w >= 0.05F; });
    EXPECT_EQ(printed, static_cast<std::size_t>(wanted)) << size;
  }
}

/// Where the words of a highlighted text begin, in the order in which they are read.
std::vector<double> places_of_words(const std::string& source, const std::vector<std::string>& words) {
  RecordData data = samples::bare(samples::text_of(source, words), samples::text_of("x", {"x"}));
  std::vector<float> weights(words.size(), 1.0F / static_cast<float>(words.size()));
  data.maps.push_back(AttentionMap{
      .site = sites::decoder_attention(), .heads = 1, .rows = 1, .cols = static_cast<std::uint32_t>(words.size()), .weights = weights});
  std::vector<double> places;
  for (const auto& box : lay_out(highlight_scene(Record(data))).boxes)
    if (box.radius > 0) places.push_back(box.x);
  return places;
}

TEST(Picture, HighlightedTextRunsInItsOwnDirection) {
  const auto arabic = places_of_words("سلام عليكم يا صديقي", {"سلام", "عليكم", "يا", "صديقي"});
  ASSERT_EQ(arabic.size(), 4u);
  EXPECT_TRUE(std::is_sorted(arabic.rbegin(), arabic.rend()));
  EXPECT_GT(arabic[0], 600);  // at the right margin
  const auto english = places_of_words("peace be with you", {"peace", "be", "with", "you"});
  EXPECT_TRUE(std::is_sorted(english.begin(), english.end()));
  // Foreign words keep their own order inside a text that runs the other way.
  const auto mixed = places_of_words("قال hello world ثم", {"قال", "hello", "world", "ثم"});
  ASSERT_EQ(mixed.size(), 4u);
  EXPECT_GT(mixed[0], mixed[2]);
  EXPECT_LT(mixed[1], mixed[2]);
  EXPECT_LT(mixed[3], mixed[1]);
}

TEST(Picture, ATitleReadsFromLeftToRight) {
  EXPECT_EQ(title_of("peace", "سلام"), "peace → \u2068سلام\u2069");
  EXPECT_EQ(title_of("שלום", "سلام"), "\u2068שלום\u2069 → \u2068سلام\u2069");
  EXPECT_EQ(title_of("", "سلام"), "\u2068سلام\u2069");
}

}  // namespace
}  // namespace attend
