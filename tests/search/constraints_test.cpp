// Lengths, penalties and unknown words: what a search may write and how it ranks it.
#include "attend/search/penalties.h"
#include "search/table_model.h"

namespace attend::testing {
namespace {

TEST(SearchLimits, MaxLengthAlwaysEnds) {
  const Table table{.scores = favouring(drawn_scores(1), 3, -60), .lengths = {4, 2, 3}};
  for (const std::int64_t beam : {1, 3}) {
    auto options = plain_search(beam, 1, 2);
    options.max_length_ratio = 1.5;
    const auto found = search_table(table, options);
    for (std::size_t i = 0; i < 3; ++i) {
      const auto& best = found[i].best.at(0);
      EXPECT_EQ(best.tokens.size(), static_cast<std::size_t>(1.5 * static_cast<double>(table.lengths[i])) + 2);
      EXPECT_EQ(best.tokens.back(), 3);
      EXPECT_TRUE(best.cut);  // the model would have gone on
    }
    for (const auto& item : search_table(table, plain_search(beam, 1, 0))) EXPECT_EQ(item.best.at(0).tokens, (Tokens{3}));
  }
}

TEST(SearchLimits, AnEndAtTheLimitThatTheModelWantsIsNoCut) {
  const Table table{.scores = favouring(drawn_scores(1), 3, 60)};
  auto options = plain_search(2, 1, 2);
  options.min_length = 2;
  const auto best = search_table(table, options)[0].best.at(0);
  EXPECT_EQ(best.tokens.size(), 2U);
  EXPECT_FALSE(best.cut);
}

TEST(SearchLimits, MinLengthHoldsTheEndBack) {
  const Table table{.scores = favouring(drawn_scores(1), 3, 60), .lengths = {4, 2, 3}};
  for (const std::int64_t shortest : {1, 2, 4}) {
    auto options = plain_search(3, 1, 9);
    options.min_length = shortest;
    for (const auto& found : search_table(table, options)) EXPECT_EQ(found.best.at(0).tokens.size(), static_cast<std::size_t>(shortest));
  }
  auto options = plain_search(3, 1, 2);  // what is asked for goes beyond the limit
  options.min_length = 5;
  for (const auto& found : search_table(table, options)) EXPECT_EQ(found.best.at(0).tokens.size(), 5U);
}

// What is forbidden is passed over; what is left keeps the model's own probability.
TEST(SearchLimits, ConstraintsDoNotRenormalise) {
  const Table table{.scores = favouring(favouring(drawn_scores(2), 0, 3), 2, 3), .lengths = {4, 2}};
  auto options = plain_search(3, 3, 6);
  options.min_length = 3;
  for (const bool unknown : {false, true}) {
    options.allow_unknown = unknown;
    const auto found = search_table(table, options);
    bool seen_unknown = false;
    for (std::size_t i = 0; i < 2; ++i)
      for (const auto& h : found[i].best) {
        EXPECT_NEAR(h.log_prob, log_prob_of(table.scores, static_cast<std::int64_t>(i), h.tokens), 1e-5);
        double sum = 0;
        for (const float p : h.log_probs) sum += p;
        EXPECT_NEAR(h.log_prob, sum, 1e-5);
        ASSERT_EQ(h.log_probs.size(), h.tokens.size());
        for (const auto token : h.tokens) {
          EXPECT_TRUE(token != 1 && token != 2);
          seen_unknown = seen_unknown || token == 0;
        }
      }
    EXPECT_EQ(seen_unknown, unknown);
  }
}

TEST(SearchPenalties, ALongerPenaltyNeverPrefersShorter) {
  std::size_t before = 0;
  for (const double alpha : {0.0, 1.0, 4.0, 10.0}) {
    auto options = plain_search(81, 1, 4);  // exhaustive
    options.length_penalty = alpha;
    std::size_t length = 0;
    for (const auto& found : search_table({.scores = favouring(drawn_scores(1), 3, 2), .lengths = {4, 2, 3, 4}}, options))
      length += found.best.at(0).tokens.size();
    EXPECT_GE(length, before) << alpha;
    before = length;
  }
  EXPECT_GT(before, 4U);
}

// Two source tokens. Heads look 0.7/0.3 and 0.9/0.1 at them while "4" is written, 0.1/0.9 both while </s> is: the means are 0.8/0.2 and
// 0.1/0.9, so C = (0.9, 1.1) and cp = β ln 0.9.
Table hand_table() {
  Table table{.scores = by_last_token({{-1, logs({0, 0, 0, 0.25, 0.75, 0, 0})}, {4, logs({0, 0, 0, 1, 0, 0, 0})}}), .lengths = {2}};
  table.energy = [](std::int64_t, const Tokens& tokens, std::uint64_t site, std::int64_t head, std::int64_t column) {
    if (site == 0) return column == 0 ? 0.0F : -9.0F;  // the first layer looks elsewhere, and does not count
    const double first = !tokens.empty() ? 0.1 : head == 0 ? 0.7 : 0.9;
    return static_cast<float>(std::log(column == 0 ? first : 1 - first));
  };
  return table;
}

TEST(SearchPenalties, CoverageByHand) {
  auto options = plain_search(2, 2, 4);
  options.length_penalty = 1;
  options.coverage_penalty = 0.5;
  const auto best = search_table(hand_table(), options)[0].best;
  ASSERT_EQ(best.size(), 2U);
  EXPECT_EQ(best[0].tokens, (Tokens{4, 3}));
  EXPECT_NEAR(best[0].score, std::log(0.75) / (7.0 / 6) + 0.5 * std::log(0.9), 1e-6);
  EXPECT_EQ(best[1].tokens, (Tokens{3}));
  EXPECT_NEAR(best[1].score, std::log(0.25) + 0.5 * (std::log(0.8) + std::log(0.2)), 1e-6);
  options.layer = "0";  // all of it looks at the first token, in both rows
  const double second = 2 * std::exp(-9.0) / (1 + std::exp(-9.0));
  EXPECT_NEAR(search_table(hand_table(), options)[0].best[0].score, std::log(0.75) / (7.0 / 6) + 0.5 * std::log(second), 1e-4);
}

// The search asks for the rows that it reads, and for nothing more.
TEST(SearchPenalties, AskForOneSiteOnly) {
  auto options = plain_search(2, 1, 4);
  const auto shown = [&](const SearchControl& control) {
    TableModel model(hand_table());
    search(model, options, control);
    return model.plan().shown;
  };
  EXPECT_TRUE(shown({}).empty());
  EXPECT_EQ(shown({.record = true}), table_sites());
  options.coverage_penalty = 0.5;
  EXPECT_EQ(shown({}), (std::vector<Site>{table_sites()[1]}));
  options.layer = "0";
  EXPECT_EQ(shown({}), (std::vector<Site>{table_sites()[0]}));
  options.coverage_penalty = 0;
  options.replace_unk = true;
  EXPECT_EQ(shown({}), (std::vector<Site>{table_sites()[0]}));
}

// Each <unk> stands for the word that its own row looks at most, mean over heads of the last layer; the source's </s> is no word.
TEST(UnknownWords, StandForTheWordTheyLookAt) {
  Table table{.scores = favouring(drawn_scores(6), 0, 1), .lengths = {5}, .source_end = true};
  table.energy = [](std::int64_t item, const Tokens& tokens, std::uint64_t site, std::int64_t head, std::int64_t column) {
    return column == 4 ? 5.0F : drawn_number(77 + site, item, tokens, static_cast<std::uint64_t>(head * 100 + column), 2);
  };
  auto options = plain_search(4, 4, 5);
  options.min_length = 4;
  options.replace_unk = true;
  std::set<std::int32_t> looked;
  for (const auto& h : best_of_table(table, options)) {
    ASSERT_EQ(h.sources.size(), h.tokens.size());
    for (std::size_t t = 0; t < h.tokens.size(); ++t) {
      if (h.tokens[t] != 0) {
        EXPECT_EQ(h.sources[t], -1);
        continue;
      }
      const Tokens before(h.tokens.begin(), h.tokens.begin() + static_cast<std::ptrdiff_t>(t));
      const auto first = table_weights(table, 0, before, 1, 0, 5), second = table_weights(table, 0, before, 1, 1, 5);
      std::int32_t most = 0;
      for (std::int32_t s = 1; s < 4; ++s)
        if (first[static_cast<std::size_t>(s)] + second[static_cast<std::size_t>(s)] >
            first[static_cast<std::size_t>(most)] + second[static_cast<std::size_t>(most)])
          most = s;
      EXPECT_EQ(h.sources[t], most);
      looked.insert(most);
    }
  }
  EXPECT_GT(looked.size(), 1U);
  options.replace_unk = false;
  for (const auto& h : best_of_table(table, options)) EXPECT_TRUE(h.sources.empty());
}

}  // namespace
}  // namespace attend::testing
