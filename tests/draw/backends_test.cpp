// One scene, five backends: each must give every cell back within 1/255.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "attend/draw/page.h"
#include "attend/draw/picture.h"
#include "attend/draw/terminal.h"
#include "attend/draw/width.h"
#include "draw/layout.h"
#include "draw/readback.h"
#include "draw/samples.h"

namespace attend {
namespace {

using nlohmann::json;
using readback::Cells;

constexpr int kRecords = 200;
constexpr float kTolerance = 1.0F / 255;

struct Pair {
  Scene heatmap, highlight;
};

/// The scenes of random record `i`, options varied with it.
Pair scenes(int i) {
  const Record record = samples::random(static_cast<std::uint64_t>(i));
  HeatmapOptions heat;
  heat.scale = static_cast<ScaleKind>(i % 3);
  heat.theme = i % 2 ? Theme::kDark : Theme::kLight;
  heat.hide_specials = i % 5 == 0;
  heat.all_heads = i % 4 == 0;
  HighlightOptions high;
  static_cast<SceneOptions&>(high) = heat;
  return {heatmap_scene(record, heat), highlight_scene(record, high)};
}

void expect_cells(const Scene& scene, const std::vector<Cells>& panels) {
  ASSERT_EQ(panels.size(), scene.panels.size());
  for (std::size_t p = 0; p < panels.size(); ++p) {
    const auto& panel = scene.panels[p];
    ASSERT_EQ(panels[p].size(), panel.values.size()) << "panel " << p;
    for (std::size_t i = 0; i < panels[p].size(); ++i) {
      const bool masked = !panel.masked.empty() && panel.masked[i];
      ASSERT_EQ(panels[p][i].has_value(), !masked) << "panel " << p << " cell " << i;
      if (masked) continue;
      ASSERT_NEAR(readback::index_of(scene, *panels[p][i]) / 255.0F, panel.values[i], kTolerance) << "panel " << p << " cell " << i;
    }
  }
}

TEST(Backends, TerminalGivesEveryCellBack) {
  for (int i = 0; i < kRecords; ++i) {
    SCOPED_TRACE(i);
    const Scene scene = scenes(i).heatmap;
    expect_cells(scene, readback::terminal_cells(scene, draw_terminal(scene, {.width = 4000})));
    if (HasFatalFailure()) return;
  }
}

TEST(Backends, TerminalGivesEveryTintBack) {
  for (int i = 0; i < kRecords; ++i) {
    SCOPED_TRACE(i);
    const Scene scene = scenes(i).highlight;
    std::vector<readback::Span> tinted;
    for (const auto& line : readback::terminal_lines(draw_terminal(scene, {.width = 100}))) {
      for (const auto& span : line) {
        if (span.ground) tinted.push_back(span);
      }
    }
    std::size_t next = 0;
    for (const auto& line : scene.lines) {
      for (std::size_t p = 0; p < scene.pieces.size(); ++p) {
        if (scene.pieces[p].columns.empty()) continue;
        std::string text;
        const auto wanted = steady_text(scene.pieces[p].text);
        while (text.size() < wanted.size()) {
          ASSERT_LT(next, tinted.size());
          ASSERT_NEAR(readback::index_of(scene, *tinted[next].ground) / 255.0F, line.values[p], kTolerance);
          text += tinted[next++].text;
        }
        ASSERT_EQ(text, wanted);
      }
    }
    EXPECT_EQ(next, tinted.size());
  }
}

TEST(Backends, Terminal256IsTheNearestOf24Greys) {
  for (int i = 0; i < kRecords; ++i) {
    SCOPED_TRACE(i);
    const Scene scene = scenes(i).heatmap;
    const auto panels = readback::terminal_greys(scene, draw_terminal(scene, {.colour = TerminalColour::k256, .width = 4000}));
    ASSERT_EQ(panels.size(), scene.panels.size());
    for (std::size_t p = 0; p < panels.size(); ++p) {
      ASSERT_EQ(panels[p].size(), scene.panels[p].values.size());
      for (std::size_t k = 0; k < panels[p].size(); ++k) {
        if (!panels[p][k]) continue;
        const int level = scene.theme == Theme::kLight ? 255 - *panels[p][k] : *panels[p][k] - 232;
        ASSERT_EQ(level, std::lround(23 * scene.panels[p].values[k])) << "cell " << k;
      }
    }
  }
}

TEST(Backends, PngGivesEveryCellBack) {
  for (int i = 0; i < kRecords; ++i) {
    SCOPED_TRACE(i);
    const auto [heatmap, highlight] = scenes(i);
    const readback::Image image = readback::decode_png(draw_png(heatmap, {.scale = 1}).bytes);
    std::vector<Cells> panels;
    for (const auto& placed : lay_out(heatmap).matrices) {
      Cells cells;
      for (std::size_t k = 0; k < heatmap.panels[placed.panel].values.size(); ++k) {
        const int corner = std::min(placed.cell / 2, 2);  // numbers stand in the middle
        const int x = placed.x + static_cast<int>(k % heatmap.cols()) * placed.cell + corner;
        const int y = placed.y + static_cast<int>(k / heatmap.cols()) * placed.cell + corner;
        const auto& masked = heatmap.panels[placed.panel].masked;
        if (!masked.empty() && masked[k]) {
          ASSERT_THROW(readback::index_of(heatmap, image.at(x, y)), std::runtime_error) << "a masked cell has a colour of the table";
          cells.push_back({});
        } else {
          cells.push_back(image.at(x, y));
        }
      }
      panels.push_back(std::move(cells));
    }
    expect_cells(heatmap, panels);
    if (HasFatalFailure()) return;
  }
}

/// For each line and tinted piece of a highlight, its box; a piece cut over lines has one box per cluster.
TEST(Backends, PicturesGiveEveryTintBack) {  // every eighth record: pictures of text are large
  for (int i = 0; i < kRecords; i += 8) {
    SCOPED_TRACE(i);
    const Scene scene = scenes(i).highlight;
    const Sheet picture = lay_out(scene);
    const readback::Image image = readback::decode_png(draw_png(scene, {.scale = 1}).bytes);
    const std::string svg = draw_svg(scene);
    std::vector<Rgb> wanted;
    for (const auto& line : scene.lines) {
      for (std::size_t p = 0; p < scene.pieces.size(); ++p) {
        if (!scene.pieces[p].columns.empty())
          wanted.push_back(colour_table(scene.scale.palette, scene.theme)[colour_index(line.values[p])]);
      }
    }
    std::size_t next = 0, in_svg = 0;
    for (const auto& box : picture.boxes) {
      if (box.radius <= 0) continue;
      ASSERT_LT(next, wanted.size());
      // Just under the upper edge: above the letters, below the rounding.
      const Rgb seen = image.at(static_cast<int>(box.x + box.width / 2), static_cast<int>(std::ceil(box.y)) + 1);
      EXPECT_EQ(hex(seen), hex(wanted[next])) << "piece " << next;
      in_svg = svg.find("<rect class=\"tint\"", in_svg + 1);
      ASSERT_NE(in_svg, std::string::npos);
      const auto fill = svg.find("fill=\"", in_svg) + 6;
      EXPECT_EQ(svg.substr(fill, 7), hex(wanted[next])) << "piece " << next;
      ++next;
    }
    EXPECT_EQ(next, wanted.size());
  }
}

TEST(Backends, SvgGivesEveryCellBack) {
  for (int i = 0; i < kRecords; ++i) {
    SCOPED_TRACE(i);
    const Scene scene = scenes(i).heatmap;
    expect_cells(scene, readback::svg_cells(draw_svg(scene)));
    if (HasFatalFailure()) return;
  }
}

/// Checks a document of schema attend.scene against its scene: levels, weights and masks of all panels and lines.
void expect_document(const Scene& scene, const json& document) {
  ASSERT_EQ(document.at("panels").size(), scene.panels.size());
  for (std::size_t p = 0; p < scene.panels.size(); ++p) {
    const auto& panel = scene.panels[p];
    const auto& written = document["panels"][p];
    EXPECT_EQ(written["levels"]["shape"], (json{scene.rows(), scene.cols()}));
    const std::string levels = readback::decode_base64(written["levels"]["data"].get<std::string>());
    ASSERT_EQ(levels.size(), panel.values.size());
    for (std::size_t i = 0; i < levels.size(); ++i) {
      ASSERT_NEAR(static_cast<unsigned char>(levels[i]) / 255.0F, panel.values[i], kTolerance);
    }
    EXPECT_EQ(readback::floats(readback::decode_base64(written["weights"]["data"].get<std::string>())), panel.weights);
    ASSERT_EQ(written["masked"].is_null(), panel.masked.empty());
    if (panel.masked.empty()) continue;
    const std::string masked = readback::decode_base64(written["masked"]["data"].get<std::string>());
    ASSERT_EQ(masked.size(), panel.masked.size());
    for (std::size_t i = 0; i < masked.size(); ++i) ASSERT_EQ(masked[i] != 0, panel.masked[i]);
  }
  ASSERT_EQ(document.at("lines").size(), scene.lines.size());
  for (std::size_t r = 0; r < scene.lines.size(); ++r) {
    const auto& written = document["lines"][r];
    EXPECT_EQ(readback::floats(readback::decode_base64(written["weights"]["data"].get<std::string>())), scene.lines[r].weights);
    const std::string levels = readback::decode_base64(written["levels"]["data"].get<std::string>());
    ASSERT_EQ(levels.size(), scene.lines[r].values.size());
    for (std::size_t i = 0; i < levels.size(); ++i) {
      ASSERT_NEAR(static_cast<unsigned char>(levels[i]) / 255.0F, scene.lines[r].values[i], kTolerance);
    }
  }
}

TEST(Backends, JsonGivesEveryCellBack) {
  for (int i = 0; i < kRecords; ++i) {
    SCOPED_TRACE(i);
    const auto [heatmap, highlight] = scenes(i);
    expect_document(heatmap, json::parse(draw_json(heatmap)));
    expect_document(highlight, json::parse(draw_json(highlight)));
    if (HasFatalFailure()) return;
  }
}

TEST(Backends, HtmlGivesEveryCellBack) {
  const std::string begin = "<script type=\"application/json\" id=\"data\">";
  for (int i = 0; i < kRecords; ++i) {
    SCOPED_TRACE(i);
    const auto [heatmap, highlight] = scenes(i);
    const std::string page = draw_html(std::vector<Scene>{heatmap, highlight}, 1);
    const auto from = page.find(begin) + begin.size();
    const json data = json::parse(page.substr(from, page.find("</script>", from) - from));
    EXPECT_EQ(data["first"], 1);
    expect_document(heatmap, data["scenes"][0]);
    expect_document(highlight, data["scenes"][1]);
    // The page's own colours are the table's.
    const std::string table = readback::decode_base64(data["tables"]["sequential"]["light"].get<std::string>());
    ASSERT_EQ(table.size(), 768u);
    const Rgb last = colour_table(Palette::kSequential, Theme::kLight)[255];
    EXPECT_EQ((Rgb{static_cast<std::uint8_t>(table[765]), static_cast<std::uint8_t>(table[766]), static_cast<std::uint8_t>(table[767])}),
              last);
    if (HasFatalFailure()) return;
  }
}

TEST(Backends, SameSceneGivesSameBytes) {
  for (int i = 0; i < 6; ++i) {
    const auto [once, once_text] = scenes(i);
    const auto [again, again_text] = scenes(i);
    for (const auto& [a, b] : {std::pair(&once, &again), std::pair(&once_text, &again_text)}) {
      EXPECT_EQ(draw_terminal(*a), draw_terminal(*b));
      EXPECT_EQ(draw_png(*a, {.scale = 1}).bytes, draw_png(*b, {.scale = 1}).bytes);
      EXPECT_EQ(draw_svg(*a), draw_svg(*b));
      EXPECT_EQ(draw_html(*a), draw_html(*b));
      EXPECT_EQ(draw_json(*a), draw_json(*b));
    }
  }
}

TEST(Backends, EveryNoteIsInEveryBackend) {
  HeatmapOptions options;
  options.scale = ScaleKind::kRow;
  options.hide_specials = true;
  options.site = "decoder.self";
  const Scene scene = heatmap_scene(samples::transformer(), options);
  ASSERT_GE(scene.notes.size(), 5u);
  std::string drawn;
  for (const auto& text : lay_out(scene).texts) drawn += text.text + " ";  // PNG paints these, and SVG writes them
  for (const auto& note : scene.notes) {
    EXPECT_NE(draw_terminal(scene, {.colour = TerminalColour::kAscii, .width = 400}).find(note.text), std::string::npos) << note.text;
    EXPECT_NE(draw_svg(scene).find(note.text.substr(0, 40)), std::string::npos) << note.text;
    EXPECT_NE(drawn.find(note.text), std::string::npos) << note.text;
    const json document = json::parse(draw_json(scene));
    bool found = false;
    for (const auto& written : document["notes"]) found = found || written["text"] == note.text;
    EXPECT_TRUE(found) << note.text;
    EXPECT_NE(draw_html(scene).find(note.text.substr(0, 30)), std::string::npos) << note.text;
  }
}

}  // namespace
}  // namespace attend
