// Reading a draft again: rounds, and where they end.
#include "search/table_model.h"

namespace attend::testing {
namespace {

// Says `text`, each token with probability p.
Scorer says(Tokens text, double p) {
  return [text = std::move(text), p](std::int64_t, const Tokens& tokens) {
    std::vector<double> shares(7, (1 - p) / 6);
    shares[static_cast<std::size_t>(tokens.size() < text.size() ? text[tokens.size()] : 3)] = p;
    return logs(shares);
  };
}
// Of a draft's first token: 4 -> "5", which -> "6", which repeats.
Table chain(double of_six) {
  Table table{.scores = says({4, 3}, 0.8), .lengths = {2}};
  table.second = [of_six](const Tokens& draft) {
    if (draft[0] == 4) return says({5, 3}, 0.8);
    if (draft[0] == 5) return says({6, 3}, of_six);
    return says({6, 3}, 0.9);
  };
  return table;
}
std::vector<SearchResult> in_rounds(const Table& table, std::int64_t rounds, const SearchControl& control = {}) {
  TableModel model(table);
  auto o = plain_search(2, 1, 4);
  o.rounds = rounds;
  return search_in_rounds(model, o, control);
}

TEST(Rounds, ReadWhatWasWrittenAgain) {
  EXPECT_EQ(in_rounds(chain(0.85), 0)[0].best[0].tokens, (Tokens{4, 3}));
  EXPECT_TRUE(in_rounds(chain(0.85), 0)[0].draft.empty());
  const auto once = in_rounds(chain(0.85), 1)[0];
  EXPECT_EQ(once.best[0].tokens, (Tokens{5, 3}));
  EXPECT_EQ(once.draft, (Tokens{4, 3}));
  EXPECT_EQ(in_rounds(chain(0.85), 2)[0].best[0].tokens, (Tokens{6, 3}));
  const auto last = in_rounds(chain(0.85), 50)[0];  // ends at the third, whose text repeats
  EXPECT_EQ(last.best[0].tokens, (Tokens{6, 3}));
  EXPECT_EQ(last.draft, (Tokens{6, 3}));
  EXPECT_NEAR(last.best[0].log_prob, 2 * std::log(0.9), 1e-5);
}

TEST(Rounds, EndWhereTheProbabilityFalls) {
  EXPECT_EQ(in_rounds(chain(0.7), 50)[0].best[0].tokens, (Tokens{5, 3}));
  EXPECT_EQ(in_rounds(chain(0.7), 50)[0].draft, (Tokens{4, 3}));
}

TEST(Rounds, OfABatchAreThoseOfItsItems) {
  Table table{.scores = drawn_scores(8), .lengths = {2, 3, 1, 4}};
  table.second = [](const Tokens& draft) {
    std::uint64_t seed = 0;
    for (const auto token : draft) seed = seed * 7 + static_cast<std::uint64_t>(token);
    return drawn_scores(seed);
  };
  const auto together = in_rounds(table, 4);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto number = static_cast<std::int64_t>(i);
    Table one{.scores = [&, number](std::int64_t, const Tokens& t) { return table.scores(number, t); }, .lengths = {table.lengths[i]}};
    one.second = [&, number](const Tokens& draft) -> Scorer {
      return [scores = table.second(draft), number](std::int64_t, const Tokens& t) { return scores(number, t); };
    };
    const auto alone = in_rounds(one, 4)[0];
    EXPECT_EQ(together[i].best[0].tokens, alone.best[0].tokens) << i;
    EXPECT_EQ(together[i].draft, alone.draft) << i;
  }
}

TEST(Rounds, TellWhichPassAndItemAStepIsOf) {
  Table table{.scores = says({4, 3}, 0.8), .lengths = {2, 2}};
  const auto first = table.scores;
  table.scores = [first](std::int64_t item, const Tokens& t) { return item == 0 ? says({6, 3}, 0.8)(0, t) : first(1, t); };
  table.second = chain(0.85).second;
  std::vector<std::pair<std::int64_t, std::int64_t>> told;  // pass and item of first steps
  in_rounds(table, 2, {.on_step = [&](const StepEvent& event) {
              if (event.step == 0) told.emplace_back(event.pass, event.item);
              return AfterStep::kGoOn;
            }});
  EXPECT_EQ(told, (std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 1}}));  // item 0 repeats at once
}

TEST(Rounds, OtherModelsSearchOnce) {
  const auto o = plain_search(2, 1, 4);
  TableModel model({});
  EXPECT_EQ(search_in_rounds(model, o)[0].best[0].tokens, search_table({}, o)[0].best[0].tokens);
  EXPECT_ERROR(revise(TableModel({}), std::vector<Tokens>{{3}}, o), kValue, "no second pass");
  EXPECT_ERROR(revise(TableModel(chain(0.8)), std::vector<Tokens>{{3}, {3}}, o), kValue, "revise: 1 sources, 2 drafts");
}

}  // namespace
}  // namespace attend::testing
