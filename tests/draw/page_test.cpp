// Safety of what is written: nothing a token holds may act.
#include "attend/draw/page.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/draw/picture.h"
#include "attend/draw/terminal.h"
#include "attend/draw/width.h"
#include "draw/font.h"
#include "draw/readback.h"
#include "draw/samples.h"
#include "draw/schema.h"
#include "support/sites.h"

namespace attend {
namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

TEST(Page, HostileTokensStayText) {
  for (const Scene& scene : {heatmap_scene(samples::hostile()), highlight_scene(samples::hostile())}) {
    const std::string page = draw_html(scene);
    EXPECT_EQ(count(page, "</script"), 2u);
    EXPECT_EQ(count(page, "<script"), 2u);
    EXPECT_EQ(count(page, "<img"), 0u);
    EXPECT_EQ(page.find('\x1b'), std::string::npos);
    EXPECT_NE(page.find("<title>\u2068你 a␛[31m &lt;/script&gt;"), std::string::npos);
    const std::string svg = draw_svg(scene);
    EXPECT_EQ(count(svg, "<script"), 0u);
    EXPECT_EQ(count(svg, "<img"), 0u);
    EXPECT_EQ(svg.find('\x1b'), std::string::npos);
    EXPECT_NE(svg.find("&lt;b&gt;additive&lt;/b&gt; attention"), std::string::npos);
  }
}

TEST(Page, AsksForNothing) {
  const std::string page = draw_html(samples::transformer());
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  for (const char* reach : {"http:", "https:", "fetch(", "XMLHttpRequest", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write",
                            "eval(", "import(", "src="}) {
    EXPECT_EQ(count(page, reach), 0u) << reach;
  }
}

TEST(Page, MarksInsideTokensAreNoMarks) {
  const Record record{[] {
    RecordData data = samples::love().data();
    data.source = samples::text_of("@DATA@ @TITLE@ x", {"@DATA@", "@TITLE@", "x"});
    return data;
  }()};
  const std::string page = draw_html(heatmap_scene(record));
  EXPECT_NE(page.find("<title>@DATA@ @TITLE@ x → 我爱你</title>"), std::string::npos);
  EXPECT_EQ(count(page, "id=\"data\""), 1u);
}

TEST(Page, RecordOpensAtTheChosenMap) {
  SceneOptions options;
  options.site = "encoder.self";
  options.layer = 1;
  const std::string page = draw_html(samples::transformer(), options);
  EXPECT_NE(page.find("\"first\":3,"), std::string::npos);  // three sites a layer
  EXPECT_THROW(draw_html(std::vector<Scene>{}), Error);
}

TEST(Page, TerminalSendsNoControlOfAToken) {
  for (const auto colour : {TerminalColour::kTruecolour, TerminalColour::k256, TerminalColour::kAscii}) {
    for (const Scene& scene : {heatmap_scene(samples::hostile()), highlight_scene(samples::hostile())}) {
      const std::string text = draw_terminal(scene, {.colour = colour, .width = 120});
      for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte == 0x1b) {  // ours: ESC [ digits and semicolons m
          const auto end = text.find_first_not_of("0123456789;", i + 2);
          ASSERT_EQ(text[i + 1], '[');
          ASSERT_EQ(text[end], 'm');
          EXPECT_NE(colour, TerminalColour::kAscii);
        } else {
          ASSERT_TRUE(byte >= 0x20 || byte == '\n') << int{byte};
        }
      }
      EXPECT_EQ(text.find("\x1b[31m"), std::string::npos);
      EXPECT_NE(text.find("␛[31m"), std::string::npos);
    }
  }
}

TEST(Page, HostileStatementsStayText) {
  RecordData data = samples::story().data();
  data.source.utf8.replace(0, 10, "\x1b[31m<b>xy");
  const Scene scene = usual_scene(Record(std::move(data)));
  EXPECT_EQ(scene.row_labels[0].text, "␛[31m<b>xyd to the kitchen.");
  EXPECT_EQ(draw_svg(scene).find("<b>"), std::string::npos);
  EXPECT_EQ(draw_html(scene).find("<b>"), std::string::npos);
  EXPECT_EQ(draw_terminal(scene).find("\x1b[31m"), std::string::npos);
}

TEST(Page, RecordOpensAtItsUsualView) {
  const std::string page = draw_html(samples::house());
  EXPECT_NE(page.find("\"first\":0,"), std::string::npos);
  EXPECT_LT(page.find("\"view\":\"image\""), page.find("\"view\":\"heatmap\""));
  const std::string chosen = draw_html(samples::house(), heatmap_scene(samples::house()));
  EXPECT_EQ(chosen.find("\"view\":\"image\""), std::string::npos);
}

TEST(Page, TerminalRefusesAnImpossibleWidth) { EXPECT_THROW(draw_terminal(heatmap_scene(samples::love()), {.width = 19}), Error); }

TEST(Page, TerminalShowsWordsOnBothAxes) {
  const std::string text = draw_terminal(heatmap_scene(samples::sentence()), {.colour = TerminalColour::kAscii, .width = 80});
  for (const char* word : {"watched", "bench", "boats", "老人", "长椅", "船只"}) EXPECT_NE(text.find(word), std::string::npos) << word;
}

