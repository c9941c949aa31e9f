// A tree while it grows: what a snapshot holds, and that other threads may take one at any time.
#include "attend/search/growing_record.h"

#include <thread>

#include "search/table_model.h"

namespace attend::testing {
namespace {

Site step_site() { return {.name = "decoder.self", .columns = ColumnAxis::kStep, .role = SiteRole::kSelf}; }
Site source_site() { return {.name = "decoder.attention", .role = SiteRole::kSource}; }

KeptNode kept(std::int32_t parent, std::uint32_t step, std::int64_t row) { return {{parent, step, 4, -1.0F, -2.0F, NodeEnd::kLive}, row}; }

TEST(GrowingRecords, RowsBecomeMaps) {
  GrowingRecord record({.source = 2});
  const auto to_source = source_site(), to_steps = step_site();
  // Two rows of two heads over three columns, the last of which is padding: [1, H = 2, K = 2, 3].
  const float wide[] = {0.1F, 0.9F, 7, 0.2F, 0.8F, 7, 0.3F, 0.7F, 7, 0.4F, 0.6F, 7};
  const float first[] = {1, 1};  // [2, H = 1, 1, 1]
  SiteRows rows[] = {{&to_source, RowKind::kSparse, HeadRows::of_block(wide, 2, 2, 3)},
                     {&to_steps, RowKind::kSoftmax, HeadRows::of_block(first, 1, 1, 1)}};
  const float gate[] = {0.25F, 0.5F, 0.75F, 1.0F};  // [1, H = 2, K = 2]
  const ScalarRows scalars[] = {{"gate", HeadRows::of_block(gate, 2, 2, 1)}};
  const KeptNode one[] = {kept(-1, 0, 1), kept(-1, 0, 0)};
  record.add_step(one, {rows, scalars}, {});
  const float second[] = {0.5F, 0.5F, 0.125F, 0.875F};  // [2, H = 1, 1, 2]
  rows[1].weights = HeadRows::of_block(second, 1, 1, 2);
  const KeptNode two[] = {kept(0, 1, 1)};
  const std::int32_t pruned[] = {1};
  record.add_step(two, {rows, scalars}, pruned);

  const auto tree = record.snapshot();
  ASSERT_EQ(tree.nodes.size(), 3U);
  EXPECT_EQ(tree.nodes[1].end, NodeEnd::kPruned);
  EXPECT_EQ(tree.nodes[2].end, NodeEnd::kLive);
  ASSERT_EQ(tree.maps.size(), 2U);
  EXPECT_EQ(tree.maps[0].site, to_source);
  EXPECT_EQ(tree.maps[0].kind, RowKind::kSparse);
  EXPECT_EQ(tree.maps[0].cols, 2U);                                                           // its own, without the padding
  EXPECT_EQ(tree.maps[0].weights, (std::vector<float>{0.2F, 0.8F, 0.1F, 0.9F, 0.2F, 0.8F,     // head 0: rows 1, 0, 1
                                                      0.4F, 0.6F, 0.3F, 0.7F, 0.4F, 0.6F}));  // head 1
  EXPECT_EQ(tree.maps[1].cols, 2U);  // as wide as its longest row, zeros behind the shorter ones
  EXPECT_EQ(tree.maps[1].weights, (std::vector<float>{1, 0, 1, 0, 0.125F, 0.875F}));
  ASSERT_EQ(tree.scalars.size(), 2U);
  EXPECT_EQ(tree.scalars[0].name, "gate.0");
  EXPECT_EQ(tree.scalars[0].values, (std::vector<float>{0.5F, 0.25F, 0.5F}));
  EXPECT_EQ(tree.scalars[1].values, (std::vector<float>{1.0F, 0.75F, 1.0F}));

  EXPECT_FALSE(record.finished());
  const auto whole = record.release();
  EXPECT_EQ(whole.maps[0].weights, tree.maps[0].weights);
  EXPECT_EQ(whole.scalars[1].values, tree.scalars[1].values);
  EXPECT_TRUE(record.finished());
  EXPECT_EQ(record.size(), 0U);
}

// Heads or columns that are not what they were would be read from the wrong place.
TEST(GrowingRecords, RefuseRowsNarrowerThanTheItem) {
  GrowingRecord record({.source = 4});
  const auto to_source = source_site();
  const float narrow[] = {0.5F, 0.5F};
  const SiteRows rows[] = {{&to_source, RowKind::kSoftmax, HeadRows::of_block(narrow, 1, 1, 2)}};
  const KeptNode one[] = {kept(-1, 0, 0)};
  EXPECT_THROW(record.add_step(one, {rows, {}}, {}), std::logic_error);
}

// Every row of step t holds t + 1 in all its places, and a step keeps two nodes: a reader sees whole steps, whenever it looks.
TEST(GrowingRecords, AreFollowedFromOtherThreads) {
  constexpr std::uint32_t kSteps = 300;
  GrowingRecord record({.source = 3});
  const auto to_source = source_site();
  const auto follow = [&record] {
    std::size_t seen = 0, looks = 0;
    for (bool last = false; !last; ++looks) {
      last = record.finished();
      const auto tree = record.snapshot();
      EXPECT_GE(tree.nodes.size(), seen);
      EXPECT_EQ(tree.nodes.size() % 2, 0U);
      seen = tree.nodes.size();
      if (seen == 0) continue;
      ASSERT_EQ(tree.maps.size(), 1U);
      ASSERT_EQ(tree.maps[0].rows, seen);
      for (std::size_t i = 0; i < tree.maps[0].weights.size(); ++i)
        ASSERT_EQ(tree.maps[0].weights[i], static_cast<float>(tree.nodes[i / 3].step + 1));
      EXPECT_LE(record.size(), std::size_t{2} * kSteps);
    }
    EXPECT_EQ(seen, std::size_t{2} * kSteps);
    EXPECT_GT(looks, 0U);
  };
  std::thread a(follow), b(follow);
  for (std::uint32_t step = 0; step < kSteps; ++step) {
    const std::vector<float> weights(6, static_cast<float>(step + 1));  // [1, 1, K = 2, 3]
    const SiteRows rows[] = {{&to_source, RowKind::kSoftmax, HeadRows::of_block(weights.data(), 1, 2, 3)}};
    const auto parent = static_cast<std::int32_t>(2 * step);
    const KeptNode both[] = {kept(parent - 2, step, 0), kept(parent - 1, step, 1)};
    record.add_step(both, {rows, {}}, {});
  }
  record.finish();
  a.join();
  b.join();
}

TEST(ScalarNames, SayWhichLayerOrDraft) {
  auto site = source_site();
  EXPECT_EQ(scalar_name(site, "centre"), "centre");
  site.layers = SiteLayers::kStack;
  site.layer = 2;
  EXPECT_EQ(scalar_name(site, "centre"), "centre.2");
  EXPECT_EQ(scalar_name({.name = "decoder.draft", .role = SiteRole::kDraft}, "centre"), "draft.centre");
}

TEST(Widening, MovesAMapToItsPlaceInTheSource) {
  AttentionMap map{.site = source_site(), .heads = 2, .rows = 1, .cols = 2, .weights = {1, 2, 3, 4}};
  widen(map, 5, 0, 2);
  EXPECT_EQ(map.rows, 1U);
  EXPECT_EQ(map.weights, (std::vector<float>{0, 0, 1, 2, 0, 0, 0, 3, 4, 0}));
  AttentionMap square{.site = {.name = "encoder.self", .rows = RowAxis::kSource}, .heads = 1, .rows = 1, .cols = 1, .weights = {7}};
  widen(square, 3, 1, 2);
  EXPECT_EQ(square.rows, 3U);
  EXPECT_EQ(square.weights, (std::vector<float>{0, 0, 0, 0, 0, 7, 0, 0, 0}));
}

}  // namespace
}  // namespace attend::testing
