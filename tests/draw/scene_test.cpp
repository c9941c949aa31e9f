#include "attend/draw/scene.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "attend/core/error.h"
#include "attend/draw/width.h"
#include "draw/labels.h"
#include "draw/samples.h"

namespace attend {
namespace {

std::string all_notes(const Scene& scene) {
  std::string all;
  for (const auto& note : scene.notes) all += note.text + "\n";
  return all;
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Scene, ShowsTheWorkedExample) {
  const Scene scene = heatmap_scene(samples::love());
  EXPECT_EQ(scene.title, "I love you → 我爱你");
  EXPECT_EQ(scene.subtitle, "scaled dot-product attention, decoder.attention, layer 0, head 0");
  ASSERT_EQ(scene.rows(), 3u);
  ASSERT_EQ(scene.cols(), 3u);
  EXPECT_EQ(scene.row_labels[1].text, "爱");
  EXPECT_EQ(scene.col_labels[1].text, "love");
  const double wanted[] = {0.7153, 0.0216, 0.2631, 0.0440, 0.8835, 0.0725, 0.2631, 0.0216, 0.7153};
  for (int i = 0; i < 9; ++i) EXPECT_NEAR(scene.panels[0].weights[i], wanted[i], 5e-5) << i;
  EXPECT_EQ(scene.panels[0].values, scene.panels[0].weights);
  const double entropy[] = {0.6738, 0.4371, 0.6738};
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(scene.panels[0].entropy[i].value(), entropy[i], 5e-5);
  // Means over rows: (0.6738 + 0.4371 + 0.6738) / 3 and (1.962 + 1.548 + 1.962) / 3.
  EXPECT_EQ(scene.caption, "Row entropy 0.59 nat on average; effective tokens (exp of entropy) 1.8.");
}

TEST(Scene, ChoosesSiteLayerAndHead) {
  const Record record = samples::transformer();
  const Scene first = heatmap_scene(record);
  EXPECT_EQ(first.site, "decoder.cross");
  EXPECT_EQ(first.layer, 1);
  EXPECT_EQ(first.panels[0].title, "mean of 8 heads");
  HeatmapOptions options;
  options.site = "encoder.self";
  options.layer = 0;
  options.head = 3;
  const Scene chosen = heatmap_scene(record, options);
  EXPECT_EQ(chosen.panels[0].title, "head 3");
  EXPECT_EQ(chosen.row_name, "source");
  EXPECT_EQ(chosen.panels[0].weights, record.map(record.find_map("encoder.self", 0), 3).values);
  options.head.reset();
  options.all_heads = true;
  const Scene heads = heatmap_scene(record, options);
  ASSERT_EQ(heads.panels.size(), 9u);
  EXPECT_EQ(heads.panels[0].head, -1);
  EXPECT_EQ(heads.panels[8].head, 7);
  EXPECT_EQ(all_scenes(record).size(), record.data().maps.size());
}

TEST(Scene, RefusesWhatTheRecordLacks) {
  const Record record = samples::transformer();
  HeatmapOptions options;
  options.head = 8;
  EXPECT_THROW(heatmap_scene(record, options), Error);
  options = {};
  options.hypothesis = 1;
  EXPECT_THROW(heatmap_scene(record, options), Error);
  options = {};
  options.site = "decoder.crss";
  EXPECT_THROW(heatmap_scene(record, options), Error);
  HighlightOptions row;
  row.row = 9;
  EXPECT_THROW(highlight_scene(record, row), Error);
  const Record empty{samples::bare(samples::text_of("a", {"a"}), samples::text_of("b", {"b"}))};
  EXPECT_THROW(heatmap_scene(empty), Error);
}

TEST(Scene, MeanIsNamedAndItsHeadsRangeGiven) {
  const Record record = samples::transformer();
  const Scene scene = heatmap_scene(record);
  EXPECT_TRUE(has(all_notes(scene), "The mean over 8 heads is an average"));
  const auto& map = record.find_map("decoder.cross", 1);
  const Matrix mean = record.mean_map(map);
  double largest = 0;
  for (std::uint32_t h = 0; h < 8; ++h) {
    const Matrix one = record.map(map, h);
    for (std::size_t i = 0; i < one.values.size(); ++i) largest = std::max(largest, std::abs(double{one.values[i]} - mean.values[i]));
  }
  char wanted[16];
  std::snprintf(wanted, sizeof wanted, "%.2f", largest);
  EXPECT_TRUE(has(all_notes(scene), std::string("by up to ") + wanted));
  HeatmapOptions one;
  one.head = 2;
  EXPECT_FALSE(has(all_notes(heatmap_scene(record, one)), "average:"));
}

TEST(Scene, WarningStaysWhenQuiet) {
  HeatmapOptions options;
  options.scale = ScaleKind::kRow;
  options.quiet = true;
  const Scene scene = heatmap_scene(samples::transformer(), options);
  ASSERT_EQ(scene.notes.size(), 1u);
  EXPECT_TRUE(scene.notes[0].pinned);
  EXPECT_TRUE(has(scene.notes[0].text, "not why the model answered"));
}

TEST(Scene, HiddenSpecialsAreRenormalisedAndCounted) {
  const Record record = samples::sentence();
  HeatmapOptions options;
  options.hide_specials = true;
  const Scene all = heatmap_scene(record), some = heatmap_scene(record, options);
  EXPECT_EQ(some.rows(), all.rows() - 1);
  EXPECT_EQ(some.cols(), all.cols() - 1);
  double removed = 0;
  for (std::size_t r = 0; r < some.rows(); ++r) {
    double sum = 0;
    for (std::size_t c = 0; c < some.cols(); ++c) sum += some.panels[0].weights[r * some.cols() + c];
    EXPECT_NEAR(sum, 1, 1e-5);
    const float hidden = all.panels[0].weights[r * all.cols() + all.cols() - 1];
    removed += hidden;
    EXPECT_NEAR(some.panels[0].weights[r * some.cols()] * (1 - hidden), all.panels[0].weights[r * all.cols()], 1e-5);
  }
  char wanted[64];
  std::snprintf(wanted, sizeof wanted, "%.1f %% of the mass is removed, the rest renormalised",
                100 * removed / static_cast<double>(some.rows()));
  EXPECT_TRUE(has(all_notes(some), wanted)) << all_notes(some) << wanted;
  for (const auto& piece : some.pieces) EXPECT_FALSE(piece.special);
}

TEST(Scene, ScalesAndTheirNotes) {
  EXPECT_FLOAT_EQ(scale_value(ScaleKind::kLinear, 0.3F, 0.5F), 0.3F);
  EXPECT_FLOAT_EQ(scale_value(ScaleKind::kLinear, 1.7F, 1.7F), 1);
  EXPECT_FLOAT_EQ(scale_value(ScaleKind::kRow, 0.3F, 0.6F), 0.5F);
  EXPECT_FLOAT_EQ(scale_value(ScaleKind::kRow, 0, 0), 0);
  EXPECT_FLOAT_EQ(scale_value(ScaleKind::kLog, 1, 1), 1);
  EXPECT_FLOAT_EQ(scale_value(ScaleKind::kLog, 0.01F, 1), 0.5F);
  EXPECT_FLOAT_EQ(scale_value(ScaleKind::kLog, 1e-4F, 1), 0);
  EXPECT_FLOAT_EQ(scale_value(ScaleKind::kLog, 0, 1), 0);
  EXPECT_EQ(scale_from("log"), ScaleKind::kLog);
  EXPECT_THROW(scale_from("logarithmic"), Error);

  HeatmapOptions options;
  options.scale = ScaleKind::kRow;
  const Scene rows = heatmap_scene(samples::love(), options);
  EXPECT_TRUE(has(all_notes(rows), "rows are not comparable"));
  EXPECT_FLOAT_EQ(rows.panels[0].values[0], 1);
  options.scale = ScaleKind::kLog;
  const Scene log = heatmap_scene(samples::love(), options);
  EXPECT_TRUE(has(all_notes(log), "Logarithmic"));
  EXPECT_EQ(log.scale.low, "≤ 0.0001");
}

TEST(Scene, UnnormalisedWeightsAreDeclared) {
  RecordData data = samples::love().data();
  data.maps[0].kind = RowKind::kUnnormalised;
  data.maps[0].weights = {0.5F, 0.25F, 0, 2, 0.5F, 0.5F, 0.125F, 0, 0};
  const Scene scene = heatmap_scene(Record(std::move(data)));
  EXPECT_TRUE(has(all_notes(scene), "rows sum to 0.125 up to 3")) << all_notes(scene);
  EXPECT_TRUE(has(all_notes(scene), "1 weights above 1 are drawn as 1"));
  EXPECT_EQ(scene.panels[0].values[3], 1);
  EXPECT_EQ(scene.panels[0].weights[3], 2);
}

TEST(Scene, ForcedTargetsAreDeclared) {
  RecordData data = samples::love().data();
  EXPECT_FALSE(has(all_notes(heatmap_scene(Record(data))), "given"));
  data.forced = true;
  EXPECT_TRUE(has(all_notes(heatmap_scene(Record(data))), "The target was given"));
}

TEST(Scene, DecoderSelfHatchesTheFuture) {
  HeatmapOptions options;
  options.site = "decoder.self";
  const Scene scene = heatmap_scene(samples::transformer(), options);
  ASSERT_EQ(scene.cols(), scene.rows());
  EXPECT_EQ(scene.col_labels[0].text, "<s>");  // a step reads the token before its own
  EXPECT_EQ(scene.col_labels[1].text, scene.row_labels[0].text);
  for (std::size_t r = 0; r < scene.rows(); ++r) {
    for (std::size_t c = 0; c < scene.cols(); ++c) EXPECT_EQ(scene.panels[0].masked[r * scene.cols() + c], c > r);
  }
  EXPECT_TRUE(has(all_notes(scene), "hatched"));
  EXPECT_TRUE(heatmap_scene(samples::transformer()).panels[0].masked.empty());
}

TEST(Labels, SayWhatATokenOwns) {
  Text text{"你 a\x1b e\xcc\x81", {}};
  text.tokens = {{5, {0, 1}, 0, false},   {6, {1, 2}, 0, false},  {7, {2, 3}, 0, false},  {8, {3, 6}, 1, false}, {9, {7, 8}, 2, false},
                 {10, {8, 10}, 2, false}, {11, {6, 7}, 2, false}, {12, {6, 6}, 2, false}, {3, {10, 10}, 2, true}};
  const auto labels = token_labels(text);
  const char* wanted[] = {"你 1/3", "你 2/3", "你 3/3", "a␛", "e", "◌\xcc\x81", "␣", "∅", "</s>"};
  for (std::size_t i = 0; i < labels.size(); ++i) EXPECT_EQ(labels[i].text, wanted[i]) << i;
  EXPECT_TRUE(labels.back().special);
  text = {"你好", {{5, {0, 2}, 0, false}, {6, {2, 6}, 0, false}}};
  EXPECT_EQ(token_labels(text)[0].text, "你 1/2");
  EXPECT_EQ(token_labels(text)[1].text, "你好 2/2");
  text = {std::string(200, 'x'), {{5, {0, 200}, 0, false}}};
  EXPECT_EQ(display_width(token_labels(text)[0].text), 24);
}

TEST(Highlight, PiecesOfOneCharacterAddUp) {
  const Record record = samples::hostile();
  const Scene scene = highlight_scene(record);
  ASSERT_EQ(scene.lines.size(), scene.rows());
  EXPECT_EQ(scene.pieces[0].text, "你");
  EXPECT_EQ(scene.pieces[0].columns, (std::vector<std::uint32_t>{0, 1, 2}));
  const Matrix mean = record.mean_map(record.find_map("decoder.cross", 0));
  EXPECT_NEAR(scene.lines[0].weights[0], mean.at(0, 0) + mean.at(0, 1) + mean.at(0, 2), 1e-6);
  bool accent = false;
  for (const auto& piece : scene.pieces) accent = accent || (piece.text == "e\xcc\x81" && piece.columns.size() == 2);
  EXPECT_TRUE(accent) << "a letter and its accent are two tokens but one cluster";
  for (const auto& line : scene.lines) EXPECT_NEAR(std::accumulate(line.weights.begin(), line.weights.end(), 0.0), 1, 1e-5);
}

TEST(Highlight, TextIsWholeAndEachColumnOnce) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Record record = samples::random(seed);
    if (record.data().maps[0].target_columns) continue;
    const Scene scene = highlight_scene(record);
    std::string text;
    std::vector<int> seen(scene.cols());
    for (const auto& piece : scene.pieces) {
      if (!piece.special) text += piece.text;
      for (const auto c : piece.columns) ++seen[c];
    }
    while (text.size() > scene.source.size() && text.ends_with(' ')) text.pop_back();  // the space before </s>
    EXPECT_EQ(text, scene.source) << seed;
    for (const int count : seen) EXPECT_EQ(count, 1) << seed;
  }
}

TEST(Highlight, OneRowOnRequest) {
  HighlightOptions options;
  options.row = 1;
  const Scene scene = highlight_scene(samples::love(), options);
  ASSERT_EQ(scene.lines.size(), 1u);
  EXPECT_EQ(scene.row_labels[0].text, "爱");
  EXPECT_NEAR(scene.lines[0].weights[2], 0.8835, 5e-5);  // I, space, love
}

}  // namespace
}  // namespace attend