TEST(Page, JsonFollowsItsSchema) {
  const auto schema = nlohmann::json::parse(read_file(ATTEND_SOURCE_DIR "/docs/schemas/attend.scene.schema.json"));
  HeatmapOptions self;
  self.site = "decoder.self";
  RecordData empty_row = samples::love().data();
  empty_row.maps[0].kind = RowKind::kUnnormalised;
  for (int i = 0; i < 3; ++i) empty_row.maps[0].weights[i] = 0;
  const Record hollow{empty_row};
  for (const Scene& scene :
       {heatmap_scene(samples::love()), heatmap_scene(samples::transformer(), self), highlight_scene(samples::hostile()),
        heatmap_scene(hollow), highlight_scene(hollow), usual_scene(samples::house()), usual_scene(samples::story())}) {
    const auto document = nlohmann::json::parse(draw_json(scene));
    EXPECT_EQ(schema_violation(schema, document), "");
    auto broken = document;
    broken["panels"][0].erase("levels");
    EXPECT_NE(schema_violation(schema, broken), "");
    broken = document;
    broken["scale"]["kind"] = "cubic";
    EXPECT_NE(schema_violation(schema, broken), "");
  }
  const auto hollow_document = nlohmann::json::parse(draw_json(heatmap_scene(hollow)));
  EXPECT_TRUE(hollow_document["panels"][0]["entropy"][0]["value"].is_null());
}

TEST(Png, ChineseLabelsHaveTheirGlyphs) {
  EXPECT_EQ(draw_png(heatmap_scene(samples::love())).warning, "");
  EXPECT_EQ(draw_png(heatmap_scene(samples::sentence())).warning, "");
}

TEST(Png, MissingGlyphsNameTheirPackage) {
  RecordData data = samples::love().data();
  data.source = samples::text_of("I \xee\x84\xa3 you", {"I", "\xee\x84\xa3", "you"});  // U+E123: private use, in no font
  const std::string warning = draw_png(heatmap_scene(Record(data))).warning;
  EXPECT_NE(warning.find("1 character "), std::string::npos) << warning;
  EXPECT_NE(warning.find("U+E123"), std::string::npos) << warning;
  EXPECT_NE(warning.find("install fonts-noto"), std::string::npos) << warning;
  EXPECT_STREQ(font_package(U'我'), "fonts-noto-cjk");
  EXPECT_STREQ(font_package(U'한'), "fonts-noto-cjk");
  EXPECT_STREQ(font_package(U'👩'), "fonts-noto-color-emoji");
  EXPECT_STREQ(font_package(U'न'), "fonts-noto-core");
}

TEST(Png, StripsJoinWithoutASeam) {
  // Taller than one strip of 4,096 pixels: 60 lines of highlighted text at scale 4.
  RecordData data =
      samples::bare(samples::text_of("a b", {"a", "b"}), samples::text_of(std::string(60, 'x'), std::vector<std::string>(60, "x")));
  AttentionMap map;
  map.site = sites::decoder_cross(0);
  map.heads = 1;
  map.rows = 60;
  map.cols = 2;
  for (int i = 0; i < 60; ++i) {
    map.weights.push_back(static_cast<float>(i) / 60);
    map.weights.push_back(1 - static_cast<float>(i) / 60);
  }
  data.maps.push_back(map);
  const Scene scene = highlight_scene(Record(std::move(data)));
  const Png large = draw_png(scene, {.scale = 4}), small = draw_png(scene, {.scale = 1});
  ASSERT_GT(large.height, 2 * 4096);
  const auto big = readback::decode_png(large.bytes), little = readback::decode_png(small.bytes);
  EXPECT_EQ(big.width, 4 * little.width);
  // Away from letters and edges the two agree, on both sides of each seam.
  for (const int seam : {4096, 8192}) {
    for (int y = seam / 4 - 40; y < seam / 4 + 40; ++y) {
      const Rgb paper = page_colours(Theme::kLight).paper;
      EXPECT_EQ(big.at(8, 4 * y), paper);
      EXPECT_EQ(little.at(2, y), paper);
    }
  }
  std::size_t differ = 0;
  for (int y = 1; y + 1 < little.height; ++y) {
    for (int x = 1; x + 1 < little.width; ++x) {
      const Rgb c = little.at(x, y);
      const bool flat = c == little.at(x - 1, y) && c == little.at(x + 1, y) && c == little.at(x, y - 1) && c == little.at(x, y + 1);
      if (flat && !(c == big.at(4 * x + 2, 4 * y + 2))) ++differ;
    }
  }
  EXPECT_LT(differ, 40u);  // a few lie inside strokes of letters
}

TEST(Png, WritesTheFileItDraws) {
  const std::string path = testing::TempDir() + "attend_love.png";
  const Scene scene = heatmap_scene(samples::love());
  EXPECT_EQ(write_png(scene, path), "");
  EXPECT_EQ(read_file(path), draw_png(scene).bytes);
  std::filesystem::remove(path);
  EXPECT_THROW(write_png(scene, "/nowhere/at/all.png"), Error);
  EXPECT_THROW(draw_png(scene, {.scale = 9}), Error);
}

}  // namespace
}  // namespace attend
