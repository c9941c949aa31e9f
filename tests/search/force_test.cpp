// Forced decoding, in one pass and step by step.
#include "search/table_model.h"

namespace attend::testing {
namespace {

class Forced : public ::testing::TestWithParam<bool> {};

TEST_P(Forced, LogProbabilitiesAreTheModels) {
  const Table table{.lengths = {3, 2, 4}, .at_once = GetParam()};
  const std::vector<Tokens> targets{{4, 5, 3}, {3}, {6, 0, 4, 5, 3}};
  const auto found = force_table(table, targets);
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(found[i].best.size(), 1U);
    const auto& forced = found[i].best[0];
    EXPECT_EQ(forced.tokens, targets[i]);
    EXPECT_NEAR(forced.log_prob, log_prob_of(table.scores, static_cast<std::int64_t>(i), targets[i]), 1e-5);
    EXPECT_EQ(forced.score, forced.log_prob);
    EXPECT_EQ(text_to(found[i].nodes, forced.last_node), targets[i]);
    EXPECT_EQ(found[i].nodes.back().end, NodeEnd::kFinished);
    EXPECT_TRUE(found[i].maps.empty());
  }
}

TEST_P(Forced, WhatASearchFoundHasTheSameNumbersAgain) {
  const Table table{.lengths = {3, 2}, .at_once = GetParam()};
  const auto searched = search_table(table, plain_search(4, 4, 6), {.record = true});
  for (std::size_t n = 0; n < 4; ++n) {
    const auto forced = force_table(table, {searched[0].best[n].tokens, searched[1].best[n].tokens}, {.record = true});
    for (std::size_t i = 0; i < 2; ++i) {
      const auto& h = searched[i].best[n];
      EXPECT_NEAR(forced[i].best[0].log_prob, h.log_prob, 1e-5);
      ASSERT_EQ(forced[i].maps.size(), searched[i].maps.size());
      std::vector<std::size_t> path;
      for (auto node = h.last_node; node >= 0; node = searched[i].nodes[static_cast<std::size_t>(node)].parent)
        path.insert(path.begin(), static_cast<std::size_t>(node));
      for (std::size_t k = 1; k < forced[i].maps.size(); ++k) {
        const auto &got = forced[i].maps[k], &expected = searched[i].maps[k];
        EXPECT_EQ(got.site, expected.site);
        ASSERT_EQ(got.rows, path.size());
        for (std::size_t head = 0; head < got.heads; ++head)
          for (std::size_t r = 0; r < got.rows; ++r)
            for (std::size_t c = 0; c < got.cols; ++c)
              ASSERT_EQ(got.weights[(head * got.rows + r) * got.cols + c],
                        expected.weights[(head * expected.rows + path[r]) * expected.cols + c])
                  << got.site.name;
      }
      for (std::size_t r = 0; r < path.size(); ++r) EXPECT_EQ(forced[i].scalars[0].values[r], searched[i].scalars[0].values[path[r]]);
    }
  }
}

TEST_P(Forced, RefusesWhatCannotBe) {
  const Table table{.lengths = {3, 2}, .at_once = GetParam()};
  EXPECT_ERROR(force_table(table, {{3}}), kValue, "score: 2 sources and 1 targets");
  EXPECT_ERROR(force_table(table, {{3}, {}}), kValue, "score: a target is empty");
  auto bad = table;
  bad.scores = favouring(table.scores, 4, NAN);
  EXPECT_ERROR(force_table(bad, {{3}, {4, 3}}), kValue, "score: at step 0 the model gives scores that are not numbers");
}

INSTANTIATE_TEST_SUITE_P(Ways, Forced, ::testing::Bool(), [](const auto& instance) { return instance.param ? "at_once" : "by_steps"; });

TEST(Forcing, LeavesFinishedTargetsOut) {
  TableModel model({.lengths = {3, 2, 4}});
  force(model, std::vector<Tokens>{{4, 3}, {3}, {4, 5, 6, 3}});
  EXPECT_EQ(model.rows_of_steps, (std::vector<std::size_t>{3, 2, 1, 1}));
  EXPECT_ERROR(force_table({}, {{9, 3}}), kValue, "token 9 is not in the vocabulary of 7");
}

}  // namespace
}  // namespace attend::testing
