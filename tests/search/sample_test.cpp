// Drawing from a model: what may be drawn, and that the draws are what the probabilities say.
#include "attend/search/sample.h"

#include "search/table_model.h"

namespace attend::testing {
namespace {

Tokens ids(const std::vector<std::pair<std::int32_t, double>>& choices) {
  Tokens all;
  for (const auto& [id, p] : choices) all.push_back(id);
  return all;
}
std::vector<SearchResult> sample_table(const Table& table, const Prompts& prompts, const SampleOptions& options,
                                       const SearchControl& control = {}) {
  TableModel model(table);
  return sample(model, prompts, options, control);
}

const float kScores[] = {0, 2, 1, 2, kNever};  // e^2 = 7.389, e = 2.718

TEST(Candidates, AllOfThemBestFirst) {
  const auto all = candidates(kScores, {});
  EXPECT_EQ(ids(all), (Tokens{1, 3, 2, 0}));  // ties: lower id; −inf never
  const double sum = 1 + 2 * std::exp(2.0) + std::exp(1.0);
  EXPECT_NEAR(all[0].second, std::exp(2.0) / sum, 1e-12);
  EXPECT_NEAR(all[3].second, 1 / sum, 1e-12);
}

TEST(Candidates, TemperatureTopKAndTopP) {
  SampleOptions o;
  o.top_k = 2;
  EXPECT_EQ(ids(candidates(kScores, o)), (Tokens{1, 3}));
  EXPECT_NEAR(candidates(kScores, o)[0].second, 0.5, 1e-12);
  o.top_k = 0;
  o.top_p = 0.41;  // the first has 0.3995: the second crosses and is in
  EXPECT_EQ(ids(candidates(kScores, o)), (Tokens{1, 3}));
  o.top_p = 0;
  EXPECT_EQ(ids(candidates(kScores, o)), (Tokens{1}));
  o.top_p = 1;
  o.temperature = 0;
  EXPECT_EQ(ids(candidates(kScores, o)), (Tokens{1}));
  o.temperature = 2;
  const double sum = 1 + 2 * std::exp(1.0) + std::exp(0.5);
  EXPECT_NEAR(candidates(kScores, o)[2].second, std::exp(0.5) / sum, 1e-12);
  const float none[] = {kNever, kNever};
  EXPECT_ERROR(candidates(none, o), kValue, "sample: no token may follow");
}

// LLaMA's vocabulary pads with </s>, GPT-2's begins with it too: both still end their texts by it.
TEST(Sample, AnEndThatIsAlsoPaddingEndsATextAllTheSame) {
  for (const auto& special :
       {SpecialIds{.unknown = 0, .pad = 2, .begin = 1, .end = 2}, SpecialIds{.unknown = 1, .pad = 0, .begin = 0, .end = 0}}) {
    const Table table{.scores = favouring(drawn_scores(1), special.end, 9), .special = special};
    SampleOptions o;
    o.max_tokens = 5;
    const auto drawn = sample_table(table, {{{}}}, o)[0].best[0].tokens;
    EXPECT_EQ(drawn, Tokens{special.end});
    EXPECT_EQ(search_table(table, plain_search(1, 1, 8))[0].best[0].tokens, drawn);
  }
}

TEST(Sample, TheBestTokenIsGreedySearch) {
  const Table table{.lengths = {3, 2}};
  const auto searched = search_table(table, plain_search(1, 1, 8), {.record = true});
  SampleOptions best, first, none;
  best.max_tokens = first.max_tokens = none.max_tokens = 7;
  best.temperature = 0;
  first.top_k = 1;
  none.top_p = 0;
  for (const auto& o : {best, first, none}) {
    const auto drawn = sample_table(table, {{{}, {}}}, o, {.record = true});
    for (std::size_t i = 0; i < 2; ++i) {
      auto expected = searched[i].best[0].tokens;
      if (expected.size() == 8) expected.pop_back();  // ended by the limit
      EXPECT_EQ(drawn[i].best[0].tokens, expected);
      ASSERT_EQ(drawn[i].maps.size(), searched[i].maps.size());
      if (drawn[i].nodes.size() == searched[i].nodes.size()) {
        for (std::size_t k = 0; k < drawn[i].maps.size(); ++k) EXPECT_EQ(drawn[i].maps[k].weights, searched[i].maps[k].weights);
      }
      for (std::size_t k = 0; k < expected.size(); ++k) EXPECT_EQ(drawn[i].best[0].log_probs[k], searched[i].best[0].log_probs[k]);
    }
  }
}

TEST(Sample, FirstTokensFollowTheirProbabilities) {
  constexpr std::size_t kDraws = 20000;
  SampleOptions o;
  o.max_tokens = 1;
  const std::vector<double> p{0.3, 0.1, 0.1, 0.1, 0.2, 0.05, 0.15};
  Table table{.scores = [&](std::int64_t, const Tokens&) { return logs(p); }, .lengths = std::vector<std::int64_t>(kDraws, 1)};
  std::vector<double> counts(p.size());
  for (const auto& drawn : sample_table(table, {std::vector<Tokens>(kDraws)}, o)) {
    ++counts[static_cast<std::size_t>(drawn.best[0].tokens[0])];
    EXPECT_NEAR(drawn.best[0].log_prob, std::log(p[static_cast<std::size_t>(drawn.best[0].tokens[0])]), 1e-5);  // the model's own
  }
  double chi = 0;
  for (std::size_t id = 0; id < 3; ++id) EXPECT_EQ(counts[id], 0);
  for (std::size_t id = 3; id < p.size(); ++id) {
    const double expected = kDraws * p[id] / 0.5;
    chi += (counts[id] - expected) * (counts[id] - expected) / expected;
  }
  EXPECT_LT(chi, 3 + 5 * std::sqrt(2.0 * 3));
}

TEST(Sample, SeedsAndNumbersDecideTheDraw) {
  const Table table{.lengths = {3, 2}};
  SampleOptions o;
  o.max_tokens = 12;
  o.past_end = true;
  const auto once = sample_table(table, {{{}, {}}}, o), again = sample_table(table, {{{}, {}}}, o);
  EXPECT_EQ(once[0].best[0].tokens, again[0].best[0].tokens);
  EXPECT_EQ(once[0].best[0].tokens.size(), 12U);
  o.seed = 2;
  EXPECT_NE(sample_table(table, {{{}, {}}}, o)[0].best[0].tokens, once[0].best[0].tokens);
}

// The scores are the same for all items here, so only numbers tell texts apart.
TEST(Sample, PartsAreWhatTheWholeIs) {
  const auto scores = drawn_scores(1);
  const auto table = [&](std::size_t count) {
    return Table{.scores = [scores](std::int64_t, const Tokens& tokens) { return scores(0, tokens); },
                 .lengths = std::vector<std::int64_t>(count, 2)};
  };
  SampleOptions o;
  o.max_tokens = 12;
  const auto draw = [&](std::size_t first, std::size_t count) {
    return sample_table(table(count), {std::vector<Tokens>(count), first}, o);
  };
  const auto whole = draw(0, 7), head = draw(0, 3), tail = draw(3, 4);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(whole[i].best[0].tokens, (i < 3 ? head[i] : tail[i - 3]).best[0].tokens) << i;
  EXPECT_NE(head[0].best[0].tokens, tail[0].best[0].tokens);
}

TEST(Sample, PromptsAreKeptAndScored) {
  const Table table{.lengths = {3, 2}};
  SampleOptions o;
  o.max_tokens = 3;
  o.past_end = true;
  const Tokens prompt{5, 3, 6};  // an end inside a prompt ends nothing
  for (const bool past : {true, false}) {
    o.past_end = past;
    const auto drawn = sample_table(table, {{prompt, {}}}, o);
    const auto& tokens = drawn[0].best[0].tokens;
    ASSERT_GT(tokens.size(), 3U);
    EXPECT_LE(tokens.size(), 6U);
    EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), tokens.begin()));
    EXPECT_LE(drawn[1].best[0].tokens.size(), 3U);
    EXPECT_NEAR(drawn[0].best[0].log_prob, log_prob_of(table.scores, 0, tokens), 1e-5);
  }
  EXPECT_ERROR(sample_table(table, {{prompt}}, o), kValue, "sample: 2 sources and 1 prompts");
  EXPECT_ERROR(sample_table(table, {{{9}, {}}}, o), kValue, "token 9 of a prompt is not in the vocabulary of 7");
}

