// Beam search against greedy search, against trying everything, and against values worked out by hand.
#include "attend/search/penalties.h"
#include "search/table_model.h"

namespace attend::testing {
namespace {

// The word of highest score at each step.
Tokens greedy(const Scorer& scores, std::int64_t item, std::size_t length) {
  Tokens tokens;
  for (;;) {
    auto own = scores(item, tokens);
    std::fill_n(own.begin(), 3, kNever);
    const auto best = static_cast<std::int32_t>(std::max_element(own.begin(), own.end()) - own.begin());
    tokens.push_back(tokens.size() + 1 == length ? 3 : best);
    if (tokens.back() == 3) return tokens;
  }
}

TEST(BeamSearch, ABeamOfOneIsGreedy) {
  std::set<std::size_t> lengths;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Table table{.scores = drawn_scores(seed), .lengths = {3, 1, 2}};
    const auto found = search_table(table, plain_search(1, 1, 9));
    for (std::size_t i = 0; i < 3; ++i) {
      ASSERT_EQ(found[i].best.size(), 1U);
      EXPECT_EQ(found[i].best[0].tokens, greedy(table.scores, static_cast<std::int64_t>(i), 9));
      lengths.insert(found[i].best[0].tokens.size());
    }
  }
  EXPECT_GT(lengths.size(), 3U);  // else the comparison says little
}

// With room for every prefix the search must find what trying everything finds, in that order.
TEST(BeamSearch, AWideBeamIsExhaustive) {
  const auto every = all_sequences(4);
  ASSERT_EQ(every.size(), 40U);
  for (std::uint64_t seed = 0; seed < 5; ++seed)
    for (const double alpha : {0.0, 0.6, 2.0}) {
      const Table table{.scores = drawn_scores(seed), .lengths = {3, 5}};
      auto options = plain_search(81, 8, 4);
      options.length_penalty = alpha;
      const auto found = search_table(table, options);
      for (std::size_t i = 0; i < 2; ++i) {
        std::vector<std::pair<double, Tokens>> scored;
        for (const auto& text : every)
          scored.emplace_back(log_prob_of(table.scores, static_cast<std::int64_t>(i), text) / length_penalty(alpha, text.size()), text);
        std::sort(scored.begin(), scored.end(), std::greater<>());
        ASSERT_EQ(found[i].best.size(), 8U);
        for (std::size_t n = 0; n < 8; ++n) {
          EXPECT_EQ(found[i].best[n].tokens, scored[n].second) << "seed " << seed << ", item " << i << ", rank " << n;
          EXPECT_NEAR(found[i].best[n].score, scored[n].first, 1e-5);
        }
      }
    }
}

// </s> 0.4 at once; or a, after which everything goes on to b with 0.9 and ends with 0.9: 0.6 · 0.9 · 0.9 = 0.486. Two hypotheses find it,
// one does not.
TEST(BeamSearch, LooksFurtherThanGreedySearch) {
  const auto table = Table{.scores = by_last_token({{-1, logs({0, 0, 0, 0.34, 0.33, 0.33, 0})},
                                                    {4, logs({0, 0, 0, 0.05, 0, 0.05, 0.9})},
                                                    {5, logs({0, 0, 0, 0.1, 0.1, 0.1, 0.7})},
                                                    {6, logs({0, 0, 0, 1, 0, 0, 0})}})};
  EXPECT_EQ(search_table(table, plain_search(1, 1, 9))[0].best[0].tokens, (Tokens{3}));
  auto options = plain_search(3, 3, 9);
  options.length_penalty = 1;
  const auto best = search_table(table, options)[0].best;
  ASSERT_EQ(best.size(), 3U);
  EXPECT_EQ(best[0].tokens, (Tokens{4, 6, 3}));
  EXPECT_NEAR(best[0].log_prob, std::log(0.33 * 0.9), 1e-6);
  EXPECT_NEAR(best[0].score, std::log(0.33 * 0.9) / (8.0 / 6), 1e-6);
  EXPECT_EQ(best[1].tokens, (Tokens{3}));
  EXPECT_NEAR(best[1].score, std::log(0.34), 1e-6);
  EXPECT_EQ(best[2].tokens, (Tokens{5, 6, 3}));
}

// Two finished hypotheses are no reason to stop while a live one may still enter the list.
TEST(BeamSearch, GoesOnWhileALiveHypothesisMayStillWin) {
  const Table table{
      .scores = by_last_token(
          {{-1, logs({0, 0, 0, 0.1, 0.9, 0, 0})}, {4, logs({0, 0, 0, 0.1, 0, 0.9, 0})}, {5, logs({0, 0, 0, 0.99, 0.01, 0, 0})}})};
  const auto best = search_table(table, plain_search(2, 2, 9))[0].best;
  ASSERT_EQ(best.size(), 2U);
  EXPECT_EQ(best[0].tokens, (Tokens{4, 5, 3}));
  EXPECT_EQ(best[1].tokens, (Tokens{3}));
}

TEST(BeamSearch, TiesGoToTheLowerParentThenTheLowerToken) {
  const Table table{.scores = [](std::int64_t, const Tokens&) { return std::vector<float>(7, 0.0F); }};
  const auto found = search_table(table, plain_search(3, 3, 9)).at(0);
  const std::vector<Tokens> expected{{3}, {4, 3}, {4, 4, 3}};
  ASSERT_EQ(found.best.size(), 3U);
  for (std::size_t n = 0; n < 3; ++n) {
    EXPECT_EQ(found.best[n].tokens, expected[n]);
    EXPECT_NEAR(found.best[n].log_prob, -std::log(7.0) * static_cast<double>(n + 1), 1e-5);
  }
  const Tokens tokens{3, 4, 5, 3, 4, 5, 3, 4, 5}, parents{-1, -1, -1, 1, 1, 1, 4, 4, 4};
  ASSERT_EQ(found.nodes.size(), tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_EQ(found.nodes[i].token, tokens[i]) << i;
    EXPECT_EQ(found.nodes[i].parent, parents[i]) << i;
  }
}

TEST(BeamSearch, NBestIsDistinctAndSorted) {
  auto options = plain_search(6, 5, 7);
  options.length_penalty = 1;
  for (const auto& found : search_table({.lengths = {3, 2, 5}}, options)) {
    ASSERT_EQ(found.best.size(), 5U);
    std::set<Tokens> distinct;
    for (std::size_t n = 0; n < 5; ++n) {
      distinct.insert(found.best[n].tokens);
      EXPECT_EQ(found.best[n].tokens.back(), 3);
      EXPECT_EQ(std::count(found.best[n].tokens.begin(), found.best[n].tokens.end(), 3), 1);
      if (n > 0) {
        EXPECT_GE(found.best[n - 1].score, found.best[n].score);
      }
    }
    EXPECT_EQ(distinct.size(), 5U);
  }
}

// Finished items leave the batch, and the others find what they find alone.
TEST(BeamSearch, ABatchIsItsItems) {
  auto options = plain_search(3, 3, 0);
  options.max_length_ratio = 2;  // each item its own longest
  options.max_length_extra = 1;
  const Table table{.scores = favouring(drawn_scores(3), 3, -1), .lengths = {4, 1, 2, 6}};
  TableModel model(table);
  const auto together = search(model, options);
  EXPECT_EQ(model.rows_of_steps.front(), 4U);
  EXPECT_LT(model.rows_of_steps.back(), 4U * 3);
  for (std::int64_t i = 0; i < 4; ++i) {
    const auto scores = [&, i](std::int64_t, const Tokens& tokens) { return table.scores(i, tokens); };
    const auto alone = search_table({.scores = scores, .lengths = {table.lengths[static_cast<std::size_t>(i)]}}, options).at(0);
    const auto& item = together[static_cast<std::size_t>(i)];
    ASSERT_EQ(item.best.size(), alone.best.size());
    for (std::size_t n = 0; n < alone.best.size(); ++n) {
      EXPECT_EQ(item.best[n].tokens, alone.best[n].tokens) << "item " << i << ", rank " << n;
      EXPECT_EQ(item.best[n].log_prob, alone.best[n].log_prob);
    }
    EXPECT_EQ(item.nodes.size(), alone.nodes.size());
  }
}

TEST(BeamSearch, NothingToSearchForIsNothingFound) { EXPECT_TRUE(search_table({.lengths = {}}, plain_search(2, 1, 3)).empty()); }

TEST(BeamSearch, TakesSpecialIdsFromTheModel) {
  const SpecialIds own{.unknown = 7, .pad = 5, .begin = 1, .end = 0};
  Table table{.scores = drawn_scores(4, 2, 8), .special = own};
  auto options = plain_search(8, 8, 6);
  options.min_length = 4;
  std::set<std::int32_t> written;
  for (const bool unknown : {false, true}) {
    options.allow_unknown = unknown;
    table.scores = favouring(drawn_scores(4, 2, 8), 7, unknown ? 2 : 0);
    for (const auto& h : best_of_table(table, options)) {
      EXPECT_EQ(h.tokens.back(), 0);
      EXPECT_EQ(std::count(h.tokens.begin(), h.tokens.end(), 0), 1);
      EXPECT_EQ(std::count(h.tokens.begin(), h.tokens.end(), 5) + std::count(h.tokens.begin(), h.tokens.end(), 1), 0);
      if (!unknown) {
        EXPECT_EQ(std::count(h.tokens.begin(), h.tokens.end(), 7), 0);
      }
      written.insert(h.tokens.begin(), h.tokens.end());
    }
  }
  EXPECT_TRUE(written.contains(7));
  EXPECT_TRUE(written.contains(3) || written.contains(2));  // ids that are words here
}

// An infinite or missing score compares as best or as nothing; an empty line would be what is left.
TEST(BeamSearch, ScoresThatAreNoNumbersAreAnError) {
  for (const float bad : {INFINITY, NAN}) {
    const Table table{.scores = favouring(drawn_scores(1), 4, bad)};
    EXPECT_ERROR(search_table(table, plain_search(2, 1, 4)), kValue, "search: at step 0 the model gives scores that are not numbers");
  }
  const Table none{.scores = by_last_token({{-1, {0, 0, 0, kNever, kNever, kNever, kNever}}})};
  EXPECT_ERROR(search_table(none, plain_search(2, 1, 4)), kValue, "search: step 0 has no token of finite score");
}

TEST(BeamSearch, RefusesWhatCannotBe) {
  EXPECT_ERROR(search_table({}, plain_search(2, 3, 4)), kValue, "n_best must be at most the beam, got 3 and 2; raise the beam");
  auto options = plain_search(2, 1, 4);
  options.layer = "first";
  EXPECT_ERROR(search_table({}, options), kValue, "layer: expected last or a number from 0, got 'first'");
  options.layer = "7";
  options.coverage_penalty = 0.1;
  EXPECT_ERROR(search_table({}, options), kValue, "layer");
  options.layer = "last";
  const Table blind{.attends = false};
  EXPECT_ERROR(search_table(blind, options), kValue, "decode.coverage_penalty needs a model with attention to the source; set it to 0");
  options.coverage_penalty = 0;
  options.replace_unk = true;
  EXPECT_ERROR(search_table(blind, options), kValue, "decode.replace_unk needs a model with attention to the source; set it to false");
}

}  // namespace
}  // namespace attend::testing
