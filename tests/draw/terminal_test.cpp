// What a map becomes on a terminal that has little room for it.
#include "attend/draw/terminal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <regex>
#include <sstream>

#include "attend/draw/width.h"
#include "draw/readback.h"
#include "draw/samples.h"
#include "support/sites.h"

namespace attend {
namespace {

int widest_line(const std::string& text) {
  int widest = 0;
  for (const auto& line : readback::terminal_lines(text)) {
    int width = 0;
    for (const auto& span : line) width += display_width(span.text);
    widest = std::max(widest, width);
  }
  return widest;
}

TEST(OnATerminal, LargeMapsShrinkToTheTerminal) {
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
      ASSERT_NEAR(readback::index_of(scene, *cells[i]) / 255.0F, largest, 1.0F / 255) << i;
    }
  }
}

TEST(OnATerminal, LongSentencesHaveNumbersOnTheTerminal) {
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

TEST(OnATerminal, AsciiIsTheNearestOfTenMarks) {
  struct Mark {
    std::size_t rows, cols;
    int width, pitch, offset;  // columns from cell to cell, and of the mark in its cell
  };
  // Numbers ("% 0.82" in eight columns), blocks under upright labels, blocks under vertical labels, single marks.
  const Mark cases[] = {{5, 6, 80, 8, 1}, {9, 20, 80, 3, 0}, {9, 30, 80, 2, 0}, {70, 60, 80, 1, 0}};
  for (const auto& [rows, cols, width, pitch, offset] : cases) {
    const Scene scene = samples::lettered(rows, cols);
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

}  // namespace
}  // namespace attend
