#include "attend/draw/summary_scenes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "attend/draw/picture.h"
#include "attend/draw/terminal.h"
#include "draw/samples.h"
#include "support/expect_error.h"
#include "support/sites.h"

namespace attend {
namespace {

bool has(const Scene& scene, const std::string& part) {
  return std::any_of(scene.notes.begin(), scene.notes.end(), [&](const Note& n) { return n.text.find(part) != std::string::npos; });
}

// The sample of two long texts, its map as a summary whose finest blocks are single weights.
RecordData summarised(RecordData data) {
  const auto map = std::move(data.maps.at(0));
  data.maps.clear();
  MapSummary s;
  s.site = map.site, s.kind = map.kind;
  s.heads = map.heads, s.rows = map.rows, s.cols = map.cols;
  const StoredArray weights(Dtype::kF32, {map.heads, map.rows, map.cols}, map.weights);
  std::vector<float> entropy(std::size_t{map.heads} * map.rows);
  for (std::size_t r = 0; r < entropy.size(); ++r)
    for (std::size_t c = 0; c < map.cols; ++c) {
      const double w = map.weights[r * map.cols + c];
      if (w > 0) entropy[r] -= static_cast<float>(w * std::log(w));
    }
  s.entropy = StoredArray(Dtype::kF32, {map.heads, map.rows}, std::move(entropy));
  s.levels = pyramid({1, 1, weights, weights}, s.heads, s.rows, s.cols, 10);
  data.summaries.push_back(std::move(s));
  return data;
}

TEST(BlocksScene, ShowsTheLevelThatFits) {
  const auto full = samples::large();
  const Record record(summarised(full.data()));
  const auto* summary = choose_summary(record, {});
  ASSERT_NE(summary, nullptr);
  const auto whole = blocks_scene(record, *summary), expected = heatmap_scene(full);
  ASSERT_EQ(whole.rows(), expected.rows());
  ASSERT_EQ(whole.cols(), expected.cols());
  for (std::size_t i = 0; i < whole.panels[0].weights.size(); ++i)
    ASSERT_NEAR(whole.panels[0].weights[i], expected.panels[0].weights[i], 1e-6);
  EXPECT_EQ(whole.row_labels[3].text, expected.row_labels[3].text);
  for (std::size_t r = 0; r < whole.rows(); ++r) EXPECT_NEAR(*whole.panels[0].entropy[r], *expected.panels[0].entropy[r], 1e-4);
  EXPECT_FALSE(has(whole, "Each cell"));

  BlockOptions options;
  options.most_blocks = 50;
  const auto blocks = blocks_scene(record, *summary, options);
  EXPECT_EQ(blocks.rows(), (summary->rows + 3) / 4);
  EXPECT_EQ(blocks.cols(), (summary->cols + 3) / 4);
  EXPECT_EQ(blocks.row_labels[2].text, "8");
  EXPECT_TRUE(has(blocks, "Each cell is the mean of a block of 4 x 4 weights"));
  double sum = 0;
  for (std::size_t r = 4; r < 8; ++r)
    for (std::size_t c = 8; c < 12; ++c) sum += expected.panels[0].weights[r * expected.cols() + c];
  EXPECT_NEAR(blocks.panels[0].weights[blocks.cols() + 2], sum / 16, 1e-6);
  const auto& panel = blocks.panels[0];
  const auto largest = *std::max_element(panel.weights.begin(), panel.weights.end());
  EXPECT_EQ(blocks.scale.top, largest);  // the strongest colour is the largest cell, and the scale says what that is
  EXPECT_EQ(*std::max_element(panel.values.begin(), panel.values.end()), 1.0F);
  EXPECT_EQ(blocks.scale.of, "mean weight of a block");
  EXPECT_EQ(whole.scale.of, "weight");
  EXPECT_EQ(blocks.scale.high, fmt::format("{:.2g}", largest));

  options.maximum = true;
  const auto peaks = blocks_scene(record, *summary, options);
  EXPECT_TRUE(has(peaks, "Each cell is the largest of a block"));
  float peak = 0;
  for (std::size_t r = 4; r < 8; ++r)
    for (std::size_t c = 8; c < 12; ++c) peak = std::max(peak, expected.panels[0].weights[r * expected.cols() + c]);
  EXPECT_EQ(peaks.panels[0].weights[peaks.cols() + 2], peak);

  options.most_blocks = 2;  // fewer than the coarsest level has
  EXPECT_LE(blocks_scene(record, *summary, options).cols(), 10u);
  EXPECT_FALSE(draw_svg(blocks).empty());
  EXPECT_FALSE(draw_terminal(blocks, {}).empty());
}

TEST(BlocksScene, NamesTheAnswerAndNoMechanismWhereThereIsNone) {
  auto data = summarised(samples::large().data());
  data.task = "answer";
  data.mechanism = "none";
  const Record record(std::move(data));
  const auto scene = blocks_scene(record, *choose_summary(record, {}));
  EXPECT_TRUE(scene.caption.starts_with("Answer vnij")) << scene.caption;
  EXPECT_NE(scene.caption.find(" All rows: entropy "), std::string::npos) << scene.caption;
  EXPECT_TRUE(scene.subtitle.starts_with("decoder.attention, layer 0")) << scene.subtitle;
}

TEST(TileScene, ShowsItsTokensAndWeights) {
  const auto full = samples::large();
  const Record record(summarised(full.data()));
  const auto& summary = record.data().summaries[0];
  const auto whole = heatmap_scene(full);
  WeightMatrix weights{3, 2, {0.1F, 0, 0.2F, 0.05F, 0, 0}};
  const auto tile = tile_scene(record, summary, weights, 20, 30);
  EXPECT_EQ(tile.row_labels[1].text, whole.row_labels[21].text);
  EXPECT_EQ(tile.col_labels[0].text, whole.col_labels[30].text);
  EXPECT_EQ(tile.panels[0].weights, weights.values);
  EXPECT_EQ(tile.panels[0].values[2], 1.0F);
  EXPECT_TRUE(has(tile, "Rows 20 to 22 and columns 30 to 31"));
  EXPECT_NEAR(*tile.panels[0].entropy[0], *whole.panels[0].entropy[20], 1e-4);
  EXPECT_ERROR(tile_scene(record, summary, weights, summary.rows - 1, 0), kValue, "are not within");
}

// A decoder's attention to itself: blocks that lie in the future whole are hatched, those that the present cuts are not.
TEST(BlocksScene, HatchesTheFuture) {
  RecordData data;
  constexpr std::uint32_t kSteps = 9;
  Hypothesis only{.last_node = kSteps - 1, .text = {}, .log_prob = -1, .score = -1};
  only.text.utf8.assign(kSteps, 'x');
  for (std::uint32_t i = 0; i < kSteps; ++i) {
    data.nodes.push_back({static_cast<std::int32_t>(i) - 1, i, 0, 0, 0, NodeEnd::kLive});
    only.text.tokens.push_back({0, {i, i + 1}, i, false});
  }
  data.hypotheses.push_back(only);
  data.forced = true;
  MapSummary s;
  s.site = sites::decoder_self(0);
  s.heads = 1, s.rows = s.cols = kSteps;
  std::vector<float> weights(kSteps * kSteps);
  for (std::uint32_t t = 0; t < kSteps; ++t)
    for (std::uint32_t c = 0; c <= t; ++c) weights[t * kSteps + c] = 1.0F / static_cast<float>(t + 1);
  const StoredArray all(Dtype::kF32, {1, kSteps, kSteps}, weights);
  s.entropy = StoredArray(Dtype::kF32, {1, kSteps}, std::vector<float>(kSteps, 1));
  s.levels = pyramid({1, 1, all, all}, 1, kSteps, kSteps, 4);
  data.summaries.push_back(s);
  const Record record(data);
  BlockOptions options;
  options.most_blocks = 5;
  const auto scene = blocks_scene(record, record.data().summaries[0], options);
  ASSERT_EQ(scene.rows(), 5u);  // blocks of 2 x 2
  for (std::size_t r = 0; r < 5; ++r)
    for (std::size_t c = 0; c < 5; ++c) EXPECT_EQ(scene.panels[0].masked[r * 5 + c], c > r) << r << ", " << c;
}

TEST(ChooseSummary, FollowsTheRulesOfMaps) {
  auto data = summarised(samples::large().data());
  auto self = data.summaries[0];
  self.site.name = "decoder.other";
  self.site.role = SiteRole::kOther;
  self.site.layer = 3;
  data.summaries.insert(data.summaries.begin(), self);
  const Record record(data);
  const auto chosen = [&](const std::string& site, std::optional<std::int64_t> layer = {}) {
    SceneOptions o;
    o.site = site, o.layer = layer;
    return choose_summary(record, o);
  };
  EXPECT_EQ(chosen(""), &record.data().summaries[1]);  // the attention to the source
  EXPECT_EQ(chosen("decoder.other"), &record.data().summaries[0]);
  EXPECT_EQ(chosen("decoder.other", 3), &record.data().summaries[0]);
  EXPECT_ERROR(chosen("decoder.other", 2), kUnknownName, "decoder.other layer 3");
  EXPECT_EQ(choose_summary(samples::large(), {}), nullptr);
}

}  // namespace
}  // namespace attend
