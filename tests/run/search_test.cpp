// Beam search against greedy search, against trying everything, and against forced decoding.
#include "attend/run/search.h"

#include <limits>
#include <numeric>
#include <set>

#include "run/search_checks.h"
#include "support/expect_error.h"

namespace attend::testing {
namespace {

class Searches : public ::testing::TestWithParam<const char*> {
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
  std::int64_t last = kBeginId;
  while (last != kEndId) {
    auto logits = model.logits(model.step(*encoded, *state, at::full({1, 1}, last, at::kLong), nullptr))[0][0];
    logits.narrow(0, 0, kEndId).fill_(-std::numeric_limits<float>::infinity());
    last = static_cast<std::int64_t>(tokens.size()) + 1 == length ? kEndId : logits.argmax().item<std::int64_t>();
    tokens.push_back(static_cast<std::int32_t>(last));
  }
  return tokens;
}

// An infinite or missing score compares as best or as nothing; an empty line would be what is left.
TEST_P(Searches, ScoresThatAreNoNumbersAreAnError) {
  const auto m = model();
  const Sources s;
  const auto targets = at::tensor({4, 3}, at::kLong).unsqueeze(0).repeat({s.size(), 1});
  const auto fails = [&] {
    EXPECT_ERROR(search_all(*m, s, plain_search(2, 1, 5)), kValue, "search: at step 0 the model gives scores that are not numbers");
    EXPECT_ERROR(force(*m, s.ids, s.lengths, targets, at::full({s.size()}, 2, at::kLong), false), kValue,
                 "the model gives scores that are not numbers");
  };
  favour(*m, kEndId, INFINITY);
  fails();
  at::NoGradGuard no_grad;
  for (auto& weights : m->parameters()) weights.fill_(3e38);
  fails();
}

TEST_P(Searches, ABeamOfOneIsGreedy) {
  const auto m = model();
  const Sources s;
  std::set<std::size_t> lengths;
  for (const double end : {-4.0, 0.0, 1.5, 3.0}) {
    favour(*m, kEndId, end);
    const auto found = search_all(*m, s, plain_search(1, 1, 9));
    for (std::int64_t i = 0; i < s.size(); ++i) {
      const auto& best = found[static_cast<std::size_t>(i)].best;
      ASSERT_EQ(best.size(), 1u);
      EXPECT_EQ(best[0].tokens, greedy(*m, s.item(i), 9)) << "item " << i << ", </s> " << end;
      lengths.insert(best[0].tokens.size());
    }
    favour(*m, kEndId, -end);
  }
  EXPECT_GT(lengths.size(), 1u);  // else the comparison says little
}

// With room for every prefix the search must find what trying everything finds, in that order.
TEST_P(Searches, AWideBeamIsExhaustive) {
  const auto m = model();
  const Sources s;
  const auto every = all_sequences(4);
  ASSERT_EQ(every.size(), 40u);
  for (const double alpha : {0.0, 0.6, 2.0}) {
    auto options = plain_search(81, 8, 4);
    options.length_penalty = alpha;
    const auto found = search_all(*m, s, options);
    for (std::int64_t i = 0; i < s.size(); ++i) {
      std::vector<std::pair<double, std::vector<std::int32_t>>> scored;
      for (const auto& tokens : every)
        scored.emplace_back(force_one(*m, s.item(i), tokens).best[0].log_prob / lp(alpha, tokens.size()), tokens);
      std::sort(scored.begin(), scored.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
      const auto& best = found[static_cast<std::size_t>(i)].best;
      ASSERT_EQ(best.size(), 8u);
      for (std::size_t n = 0; n < best.size(); ++n) {
        EXPECT_EQ(best[n].tokens, scored[n].second) << "item " << i << ", rank " << n << ", alpha " << alpha;
        EXPECT_NEAR(best[n].score, scored[n].first, kOtherOrder);
      }
    }
  }
}

TEST_P(Searches, LogProbabilityIsTheForcedScore) {
  const auto m = model();
  favour(*m, kEndId, 1);
  const Sources s;
  auto options = plain_search(4, 4, 8);
  options.length_penalty = 0.6;
  const auto found = search_all(*m, s, options);
  for (std::int64_t i = 0; i < s.size(); ++i)
    for (const auto& h : found[static_cast<std::size_t>(i)].best) {
      const auto forced = force_one(*m, s.item(i), h.tokens).best[0];
      EXPECT_NEAR(h.log_prob, forced.log_prob, kOtherOrder);
      EXPECT_NEAR(h.score, h.log_prob / lp(0.6, h.tokens.size()), 1e-12);
      EXPECT_NEAR(std::accumulate(h.log_probs.begin(), h.log_probs.end(), 0.0), h.log_prob, 1e-5);
      ASSERT_EQ(h.log_probs.size(), h.tokens.size());
      for (std::size_t t = 0; t < h.tokens.size(); ++t) EXPECT_NEAR(h.log_probs[t], forced.log_probs[t], kOtherOrder) << t;
    }
}

// What is forbidden is passed over; what is left keeps the model's own probability.
TEST_P(Searches, ConstraintsDoNotRenormalise) {
  const auto m = model();
  const Sources s;
  favour(*m, kUnknownId, 3);
  favour(*m, kBeginId, 3);
  auto options = plain_search(3, 3, 6);
  options.min_length = 3;
  for (const bool unknown : {false, true}) {
    options.allow_unknown = unknown;
    const auto found = search_all(*m, s, options);
    bool seen_unknown = false;
    for (std::int64_t i = 0; i < s.size(); ++i)
      for (const auto& h : found[static_cast<std::size_t>(i)].best) {
        EXPECT_NEAR(h.log_prob, force_one(*m, s.item(i), h.tokens).best[0].log_prob, kOtherOrder);
        for (const auto token : h.tokens) {
          EXPECT_TRUE(token != kBeginId && token != kPadId);
          seen_unknown = seen_unknown || token == kUnknownId;
        }
      }
    EXPECT_EQ(seen_unknown, unknown);
  }
}

TEST_P(Searches, ABatchIsItsSentences) {
  const auto m = model();
  const Sources s;
  auto options = plain_search(3, 3, 0);
  options.max_length_ratio = 2;  // each item its own longest
  options.max_length_extra = 1;
  const auto together = search_all(*m, s, options, /*record=*/true);
  for (std::int64_t i = 0; i < s.size(); ++i) {
    const auto alone = search_all(*m, s.item(i), options, /*record=*/true).at(0);
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

TEST_P(Searches, NBestIsDistinctAndSorted) {
  const auto m = model();
  auto options = plain_search(6, 5, 7);
  options.length_penalty = 1;
  for (const auto& found : search_all(*m, Sources{}, options)) {
    ASSERT_EQ(found.best.size(), 5u);
    std::set<std::vector<std::int32_t>> distinct;
    for (std::size_t n = 0; n < 5; ++n) {
      distinct.insert(found.best[n].tokens);
      EXPECT_EQ(found.best[n].tokens.back(), kEndId);
      EXPECT_EQ(std::count(found.best[n].tokens.begin(), found.best[n].tokens.end(), kEndId), 1);
      if (n > 0) {
        EXPECT_GE(found.best[n - 1].score, found.best[n].score);
      }
    }
    EXPECT_EQ(distinct.size(), 5u);
  }
}

TEST_P(Searches, MaxLengthAlwaysEnds) {
  const auto m = model();
  favour(*m, kEndId, -60);
  const Sources s;
  for (const std::int64_t beam : {1, 3}) {
    auto options = plain_search(beam, 1, 2);
    options.max_length_ratio = 1.5;
    const auto found = search_all(*m, s, options);
    for (std::int64_t i = 0; i < s.size(); ++i) {
      const auto longest = static_cast<std::size_t>(1.5 * s.lengths[i].item<double>()) + 2;
      const auto& tokens = found[static_cast<std::size_t>(i)].best.at(0).tokens;
      EXPECT_EQ(tokens.size(), longest);
      EXPECT_EQ(tokens.back(), kEndId);
    }
    for (const auto& item : search_all(*m, s, plain_search(beam, 1, 0)))
      EXPECT_EQ(item.best.at(0).tokens, std::vector<std::int32_t>{kEndId});
  }
}

TEST_P(Searches, MinLengthHoldsTheEndBack) {
  const auto m = model();
  favour(*m, kEndId, 60);
  for (const std::int64_t shortest : {1, 2, 4}) {
    auto options = plain_search(3, 1, 9);
    options.min_length = shortest;
    for (const auto& found : search_all(*m, Sources{}, options))
      EXPECT_EQ(found.best.at(0).tokens.size(), static_cast<std::size_t>(shortest));
  }
  auto options = plain_search(3, 1, 2);  // what is asked for goes beyond the limit
  options.min_length = 5;
  for (const auto& found : search_all(*m, Sources{}, options)) EXPECT_EQ(found.best.at(0).tokens.size(), 5u);
}

TEST_P(Searches, EndAtTheStepAfterTheyAreStopped) {
  const auto inner = model();
  favour(*inner, kEndId, -60);
  const StoppingModel m(inner);
  auto options = plain_search(3, 1, 1000);
  options.stop = &m.stop;
  EXPECT_ERROR(search_all(m, Sources{}, options), kInterrupted, "interrupted");
  EXPECT_EQ(m.steps, 3);
}

TEST_P(Searches, ALongerPenaltyNeverPrefersShorter) {
  const auto m = model();
  favour(*m, kEndId, 2);
  std::size_t before = 0;
  for (const double alpha : {0.0, 1.0, 4.0, 10.0}) {
    auto options = plain_search(81, 1, 4);  // exhaustive
    options.length_penalty = alpha;
    std::size_t length = 0;
    for (const auto& found : search_all(*m, Sources{}, options)) length += found.best.at(0).tokens.size();
    EXPECT_GE(length, before) << alpha;
    before = length;
  }
  EXPECT_GT(before, 4u);
}

TEST_P(Searches, CoverageTermIsTheFormula) {
  const auto m = model();
  favour(*m, kEndId, 1);
  const Sources s;
  auto options = plain_search(5, 5, 6);
  options.length_penalty = 0.9;
  options.coverage_penalty = 0.3;
  const auto found = search_all(*m, s, options);
  for (std::int64_t i = 0; i < s.size(); ++i) {
    double last = std::numeric_limits<double>::infinity();
    for (const auto& h : found[static_cast<std::size_t>(i)].best) {
      const auto forced = force_one(*m, s.item(i), h.tokens, /*record=*/true);
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
      EXPECT_NEAR(h.score, h.log_prob / lp(0.9, h.tokens.size()) + 0.3 * term, 1e-4);
      EXPECT_LE(term, 0);
      EXPECT_LE(h.score, last);
      last = h.score;
    }
  }
}

TEST_P(Searches, TiesGoToTheLowerParentThenTheLowerToken) {
  const auto m = model();
  {
    at::NoGradGuard no_grad;
    for (auto& p : m->parameters()) p.zero_();
  }
  const auto found = search_all(*m, Sources{}.item(0), plain_search(3, 3, 9)).at(0);
  const std::vector<std::vector<std::int32_t>> expected{{3}, {4, 3}, {4, 4, 3}};
  ASSERT_EQ(found.best.size(), 3u);
  for (std::size_t n = 0; n < 3; ++n) {
    EXPECT_EQ(found.best[n].tokens, expected[n]);
    EXPECT_NEAR(found.best[n].log_prob, -std::log(7.0) * static_cast<double>(n + 1), 1e-5);
  }
  const std::vector<std::int32_t> tokens{3, 4, 5, 3, 4, 5, 3, 4, 5}, parents{-1, -1, -1, 1, 1, 1, 4, 4, 4};
  ASSERT_EQ(found.nodes.size(), tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_EQ(found.nodes[i].token, tokens[i]) << i;
    EXPECT_EQ(found.nodes[i].parent, parents[i]) << i;
  }
}

TEST_P(Searches, TheTreeSaysWhatBecameOfEveryNode) {
  const auto m = model();
  for (const auto& found : search_all(*m, Sources{}, plain_search(4, 2, 6))) {
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
      const auto expected = node.token == kEndId ? NodeEnd::kFinished : continued[i] ? NodeEnd::kLive : NodeEnd::kPruned;
      EXPECT_EQ(static_cast<int>(node.end), static_cast<int>(expected)) << i;
    }
    for (const auto& h : found.best) EXPECT_EQ(found.nodes.at(static_cast<std::size_t>(h.last_node)).token, kEndId);
  }
}

TEST_P(Searches, RefusesAModelThatIsNoNumber) {
  const auto m = model();
  favour(*m, 4, std::numeric_limits<double>::quiet_NaN());
  at::NoGradGuard no_grad;
  m->named_parameters()["output_bias"].fill_(std::numeric_limits<double>::quiet_NaN());
  expect_error(ErrorKind::kValue, {"search", "step 0", "not numbers"}, [&] { search_all(*m, Sources{}, plain_search(2, 1, 4)); });
}

INSTANTIATE_TEST_SUITE_P(Models, Searches, ::testing::Values("rnn_seq2seq", "transformer"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(Search, RefusesMoreResultsThanHypotheses) {
  const auto m = search_model(rnn_options());
  expect_error(ErrorKind::kValue, {"n_best", "3 and 2", "raise the beam"}, [&] { search_all(*m, Sources{}, plain_search(2, 3, 4)); });
}

// Whether anything reads the attention or not: a mistake is told before the search.
TEST(Search, RefusesALayerThatIsNone) {
  const auto m = search_model(rnn_options());
  auto options = plain_search(2, 1, 4);
  options.layer = "first";
  expect_error(ErrorKind::kValue, {"layer: expected last or a number from 0, got 'first'"}, [&] { search_all(*m, Sources{}, options); });
}

TEST(Search, CoverageNeedsAttention) {
  auto o = rnn_options();
  o.attention = "none";
  const auto m = search_model(o);
  auto options = plain_search(2, 1, 4);
  options.coverage_penalty = 0.1;
  expect_error(ErrorKind::kValue, {"coverage_penalty", "set it to 0"}, [&] { search_all(*m, Sources{}, options); });
}

}  // namespace
}  // namespace attend::testing
