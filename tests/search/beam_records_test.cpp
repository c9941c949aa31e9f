// The tree that a search leaves behind: what became of every node, and the row of a node is the attention of the step that produced it.
#include "search/table_model.h"

namespace attend::testing {
namespace {

Tokens without_last(Tokens tokens) {
  tokens.pop_back();
  return tokens;
}

// Every row of every map and scalar is that of the node's own text.
void expect_own_rows(const SearchResult& found, const Table& table, std::int64_t item, const Tokens& draft = {}) {
  const auto source = table.lengths[static_cast<std::size_t>(item)];
  ASSERT_EQ(found.maps.size(), draft.empty() ? 4U : 5U);
  EXPECT_EQ(found.maps[0].site.name, "encoder.self");
  for (const auto& map : found.maps) {
    const auto site = static_cast<std::uint64_t>(std::find(table_sites().begin(), table_sites().end(), map.site) - table_sites().begin());
    const auto rows = site == 4 ? static_cast<std::size_t>(source) : found.nodes.size();
    ASSERT_EQ(map.rows, rows);
    for (std::size_t r = 0; r < rows; ++r) {
      const auto before =
          site == 4 ? Tokens{static_cast<std::int32_t>(r)} : without_last(text_to(found.nodes, static_cast<std::int32_t>(r)));
      const auto own = site == 3   ? static_cast<std::int64_t>(before.size()) + 1
                       : site == 2 ? static_cast<std::int64_t>(draft.size())
                                   : source;
      for (std::size_t h = 0; h < map.heads; ++h) {
        const auto expected = table_weights(table, item, before, site, static_cast<std::int64_t>(h), own);
        for (std::size_t c = 0; c < map.cols; ++c)
          ASSERT_EQ(map.weights[(h * map.rows + r) * map.cols + c], c < expected.size() ? expected[c] : 0) << map.site.name << " row " << r;
      }
    }
  }
  ASSERT_EQ(found.scalars.size(), 1U);
  EXPECT_EQ(found.scalars[0].name, "gate");
  ASSERT_EQ(found.scalars[0].values.size(), found.nodes.size());
  for (std::size_t i = 0; i < found.nodes.size(); ++i)
    EXPECT_EQ(found.scalars[0].values[i], table_gate(item, without_last(text_to(found.nodes, static_cast<std::int32_t>(i)))));
}

TEST(BeamRecords, RowsBelongToTheRightParent) {
  const Table table{.lengths = {3, 5, 1}};
  auto options = plain_search(4, 2, 2);
  options.max_length_ratio = 1;
  const auto found = search_table(table, options, {.record = true});
  bool crossed = false;  // some hypothesis must have changed its row on the way, or following parents is not tested
  for (std::size_t i = 0; i < 3; ++i) {
    expect_own_rows(found[i], table, static_cast<std::int64_t>(i));
    for (std::size_t n = 1; n < found[i].nodes.size(); ++n)
      crossed =
          crossed || (found[i].nodes[n].step == found[i].nodes[n - 1].step && found[i].nodes[n].parent < found[i].nodes[n - 1].parent);
  }
  EXPECT_TRUE(crossed);
}

TEST(BeamRecords, AreMadeOnlyWhenAskedFor) {
  const auto found = search_table({}, plain_search(3, 1, 4))[0];
  EXPECT_FALSE(found.nodes.empty());
  EXPECT_TRUE(found.maps.empty());
  EXPECT_TRUE(found.scalars.empty());
}

TEST(BeamRecords, TheTreeSaysWhatBecameOfEveryNode) {
  std::size_t pruned = 0;
  for (const auto& found : search_table({.lengths = {3, 2, 4}}, plain_search(4, 2, 6))) {
    std::vector<bool> continued(found.nodes.size(), false);
    for (std::size_t i = 0; i < found.nodes.size(); ++i) {
      const auto& node = found.nodes[i];
      const auto* parent = node.parent >= 0 ? &found.nodes[static_cast<std::size_t>(node.parent)] : nullptr;
      EXPECT_EQ(node.step, parent ? parent->step + 1 : 0);
      EXPECT_NEAR(node.score, (parent ? parent->score : 0) + node.logp, 1e-4);
      if (parent) continued[static_cast<std::size_t>(node.parent)] = true;
    }
    for (std::size_t i = 0; i < found.nodes.size(); ++i) {
      const auto& node = found.nodes[i];
      const auto expected = node.token == 3 ? NodeEnd::kFinished : continued[i] ? NodeEnd::kLive : NodeEnd::kPruned;
      EXPECT_EQ(static_cast<int>(node.end), static_cast<int>(expected)) << i;
      pruned += expected == NodeEnd::kPruned ? 1 : 0;
    }
    for (const auto& h : found.best) {
      EXPECT_EQ(found.nodes.at(static_cast<std::size_t>(h.last_node)).token, 3);
      EXPECT_EQ(text_to(found.nodes, h.last_node), h.tokens);
    }
  }
  EXPECT_GT(pruned, 0U);
}

// A tree with its texts is a record that keeps every invariant of records.
TEST(BeamRecords, AreRecords) {
  const auto found = search_table({.lengths = {3}}, plain_search(4, 2, 6), {.record = true})[0];
  RecordData data;
  data.source.utf8 = "abc";
  for (std::uint32_t i = 0; i < 3; ++i) data.source.tokens.push_back({.id = 4, .span = {i, i + 1}, .word = 0});
  data.nodes = found.nodes;
  data.maps = found.maps;
  data.scalars = found.scalars;
  for (const auto& best : found.best) {
    Hypothesis h{.last_node = best.last_node, .log_prob = best.log_prob, .score = best.score};
    for (const auto token : best.tokens) h.text.tokens.push_back({.id = token});
    data.hypotheses.push_back(h);
  }
  const Record record(data);
  EXPECT_EQ(record.source_map()->site, table_sites()[1]);
}

TEST(BeamRecords, OfASecondPassShowItsDraft) {
  Table table{.lengths = {3, 2}};
  table.second = [](const Tokens& draft) { return drawn_scores(40 + draft.size()); };
  const TableModel model(table);
  const std::vector<Tokens> drafts{{4, 5, 6, 3}, {5, 3}};
  const auto found = revise(model, drafts, plain_search(3, 1, 4), {.record = true});
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(found[i].draft, drafts[i]);
    expect_own_rows(found[i], table, static_cast<std::int64_t>(i), drafts[i]);
  }
}

}  // namespace
}  // namespace attend::testing
