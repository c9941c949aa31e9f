#include "attend/draw/scene.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "attend/core/error.h"
#include "attend/draw/width.h"
#include "draw/labels.h"
#include "draw/samples.h"
#include "support/expect_error.h"
#include "support/sites.h"

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

TEST(Scene, ATitleHasTheTextsThatThereAre) {
  RecordData data = samples::love().data();
  data.mechanism = "none";  // of a model without cross-attention
  data.source.utf8.clear();
  data.source.tokens = {{3, {0, 0}, 0, true}};
  data.maps[0].site = sites::decoder_self(0);
  data.maps[0].weights = {1, 0, 0, 0.5F, 0.5F, 0, 0.25F, 0.25F, 0.5F};
  const Scene scene = heatmap_scene(Record(data));
  EXPECT_EQ(scene.title, "我爱你");
  EXPECT_EQ(scene.subtitle, "decoder.self, layer 0, head 0");
}

TEST(Scene, AClassIsNamedWithItsProbability) {
  RecordData data = samples::bare(samples::text_of("a dull film", {"a", "dull", "film"}), samples::text_of("good", {"good"}));
  data.task = "answer";
  data.options["right"] = "bad";
  data.maps.push_back({.site = sites::decoder_attention(), .heads = 1, .rows = 1, .cols = 3, .weights = {0.25F, 0.5F, 0.25F}});
  const std::string said = "Answer good with probability 0.90, right is bad. Row entropy";
  EXPECT_TRUE(heatmap_scene(Record(data)).caption.starts_with(said)) << heatmap_scene(Record(data)).caption;
  EXPECT_TRUE(highlight_scene(Record(data)).caption.starts_with(said));
  data.options["right"] = "good";
  EXPECT_TRUE(heatmap_scene(Record(data)).caption.starts_with("Answer good with probability 0.90. Row entropy"));
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
  const WeightMatrix mean = record.mean_map(map);
  double largest = 0;
  for (std::uint32_t h = 0; h < 8; ++h) {
    const WeightMatrix one = record.map(map, h);
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

TEST(Scene, CellsOfAPictureAreNamedByTheirPlace) {
  const Scene scene = heatmap_scene(samples::house());
  ASSERT_EQ(scene.cols(), 48u);
  EXPECT_EQ(scene.col_labels[0].text, "0,0");
  EXPECT_EQ(scene.col_labels[13].text, "1,5");
  EXPECT_EQ(scene.col_labels[47].text, "5,7");
  EXPECT_EQ(scene.row_labels[1].text, "red");
  const Scene text = highlight_scene(samples::house());
  ASSERT_EQ(text.pieces.size(), 95u);  // with spaces between
  EXPECT_EQ(text.pieces[26].text, "1,5");
  EXPECT_EQ(text.pieces[26].columns, std::vector<std::uint32_t>{13});

  RecordData data = samples::house().data();
  data.maps[0].rows = 48;
  data.maps[0].weights.assign(48 * 48, 1 / 48.0F);
  data.maps[0].site = sites::encoder_self(0);
  const Record patches(std::move(data));
  EXPECT_EQ(heatmap_scene(patches).row_labels[47].text, "5,7");
  EXPECT_EQ(usual_scene(patches).view, Scene::View::kHeatmap);
  EXPECT_EQ(image_scene(patches).across, 5u);
}

TEST(Scene, PicturesReachTheirLargestWeight) {
  const Record record = samples::house();
  const Scene scene = usual_scene(record);
  EXPECT_EQ(scene.view, Scene::View::kImage);
  EXPECT_EQ(scene.picture, record.data().picture);
  EXPECT_EQ(scene.title, "house.png → a red house under the sun");
  const auto& panel = scene.panels.at(0);
  EXPECT_EQ(panel.weights, record.mean_map(record.data().maps[0]).values);
  const float top = *std::max_element(panel.weights.begin(), panel.weights.end());
  EXPECT_EQ(scene.scale.top, top);
  EXPECT_EQ(scene.scale.high, "0.31");
  EXPECT_TRUE(has(scene.caption, "effective cells"));
  for (std::size_t i = 0; i < panel.weights.size(); ++i) EXPECT_FLOAT_EQ(panel.values[i], panel.weights[i] / top);

  SceneOptions options;
  options.scale = ScaleKind::kRow;
  EXPECT_EQ(image_scene(record, options).scale.top, 1);
  options.hide_specials = true;
  EXPECT_EQ(image_scene(record, options).rows(), 6u);  // </s> goes, no cell does
  EXPECT_EQ(image_scene(record, options).cols(), 48u);

  EXPECT_ERROR(image_scene(samples::love()), kValue, "draw: the record holds no picture");
  RecordData data = record.data();
  data.maps = {{sites::decoder_self(0), RowKind::kSparse, 1, 7, 7, std::vector<float>(49)}};
  EXPECT_ERROR(image_scene(Record(data)), kValue, "decoder.self layer 0 does not read the picture");
  EXPECT_EQ(usual_scene(Record(data)).view, Scene::View::kHeatmap);
}

TEST(Scene, HopsAreAListOfStatements) {
  const Record record = samples::story();
  const Scene scene = usual_scene(record);
  EXPECT_EQ(scene.view, Scene::View::kList);
  EXPECT_EQ(scene.title, "Where is the teapot?");
  EXPECT_EQ(scene.subtitle, "memory_hops, content attention, 3 hops");
  EXPECT_EQ(scene.target, "garden");
  ASSERT_EQ(scene.rows(), 7u);
  ASSERT_EQ(scene.cols(), 3u);
  EXPECT_EQ(scene.col_labels[2].text, "hop 3");
  EXPECT_EQ(scene.row_labels[0].text, "Hugo walked to the kitchen.");
  const bool faint[] = {false, true, false, true, false, false, true};
  for (std::size_t r = 0; r < 7; ++r) {
    EXPECT_EQ(scene.row_labels[r].faint, faint[r]) << r;
    for (std::size_t hop = 0; hop < 3; ++hop) EXPECT_EQ(scene.panels[0].weights[r * 3 + hop], record.data().maps[hop].weights[r]);
  }
  // exp(−(0.96 ln 0.96 + 2 · 0.01 ln 0.01 + 0.02 ln 0.02)), and so on.
  EXPECT_EQ(scene.caption,
            "Answer garden with probability 0.90. Effective statements (exp of entropy): 1.2 at hop 1, 2.2 at hop 2, 1.1 at hop 3.");
  SceneOptions options;
  options.layer = 1;
  const Scene second = list_scene(record, options);
  ASSERT_EQ(second.cols(), 1u);
  EXPECT_EQ(second.col_labels[0].text, "hop 2");
  EXPECT_FLOAT_EQ(second.panels[0].weights[5], 0.71F);
  options.scale = ScaleKind::kRow;
  EXPECT_FLOAT_EQ(list_scene(record, options).panels[0].values[2], 0.17F / 0.71F);
  EXPECT_EQ(heatmap_scene(record).view, Scene::View::kHeatmap);
}

TEST(Scene, ListsShowWhatOneAnswerRead) {
  EXPECT_ERROR(list_scene(samples::love()), kValue,
               "draw: a list shows what one answer read, but decoder.attention layer 0 has several rows");
  RecordData data = samples::story().data();
  for (auto& map : data.maps) {
    map.site.name = "pool";
    map.site.columns = ColumnAxis::kSource;
  }
  const Scene scene = list_scene(Record(data));
  EXPECT_EQ(scene.rows(), 8u);  // without hops there is no question
  EXPECT_TRUE(has(scene.title, "Hugo walked"));
  EXPECT_EQ(scene.subtitle, "memory_hops, content attention, pool, 3 layers");
  EXPECT_EQ(scene.col_labels[0].text, "layer 0");
  EXPECT_EQ(usual_scene(Record(data)).view, Scene::View::kHeatmap);
}

TEST(Scene, AListKeepsItsAnswerWhenSpecialsAreHidden) {
  auto data = samples::story().data();
  data.hypotheses[0].text.tokens[0].special = true;  // such an answer says: none of them
  data.hypotheses[0].text.tokens[0].span = {0, 0};
  const Record record(std::move(data));
  SceneOptions options;
  options.hide_specials = true;
  const Scene hidden = list_scene(record, options), shown = list_scene(record);
  EXPECT_EQ(hidden.rows(), shown.rows());
  EXPECT_EQ(hidden.panels[0].weights, shown.panels[0].weights);
}

TEST(Scene, MarksBeyondCountingAreCutShort) {
  std::string marks = "a";
  for (int i = 0; i < 20'000; ++i) marks += "\xcc\x88";
  const auto shown = visible_text(marks + " b");
  EXPECT_LT(shown.size(), 100U);
  EXPECT_TRUE(shown.starts_with("a\xcc\x88"));
  EXPECT_TRUE(shown.ends_with("… b"));
  EXPECT_EQ(visible_text("👨‍👩‍👧‍👦 e\xcc\x88\xcc\x81"), "👨‍👩‍👧‍👦 e\xcc\x88\xcc\x81");
  // A token a byte: a text that is all continuation bytes has no character that any of them could grow to.
  RecordText text;
  text.utf8 = std::string(20'000, '\x80');
  for (std::uint32_t i = 0; i < text.utf8.size(); ++i) text.tokens.push_back({5, {i, i + 1}, 0, false});
  std::size_t longest = 0;
  for (const auto& label : token_labels(text)) longest = std::max(longest, label.text.size());
  EXPECT_LT(longest, 100U);
}

TEST(Labels, SayWhatATokenOwns) {
  RecordText text{"你 a\x1b e\xcc\x81", {}};
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
  const WeightMatrix mean = record.mean_map(record.find_map("decoder.cross", 0));
  EXPECT_NEAR(scene.lines[0].weights[0], mean.at(0, 0) + mean.at(0, 1) + mean.at(0, 2), 1e-6);
  bool accent = false;
  for (const auto& piece : scene.pieces) accent = accent || (piece.text == "e\xcc\x81" && piece.columns.size() == 2);
  EXPECT_TRUE(accent) << "a letter and its accent are two tokens but one cluster";
  for (const auto& line : scene.lines) EXPECT_NEAR(std::accumulate(line.weights.begin(), line.weights.end(), 0.0), 1, 1e-5);
}

TEST(Highlight, TextIsWholeAndEachColumnOnce) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Record record = samples::random(seed);
    if (record.data().maps[0].site.columns == ColumnAxis::kStep) continue;
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