TEST(Sample, EndsAtTheEndUnlessItGoesOn) {
  const Table table{.scores = favouring(drawn_scores(1), 3, 60)};
  SampleOptions o;
  o.max_tokens = 4;
  const auto ended = sample_table(table, {{{}}}, o)[0];
  EXPECT_EQ(ended.best[0].tokens, (Tokens{3}));
  EXPECT_EQ(ended.nodes.back().end, NodeEnd::kFinished);
  o.past_end = true;
  EXPECT_EQ(sample_table(table, {{{}}}, o)[0].best[0].tokens, (Tokens{3, 3, 3, 3}));
}

TEST(Sample, NoNgramComesTwice) {
  SampleOptions o;
  o.temperature = 0;
  o.past_end = true;
  for (const std::int64_t n : {1, 2, 3}) {
    o.max_tokens = n == 1 ? 2 : 8;
    o.no_repeat_ngram = n;
    const Tokens prompt{5, 4};
    const auto tokens = sample_table({.scores = by_last_token({{-1, std::vector<float>(7)},
                                                               {3, {0, 0, 0, 1, 2, 3, 4}},
                                                               {4, {0, 0, 0, 1, 2, 3, 4}},
                                                               {5, {0, 0, 0, 1, 4, 3, 2}},
                                                               {6, {0, 0, 0, 1, 3, 4, 2}}})},
                                     {{prompt}}, o)[0]
                            .best[0]
                            .tokens;
    std::set<Tokens> seen;
    for (auto at = tokens.begin(); at + n <= tokens.end(); ++at) EXPECT_TRUE(seen.emplace(at, at + n).second) << at - tokens.begin();
  }
}

TEST(Sample, TakesSpecialIdsFromTheModel) {
  const Table table{.scores = drawn_scores(4, 1, 8),
                    .lengths = std::vector<std::int64_t>(60, 1),
                    .special = {.unknown = 7, .pad = 5, .begin = 1, .end = 0}};
  SampleOptions o;
  o.max_tokens = 6;
  std::set<std::int32_t> written;
  for (const auto& drawn : sample_table(table, {std::vector<Tokens>(60)}, o)) {
    const auto& tokens = drawn.best[0].tokens;
    written.insert(tokens.begin(), tokens.end());
    const auto end = std::find(tokens.begin(), tokens.end(), 0);
    EXPECT_TRUE(end == tokens.end() || end + 1 == tokens.end());
  }
  EXPECT_EQ(written, (std::set<std::int32_t>{0, 2, 3, 4, 6}));
}

TEST(Sample, ScoresThatAreNoNumbersAreAnError) {
  for (const float bad : {INFINITY, NAN})
    EXPECT_ERROR(sample_table({.scores = favouring(drawn_scores(1), 4, bad)}, {{{}}}, {}), kValue, "sample: at step 0");
}

}  // namespace
}  // namespace attend::testing
