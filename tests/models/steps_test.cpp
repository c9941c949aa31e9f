// Networks behind the interface of searches: their states follow the hypotheses, batches are what single items are, and stepping is
// forcing.
#include "attend/models/steps.h"

#include <limits>
#include <numeric>
#include <set>

#include "attend/search/penalties.h"
#include "attend/search/sample.h"
#include "models/search_checks.h"
#include "support/expect_error.h"

namespace attend::testing {
namespace {

class NetworkSearches : public ::testing::TestWithParam<const char*> {
 protected:
  static std::shared_ptr<Seq2Seq> model() {
    return search_model(std::string_view(GetParam()) == "transformer" ? transformer_options() : rnn_options());
  }
};

// The word of highest logit at each step, by single steps.
std::vector<std::int32_t> greedy(const Seq2Seq& model, const Sources& one, std::int64_t length) {
  at::NoGradGuard no_grad;
  const auto encoded = model.encode(one.ids, one.lengths, nullptr);
  const auto state = model.start(*encoded, length);
  std::vector<std::int32_t> tokens;
  std::int64_t last = SpecialIds().begin;
  while (last != SpecialIds().end) {
    auto logits = model.logits(model.step(*encoded, *state, at::full({1, 1}, last, at::kLong), nullptr))[0][0];
    logits.narrow(0, 0, SpecialIds().end).fill_(-std::numeric_limits<float>::infinity());
    last = static_cast<std::int64_t>(tokens.size()) + 1 == length ? SpecialIds().end : logits.argmax().item<std::int64_t>();
    tokens.push_back(static_cast<std::int32_t>(last));
  }
  return tokens;
}

// An infinite or missing score compares as best or as nothing; an empty line would be what is left.
TEST_P(NetworkSearches, ScoresThatAreNoNumbersAreAnError) {
  const auto m = model();
  const Sources s;
  const std::vector<std::vector<std::int32_t>> targets(4, {4, 3});
  const auto fails = [&] {
    EXPECT_ERROR(search_all(*m, s, plain_search(2, 1, 5)), kValue, "search: at step 0 the model gives scores that are not numbers");
    EXPECT_ERROR(force(*steps_of(*m, s.ids, s.lengths), targets), kValue, "the model gives scores that are not numbers");
  };
  favour(*m, SpecialIds().end, INFINITY);
  fails();
  at::NoGradGuard no_grad;
  for (auto& weights : m->parameters()) weights.fill_(3e38);
  fails();
}

TEST_P(NetworkSearches, ABeamOfOneIsGreedy) {
  const auto m = model();
  const Sources s;
  std::set<std::size_t> lengths;
  for (const double end : {-4.0, 0.0, 1.5, 3.0}) {
    favour(*m, SpecialIds().end, end);
    const auto found = search_all(*m, s, plain_search(1, 1, 9));
    for (std::int64_t i = 0; i < s.size(); ++i) {
      const auto& best = found[static_cast<std::size_t>(i)].best;
      ASSERT_EQ(best.size(), 1u);
      EXPECT_EQ(best[0].tokens, greedy(*m, s.item(i), 9)) << "item " << i << ", </s> " << end;
      lengths.insert(best[0].tokens.size());
    }
    favour(*m, SpecialIds().end, -end);
  }
  EXPECT_GT(lengths.size(), 1u);  // else the comparison says little
}

TEST_P(NetworkSearches, LogProbabilityIsTheForcedScore) {
  const auto m = model();
  favour(*m, SpecialIds().end, 1);
  const Sources s;
  auto options = plain_search(4, 4, 8);
  options.length_penalty = 0.6;
  const auto found = search_all(*m, s, options);
  for (std::int64_t i = 0; i < s.size(); ++i)
    for (const auto& h : found[static_cast<std::size_t>(i)].best) {
      const auto forced = force_one(*m, s.item(i), h.tokens).best[0];
      EXPECT_NEAR(h.log_prob, forced.log_prob, kOtherOrder);
      EXPECT_NEAR(h.score, h.log_prob / length_penalty(0.6, h.tokens.size()), 1e-12);
      EXPECT_NEAR(std::accumulate(h.log_probs.begin(), h.log_probs.end(), 0.0), h.log_prob, 1e-5);
      ASSERT_EQ(h.log_probs.size(), h.tokens.size());
      for (std::size_t t = 0; t < h.tokens.size(); ++t) EXPECT_NEAR(h.log_probs[t], forced.log_probs[t], kOtherOrder) << t;
    }
}

TEST_P(NetworkSearches, ABatchIsItsSentences) {
  const auto m = model();
  const Sources s;
  auto options = plain_search(3, 3, 0);
  options.max_length_ratio = 2;  // each item its own longest
  options.max_length_extra = 1;
  const auto together = search_all(*m, s, options, {.record = true});
  for (std::int64_t i = 0; i < s.size(); ++i) {
    const auto alone = search_all(*m, s.item(i), options, {.record = true}).at(0);
    const auto& item = together[static_cast<std::size_t>(i)];
    ASSERT_EQ(item.best.size(), alone.best.size());
    for (std::size_t n = 0; n < alone.best.size(); ++n) {
      EXPECT_EQ(item.best[n].tokens, alone.best[n].tokens) << "item " << i << ", rank " << n;
      EXPECT_NEAR(item.best[n].log_prob, alone.best[n].log_prob, kOtherOrder);
    }
    ASSERT_EQ(item.nodes.size(), alone.nodes.size());
    ASSERT_EQ(item.maps.size(), alone.maps.size());
    for (std::size_t k = 0; k < alone.maps.size(); ++k) {
      EXPECT_EQ(item.maps[k].site.name, alone.maps[k].site.name);
      ASSERT_EQ(item.maps[k].weights.size(), alone.maps[k].weights.size()) << item.maps[k].site.name;
      for (std::size_t w = 0; w < alone.maps[k].weights.size(); ++w)
        ASSERT_NEAR(item.maps[k].weights[w], alone.maps[k].weights[w], kOtherOrder) << item.maps[k].site.name << " " << w;
    }
  }
}

TEST_P(NetworkSearches, CoverageTermIsTheFormula) {
  const auto m = model();
  favour(*m, SpecialIds().end, 1);
  const Sources s;
  auto options = plain_search(5, 5, 6);
  options.length_penalty = 0.9;
  options.coverage_penalty = 0.3;
  const auto found = search_all(*m, s, options);
  for (std::int64_t i = 0; i < s.size(); ++i) {
    double last = std::numeric_limits<double>::infinity();
    for (const auto& h : found[static_cast<std::size_t>(i)].best) {
      const auto forced = force_one(*m, s.item(i), h.tokens, {.record = true});
      const AttentionMap* map = nullptr;  // of the last layer to the source
      for (const auto& candidate : forced.maps)
        if (candidate.site.name == "decoder.attention" || candidate.site.name == "decoder.cross") map = &candidate;
      ASSERT_NE(map, nullptr);
      double term = 0;
      for (std::size_t c = 0; c < map->cols; ++c) {
        double sum = 0;
        for (std::size_t r = 0; r < std::size_t{map->heads} * map->rows; ++r) sum += map->weights[r * map->cols + c] / map->heads;
        term += std::log(std::min(sum, 1.0));
      }
      EXPECT_NEAR(h.score, h.log_prob / length_penalty(0.9, h.tokens.size()) + 0.3 * term, 1e-4);
      EXPECT_LE(term, 0);
      EXPECT_LE(h.score, last);
      last = h.score;
    }
  }
}

// A network that is not forced at once writes the same, step after step.
TEST_P(NetworkSearches, StepsAreForcing) {
  class ByStepsAlone final : public StepModel {
   public:
    explicit ByStepsAlone(std::unique_ptr<StepModel> model) : model_(std::move(model)) {}
    std::int64_t items() const override { return model_->items(); }
    ItemSize size_of(std::int64_t item) const override { return model_->size_of(item); }
    std::vector<Site> sites() const override { return model_->sites(); }
    void start(const StepPlan& plan) override { model_->start(plan); }
    std::vector<AttentionMap> encoder_maps(std::int64_t item) const override { return model_->encoder_maps(item); }
    StepScores step(const StepRows& rows) override { return model_->step(rows); }

   private:
    std::unique_ptr<StepModel> model_;
  };
  const auto m = model();
  const Sources s;
  const std::vector<std::vector<std::int32_t>> targets{{4, 5, 3}, {3}, {6, 6, 4, 5, 3}, {5, 3}};
  ByStepsAlone steps(steps_of(*m, s.ids, s.lengths));
  const auto stepped = force(steps, targets, {.record = true}), forced = force(*steps_of(*m, s.ids, s.lengths), targets, {.record = true});
  for (std::size_t i = 0; i < targets.size(); ++i) {
    EXPECT_NEAR(stepped[i].best[0].log_prob, forced[i].best[0].log_prob, kOtherOrder);
    ASSERT_EQ(stepped[i].maps.size(), forced[i].maps.size());
    for (std::size_t k = 0; k < forced[i].maps.size(); ++k) {
      const auto &got = stepped[i].maps[k], &expected = forced[i].maps[k];
      EXPECT_EQ(got.site, expected.site);
      ASSERT_EQ(got.weights.size(), expected.weights.size()) << got.site.name;
      for (std::size_t w = 0; w < got.weights.size(); ++w) ASSERT_NEAR(got.weights[w], expected.weights[w], kOtherOrder) << got.site.name;
    }
  }
}

// Drawing leaves finished texts out, and their neighbours' states must not move with them.
TEST_P(NetworkSearches, DrawingIsScoredAsForced) {
  const auto m = model();
  favour(*m, SpecialIds().end, 1);
  const Sources s;
  SampleOptions o;
  o.max_tokens = 9;
  const auto drawn = sample(*steps_of(*m, s.ids, s.lengths), {{{5, 4, 6}, {}, {4}, {}}}, o, {.record = true});
  std::set<std::size_t> lengths;
  for (std::int64_t i = 0; i < s.size(); ++i) {
    const auto& own = drawn[static_cast<std::size_t>(i)];
    const auto forced = force_one(*m, s.item(i), own.best[0].tokens, {.record = true});
    EXPECT_NEAR(own.best[0].log_prob, forced.best[0].log_prob, kOtherOrder);
    ASSERT_EQ(own.maps.size(), forced.maps.size());
    for (std::size_t k = 0; k < forced.maps.size(); ++k) {
      ASSERT_EQ(own.maps[k].weights.size(), forced.maps[k].weights.size());
      for (std::size_t w = 0; w < own.maps[k].weights.size(); ++w)
        ASSERT_NEAR(own.maps[k].weights[w], forced.maps[k].weights[w], kOtherOrder) << own.maps[k].site.name;
    }
    lengths.insert(own.best[0].tokens.size());
  }
  EXPECT_GT(lengths.size(), 1U);
}

// What nothing reads is not asked for.
TEST_P(NetworkSearches, ShowOnlyWhatIsAskedFor) {
  const auto m = model();
  const Sources s;
  const auto sites = m->sites();
  const std::vector<Site> last{*source_site(sites)};
  for (const auto& shown : {std::vector<Site>{}, last, sites}) {
    const auto steps = steps_of(*m, s.ids, s.lengths);
    steps->start({.steps = 2, .shown = shown});
    EXPECT_EQ(steps->encoder_maps(0).empty(), shown.size() < 2 || GetParam() == std::string("rnn_seq2seq"));
    const std::int32_t parents[] = {0, 1, 2, 3}, tokens[] = {2, 2, 2, 2};
    const auto scores = steps->step({.beams = 1, .parents = parents, .tokens = tokens});
    std::size_t of_decoder = 0;
    for (const auto& site : shown) of_decoder += site.rows == RowAxis::kNode ? 1 : 0;
    EXPECT_EQ(scores.shown.sites.size(), of_decoder);
    EXPECT_EQ(scores.vocabulary, kVocabulary);
    EXPECT_EQ(scores.normalisers.size(), 4U);
  }
}

TEST_P(NetworkSearches, KnowTheSizesOfWhatTheyRead) {
  const auto m = model();
  const Sources s;
  const auto steps = steps_of(*m, s.ids, s.lengths);
  EXPECT_EQ(steps->items(), 4);
  EXPECT_EQ(steps->special(), SpecialIds{});
  for (std::int64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(steps->size_of(i).source, s.lengths[i].item<std::int64_t>());
    EXPECT_EQ(steps->size_of(i).words, s.lengths[i].item<std::int64_t>() - 1);  // each ends in </s>
    EXPECT_EQ(steps->size_of(i).draft, 0);
  }
  const auto copying = steps_of(*m, at::stack({s.ids, s.ids + 3}, 2), s.lengths);  // [B, S, 2]
  EXPECT_EQ(copying->size_of(1).words, 1);
  const auto none = steps_without_source(*m, 3);
  EXPECT_EQ(none->items(), 3);
  EXPECT_EQ(none->size_of(2).source, 0);
}

TEST_P(NetworkSearches, RefusesAModelThatIsNoNumber) {
  const auto m = model();
  favour(*m, 4, std::numeric_limits<double>::quiet_NaN());
  at::NoGradGuard no_grad;
  m->named_parameters()["output_bias"].fill_(std::numeric_limits<double>::quiet_NaN());
  expect_error(ErrorKind::kValue, {"search", "step 0", "not numbers"}, [&] { search_all(*m, Sources{}, plain_search(2, 1, 4)); });
}

INSTANTIATE_TEST_SUITE_P(Models, NetworkSearches, ::testing::Values("rnn_seq2seq", "transformer"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(NetworkSearch, CoverageNeedsAttention) {
  auto o = rnn_options();
  o.attention = "none";
  const auto m = search_model(o);
  auto options = plain_search(2, 1, 4);
  options.coverage_penalty = 0.1;
  expect_error(ErrorKind::kValue, {"coverage_penalty", "set it to 0"}, [&] { search_all(*m, Sources{}, options); });
}

}  // namespace
}  // namespace attend::testing
