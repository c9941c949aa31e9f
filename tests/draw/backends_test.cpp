// One scene, five backends: each must give every cell back within 1/255.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "attend/draw/page.h"
#include "attend/draw/picture.h"
#include "attend/draw/terminal.h"
#include "attend/draw/width.h"
#include "draw/layout.h"
#include "draw/readback.h"
#include "draw/samples.h"
#include "support/sites.h"

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

int widest_line(const std::string& text) {
  int widest = 0;
  for (const auto& line : readback::terminal_lines(text)) {
    int width = 0;
    for (const auto& span : line) width += display_width(span.text);
    widest = std::max(widest, width);
  }
  return widest;
}

TEST(Backends, LargeMapsShrinkToTheTerminal) {
  const Scene scene = heatmap_scene(samples::large());  // 150 rows, 200 columns
  for (const int width : {70, 120, 210, 400}) {
    const std::string text = draw_terminal(scene, {.width = width});
    EXPECT_LE(widest_line(text), width);
    std::size_t block = 1;
    std::string words;
    for (const auto& line : readback::terminal_lines(text)) {
      for (const auto& span : line) words += span.text;
      words += ' ';
    }
    words = std::regex_replace(words, std::regex(" +"), " ");
    const auto said = words.find("each cell is the largest of ");
    if (said != std::string::npos) block = std::stoul(words.substr(said + 28));
    EXPECT_EQ(block > 1, width < 207) << width;
    EXPECT_LE(200 / static_cast<int>(block), width);
    // A scene of as many cells, of which the reader knows the shape; each must be the largest of its block.
    Scene small;
    small.scale = scene.scale;
    small.row_labels.resize((150 + block - 1) / block);
    small.col_labels.resize((200 + block - 1) / block);
    small.panels.resize(1);
    const auto cells = readback::terminal_cells(small, text).at(0);
    ASSERT_EQ(cells.size(), small.rows() * small.cols()) << width;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      float largest = 0;
      for (std::size_t r = i / small.cols() * block; r < std::min<std::size_t>(150, (i / small.cols() + 1) * block); ++r)
        for (std::size_t c = i % small.cols() * block; c < std::min<std::size_t>(200, (i % small.cols() + 1) * block); ++c)
          largest = std::max(largest, scene.panels[0].values[r * 200 + c]);
      ASSERT_NEAR(readback::index_of(scene, *cells[i]) / 255.0F, largest, kTolerance) << i;
    }
  }
}

TEST(Backends, LongSentencesHaveNumbersOnTheTerminal) {
  RecordData data;
  std::vector<std::string> words;
  std::string sentence;
  for (int i = 0; i < 35; ++i) {
    words.push_back(std::string(static_cast<std::size_t>(i % 9 + 1), static_cast<char>('a' + i % 26)));
    sentence += words.back() + " ";
  }
  data = samples::bare(samples::text_of(sentence, words), samples::text_of(sentence, words));
  AttentionMap map{.site = sites::decoder_attention(), .heads = 1, .rows = 35, .cols = 35, .weights = std::vector<float>(35 * 35)};
  for (std::size_t r = 0; r < 35; ++r) map.weights[r * 35 + r] = 0.75F, map.weights[r * 35 + (r + 1) % 35] = 0.25F;
  data.maps.push_back(map);
  const Scene scene = heatmap_scene(Record(data));
  const std::string text = draw_terminal(scene, {.width = 120});
  EXPECT_LE(widest_line(text), 120);
  std::size_t large = 0;
  for (auto at = text.find(".75"); at != std::string::npos; at = text.find(".75", at + 1)) ++large;
  EXPECT_EQ(large, 35u);
  EXPECT_NE(text.find("fffff"), std::string::npos);  // words stand upright
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

/// A scene of one panel whose labels are single letters, so that a test knows where the cells stand.
Scene lettered(std::size_t rows, std::size_t cols) {
  Scene scene;
  scene.row_labels.assign(rows, {"a", false});
  scene.col_labels.assign(cols, {"b", false});
  MatrixPanel panel;
  for (std::size_t i = 0; i < rows * cols; ++i) {
    panel.values.push_back(static_cast<float>(i % 101) / 100);
    panel.weights.push_back(panel.values.back());
  }
  panel.entropy.resize(rows);
  scene.panels.push_back(std::move(panel));
  return scene;
}

TEST(Backends, AsciiIsTheNearestOfTenMarks) {
  struct Mark {
    std::size_t rows, cols;
    int width, pitch, offset;  // columns from cell to cell, and of the mark in its cell
  };
  // Numbers ("% 0.82" in eight columns), blocks under upright labels, blocks under vertical labels, single marks.
  const Mark cases[] = {{5, 6, 80, 8, 1}, {9, 20, 80, 3, 0}, {9, 30, 80, 2, 0}, {70, 60, 80, 1, 0}};
  for (const auto& [rows, cols, width, pitch, offset] : cases) {
    const Scene scene = lettered(rows, cols);
    const std::string text = draw_terminal(scene, {.colour = TerminalColour::kAscii, .width = width});
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    std::size_t row = 0;
    std::stringstream lines(text);
    for (std::string line; row < rows && std::getline(lines, line);) {
      const bool labelled = line.starts_with("a ") || line == "a";
      const bool unlabelled = pitch == 1 && row % 10 != 0 && row > 0;  // of single marks every tenth row has its label
      if (!labelled && !unlabelled) continue;
      line.resize(static_cast<std::size_t>(width) + 2, ' ');
      for (std::size_t c = 0; c < cols; ++c) {
        const float v = scene.panels[0].values[row * cols + c];
        ASSERT_EQ(line[2 + c * static_cast<std::size_t>(pitch) + static_cast<std::size_t>(offset)], " .:-=+*#%@"[std::lround(9 * v)])
            << rows << "x" << cols << " row " << row << " column " << c << "\n"
            << line;
      }
      ++row;
    }
    EXPECT_EQ(row, rows);
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

TEST(Backends, EverySideIsNamed) {
  const Scene scene = heatmap_scene(samples::love());
  const std::string svg = draw_svg(scene);  // and what the PNG paints
  EXPECT_NE(svg.find(">target ↓</text>"), std::string::npos);
  EXPECT_NE(svg.find(">source →</text>"), std::string::npos);
  EXPECT_NE(draw_terminal(scene).find("rows: target, columns: source"), std::string::npos);
  const std::string tinted = draw_svg(highlight_scene(samples::love()));
  EXPECT_NE(tinted.find(">target ↓</text>"), std::string::npos);
  EXPECT_NE(tinted.find(">source</text>"), std::string::npos);
}

TEST(Backends, WeightsArePrintedInTheMiddleOfTheirCells) {
  for (const std::size_t size : {3u, 12u, 30u}) {
    Scene scene = lettered(size, size);
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

TEST(Backends, HighlightedTextRunsInItsOwnDirection) {
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
