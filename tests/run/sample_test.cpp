// Drawing from a model: what may be drawn, and that the draws are what the probabilities say.
#include "attend/run/sample.h"

#include <set>

#include "attend/text/tokenizer.h"
#include "run/search_checks.h"
#include "support/expect_error.h"

namespace attend::testing {
namespace {

std::vector<std::int32_t> ids(const std::vector<std::pair<std::int32_t, double>>& choices) {
  std::vector<std::int32_t> all;
  for (const auto& [id, p] : choices) all.push_back(id);
  return all;
}

const float kLogits[] = {0, 2, 1, 2, -std::numeric_limits<float>::infinity()};  // e^2 = 7.389, e = 2.718

TEST(Candidates, AllOfThemBestFirst) {
  const auto all = candidates(kLogits, 5, {});
  EXPECT_EQ(ids(all), (std::vector<std::int32_t>{1, 3, 2, 0}));  // ties: lower id; −inf never
  const double sum = 1 + 2 * std::exp(2.0) + std::exp(1.0);
  EXPECT_NEAR(all[0].second, std::exp(2.0) / sum, 1e-12);
  EXPECT_NEAR(all[3].second, 1 / sum, 1e-12);
}

TEST(Candidates, TemperatureTopKAndTopP) {
  SampleOptions o;
  o.top_k = 2;
  EXPECT_EQ(ids(candidates(kLogits, 5, o)), (std::vector<std::int32_t>{1, 3}));
  EXPECT_NEAR(candidates(kLogits, 5, o)[0].second, 0.5, 1e-12);
  o.top_k = 0;
  o.top_p = 0.41;  // the first has 0.3995: the second crosses and is in
  EXPECT_EQ(ids(candidates(kLogits, 5, o)), (std::vector<std::int32_t>{1, 3}));
  o.top_p = 0;
  EXPECT_EQ(ids(candidates(kLogits, 5, o)), (std::vector<std::int32_t>{1}));
  o.top_p = 1;
  o.temperature = 0;
  EXPECT_EQ(ids(candidates(kLogits, 5, o)), (std::vector<std::int32_t>{1}));
  o.temperature = 2;
  const double sum = 1 + 2 * std::exp(1.0) + std::exp(0.5);
  EXPECT_NEAR(candidates(kLogits, 5, o)[2].second, std::exp(0.5) / sum, 1e-12);
}

struct TwoSources {
  std::shared_ptr<Seq2Seq> model = search_model(rnn_options());
  at::Tensor source = at::tensor({5, 6, 3, 4, 3, 1}, at::kLong).view({2, 3}), lengths = at::tensor({3, 2}, at::kLong);
};

TEST(Sample, EndsAtTheTokenAfterItIsStopped) {
  const TwoSources s;
  const StoppingModel model(s.model);
  SampleOptions o;
  o.max_tokens = 1000;
  o.past_end = true;
  o.stop = &model.stop;
  EXPECT_ERROR(sample(model, {s.source, s.lengths, {{}, {}}}, o, true), kInterrupted, "interrupted");
  EXPECT_EQ(model.steps, 3);
}

TEST(Sample, TheBestTokenIsGreedySearch) {
  const TwoSources s;
  SearchOptions greedy;
  greedy.beam = 1;
  greedy.max_length_ratio = 0;
  greedy.max_length_extra = 8;
  const auto searched = search(*s.model, s.source, s.lengths, greedy, true);
  SampleOptions best, first, none;
  best.max_tokens = first.max_tokens = none.max_tokens = 7;
  best.temperature = 0;
  first.top_k = 1;
  none.top_p = 0;
  for (const auto& o : {best, first, none}) {
    const auto drawn = sample(*s.model, {s.source, s.lengths, {{}, {}}}, o, true);
    for (std::size_t i = 0; i < 2; ++i) {
      auto expected = searched[i].best[0].tokens;
      if (expected.size() == 8) expected.pop_back();  // ended by the limit
      EXPECT_EQ(drawn[i].best[0].tokens, expected);
      ASSERT_EQ(drawn[i].maps.size(), searched[i].maps.size());
      for (std::size_t k = 0; k < expected.size(); ++k)
        EXPECT_NEAR(drawn[i].best[0].log_probs[k], searched[i].best[0].log_probs[k], kOtherOrder);
    }
  }
}

TEST(Sample, FirstTokensFollowTheirProbabilities) {
  const TwoSources s;
  constexpr int kDraws = 20000;
  SampleOptions o;
  o.max_tokens = 1;
  const auto encoded = s.model->encode(s.source.narrow(0, 0, 1), s.lengths.narrow(0, 0, 1), nullptr);
  const auto state = s.model->start(*encoded, 1);
  auto logits =
      s.model->logits(s.model->step(*encoded, *state, at::full({1, 1}, kBeginId, at::kLong), nullptr)).view({-1}).to(at::kFloat).clone();
  for (const auto id : {kUnknownId, kPadId, kBeginId}) logits[id] = -std::numeric_limits<float>::infinity();
  const auto p = logits.softmax(0);
  std::vector<int> counts(static_cast<std::size_t>(p.numel()));
  const auto many = s.source.narrow(0, 0, 1).expand({kDraws, 3}).contiguous();
  for (const auto& drawn :
       sample(*s.model, {many, at::full({kDraws}, 3, at::kLong), std::vector<std::vector<std::int32_t>>(kDraws)}, o, false))
    ++counts[static_cast<std::size_t>(drawn.best[0].tokens[0])];
  double chi = 0;
  int free = -1;
  for (std::size_t id = 0; id < counts.size(); ++id) {
    const double expected = kDraws * p[static_cast<std::int64_t>(id)].item<double>();
    if (expected == 0) {
      EXPECT_EQ(counts[id], 0);
      continue;
    }
    chi += (counts[id] - expected) * (counts[id] - expected) / expected;
    ++free;
  }
  EXPECT_LT(chi, free + 5 * std::sqrt(2.0 * free));
}

TEST(Sample, SeedsAndNumbersDecideTheDraw) {
  const TwoSources s;
  SampleOptions o;
  o.max_tokens = 12;
  o.past_end = true;
  const auto once = sample(*s.model, {s.source, s.lengths, {{}, {}}}, o, false),
             again = sample(*s.model, {s.source, s.lengths, {{}, {}}}, o, false);
  EXPECT_EQ(once[0].best[0].tokens, again[0].best[0].tokens);
  EXPECT_EQ(once[0].best[0].tokens.size(), 12u);
  o.seed = 2;
  EXPECT_NE(sample(*s.model, {s.source, s.lengths, {{}, {}}}, o, false)[0].best[0].tokens, once[0].best[0].tokens);
}

TEST(Sample, PartsAreWhatTheWholeIs) {
  const TwoSources s;
  SampleOptions o;
  o.max_tokens = 12;
  const auto rows = [&](std::int64_t first, std::int64_t count) {
    return Prompts{s.source.narrow(0, 0, 1).expand({count, 3}).contiguous(), at::full({count}, 3, at::kLong),
                   std::vector<std::vector<std::int32_t>>(static_cast<std::size_t>(count)), static_cast<std::size_t>(first)};
  };
  const auto whole = sample(*s.model, rows(0, 7), o, false), head = sample(*s.model, rows(0, 3), o, false),
             tail = sample(*s.model, rows(3, 4), o, false);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(whole[i].best[0].tokens, (i < 3 ? head[i] : tail[i - 3]).best[0].tokens) << i;
  EXPECT_NE(head[0].best[0].tokens, tail[0].best[0].tokens);
}

TEST(Sample, PromptsAreKeptAndScored) {
  const TwoSources s;
  SampleOptions o;
  o.max_tokens = 3;
  o.past_end = true;
  const std::vector<std::int32_t> prompt{5, 4, 6};
  const auto drawn = sample(*s.model, {s.source, s.lengths, {prompt, {}}}, o, false);
  const auto& tokens = drawn[0].best[0].tokens;
  ASSERT_EQ(tokens.size(), 6u);
  EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), tokens.begin()));
  EXPECT_EQ(drawn[1].best[0].tokens.size(), 3u);
  auto target = at::empty({1, 6}, at::kLong);
  for (std::int64_t t = 0; t < 6; ++t) target[0][t] = tokens[static_cast<std::size_t>(t)];
  const auto forced = force(*s.model, s.source.narrow(0, 0, 1), s.lengths.narrow(0, 0, 1), target, at::tensor({6}, at::kLong), false);
  EXPECT_NEAR(drawn[0].best[0].log_prob, forced[0].best[0].log_prob, 1e-4);
}

TEST(Sample, NoNgramComesTwice) {
  const TwoSources s;
  SampleOptions o;
  o.temperature = 0;
  o.past_end = true;
  for (const std::int64_t n : {1, 2, 3}) {
    o.max_tokens = n == 1 ? 2 : 8;
    o.no_repeat_ngram = n;
    const std::vector<std::int32_t> prompt{5, 4};
    const auto tokens = sample(*s.model, {s.source, s.lengths, {prompt, {}}}, o, false)[0].best[0].tokens;
    std::set<std::vector<std::int32_t>> seen;
    for (auto at = tokens.begin(); at + n <= tokens.end(); ++at) EXPECT_TRUE(seen.emplace(at, at + n).second) << at - tokens.begin();
  }
}

}  // namespace
}  // namespace attend::testing
