#include "attend/attention/coverage.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

const std::vector<std::string> kKinds = {"sum", "fertility", "gru"};
const Problem kCoverageProblem{wave({2, 2, 4, 4}), wave({2, 2, 5, 3}, 0.5), wave({2, 2, 5, 2}, 0.9), {.key_lengths = lengths({5, 3})}};

MechanismOptions coverage_options(const std::string& kind = "sum") {
  return {.heads = 2,
          .query_size = 4,
          .key_size = 3,
          .own = OptionSet().set(&EnergyOptions::size, 5).set(&CoverageOptions::kind, kind).set(&CoverageOptions::size, 3)};
}
at::Tensor extra(const Result& r, const char* name) { return r.extras.at(name).value; }

TEST(Coverage, ParametersKeepTheirNamesAndShapes) {
  const std::vector<std::string> of_score = {"score.query_weight", "score.key_weight", "score.energy"};
  const auto expected = [&](std::vector<std::string> own) {
    own.insert(own.end(), of_score.begin(), of_score.end());
    return own;
  };
  EXPECT_EQ(parameter_names(*make_filled("coverage", coverage_options())), expected({"coverage_weight"}));
  EXPECT_EQ(parameter_names(*make_filled("coverage", coverage_options("fertility"))), expected({"coverage_weight", "fertility_weight"}));
  const auto gru = make_filled("coverage", coverage_options("gru"));
  EXPECT_EQ(parameter_names(*gru),
            expected({"coverage_weight", "gru_key", "gru_query", "gru_weight", "gru_state", "gru_bias", "gru_state_bias"}));
  EXPECT_EQ(gru->named_parameters()["coverage_weight"].sizes(), at::IntArrayRef({2, 5, 3}));
  EXPECT_EQ(gru->named_parameters()["gru_key"].sizes(), at::IntArrayRef({2, 9, 3}));
}

// Weights [T, S] of one item and head by the formula, step after step.
at::Tensor weights_by_formula(const Mechanism& mechanism, const std::string& kind, const at::Tensor& query, const at::Tensor& keys,
                              std::int64_t h) {
  const auto parameters = mechanism.named_parameters();
  const auto of = [&](const char* name) { return parameters[name][h]; };
  const auto steps = query.size(0), n = keys.size(0), d = of("coverage_weight").size(1);
  auto c = at::zeros({n, d}, at::kDouble);
  std::vector<at::Tensor> all;
  for (std::int64_t t = 0; t < steps; ++t) {
    const auto sums = at::matmul(of("score.query_weight"), query[t]) + at::matmul(keys, of("score.key_weight").t()) +
                      at::matmul(c, of("coverage_weight").t());
    const auto w = at::softmax(at::matmul(sums.tanh(), of("score.energy")), 0);  // [S]
    all.push_back(w);
    if (kind == "sum") c = c + w.unsqueeze(1);
    if (kind == "fertility") c = c + w.unsqueeze(1) / (2 * at::sigmoid(at::matmul(keys, of("fertility_weight").t())));
    if (kind == "gru") {
      const auto input = at::cat({w.unsqueeze(1), keys, query[t].expand({n, -1})}, 1);
      const auto weight = at::cat({of("gru_weight").unsqueeze(1), of("gru_key"), of("gru_query")}, 1);
      c = at::gru_cell(input, c, weight, of("gru_state"), of("gru_bias"), of("gru_state_bias"));
    }
  }
  return at::stack(all);
}

TEST(Coverage, EqualsItsFormulaOfEveryKind) {
  for (const auto& kind : kKinds) {
    const auto mechanism = make_filled("coverage", coverage_options(kind));
    const auto r = run(*mechanism, kCoverageProblem);
    for (std::int64_t b = 0; b < 2; ++b)
      for (std::int64_t h = 0; h < 2; ++h) {
        const auto n = b == 0 ? 5 : 3;
        const auto expected =
            weights_by_formula(*mechanism, kind, kCoverageProblem.query[b][h], kCoverageProblem.keys[b][h].narrow(0, 0, n), h);
        EXPECT_TRUE(close(r.weights[b][h].narrow(1, 0, n), expected, 1e-13)) << kind;
        EXPECT_GT((expected[0] - expected[3]).abs().max().item<double>(), 1e-3) << "a case that tells steps apart";
      }
  }
}

// C is the plain running sum for all three kinds: Σ_s C_T = number of live steps.
TEST(Coverage, SumsToTheLiveStepsOfEveryKind) {
  for (const auto& kind : kKinds) {
    SCOPED_TRACE(kind);
    auto p = kCoverageProblem;
    p.mask.keep = bools({2, 1, 4, 5}, [](auto b, auto, auto t, auto) { return b == 0 || t != 2; });  // item 1 skips a step
    const auto r = run(*make_filled("coverage", coverage_options(kind)), p);
    const auto coverage = extra(r, "coverage");
    ASSERT_EQ(coverage.sizes(), at::IntArrayRef({2, 2, 4, 5}));
    EXPECT_TRUE(close(coverage, r.weights.cumsum(2), 1e-14));
    const auto live = at::tensor({1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 2.0, 3.0}, at::kDouble).view({2, 1, 4});
    EXPECT_TRUE(close(coverage.sum(-1), live.expand({2, 2, 4}), 1e-14));
    const auto loss = extra(r, "coverage_loss");
    ASSERT_EQ(loss.sizes(), at::IntArrayRef({2, 2, 4}));
    EXPECT_TRUE(close(loss, at::minimum(r.weights, coverage - r.weights).sum(-1), 1e-14));
    EXPECT_TRUE(all_zero(loss.select(2, 0))) << "nothing had been read";
    EXPECT_TRUE(all_zero(loss.select(2, 2)[1])) << "an empty row";
    EXPECT_TRUE(loss.ge(0).logical_and(loss.le(1 + 1e-15)).all().item<bool>());
  }
}

TEST(Coverage, EmptyRowPassesItsStateOn) {
  for (const auto& kind : kKinds) {
    SCOPED_TRACE(kind);
    const auto mechanism = make_filled("coverage", coverage_options(kind));
    auto with_gap = kCoverageProblem;
    with_gap.mask.keep = bools({1, 1, 4, 1}, [](auto, auto, auto t, auto) { return t != 1; });
    auto without = kCoverageProblem;
    const auto live = lengths({0, 2, 3});
    without.query = without.query.index_select(2, live);
    EXPECT_TRUE(close(run(*mechanism, with_gap).weights.index_select(2, live), run(*mechanism, without).weights, 1e-14));
  }
}

// The weights are set by a bias: with v = 0 every score is 0.
Result with_weights(const at::Tensor& weights) {  // [T, S]
  const auto mechanism = make_filled("coverage", {.query_size = 2, .key_size = 2});
  set_parameter(*mechanism, "score.energy", at::zeros({1, 2}));
  Problem p{wave({1, 1, weights.size(0), 2}), wave({1, 1, weights.size(1), 2}), wave({1, 1, weights.size(1), 2}), {}};
  p.mask.bias = weights.log().view({1, 1, weights.size(0), weights.size(1)});
  return run(*mechanism, p);
}

TEST(Coverage, LossOfTheHandCase) {
  const auto r = with_weights(at::tensor({0.7, 0.3, 0.4, 0.6}, at::kDouble).view({2, 2}));
  EXPECT_TRUE(close(extra(r, "coverage_loss").flatten(), at::tensor({0.0, 0.7}, at::kDouble), 1e-15));
}

TEST(Coverage, ReadingTheSameTwiceCostsOneAndReadingOnCostsNothing) {
  const auto again = with_weights(at::tensor({0.0, 1.0, 0.0, 0.0, 1.0, 0.0}, at::kDouble).view({2, 3}));
  EXPECT_TRUE(same(extra(again, "coverage_loss").flatten(), at::tensor({0.0, 1.0}, at::kDouble)));
  const auto onwards = with_weights(at::eye(3, at::kDouble));
  EXPECT_TRUE(all_zero(extra(onwards, "coverage_loss")));
}

TEST(Coverage, WithoutItsWeightItIsAdditive) {
  for (const auto& kind : kKinds) {
    const auto mechanism = make_filled("coverage", coverage_options(kind));
    set_parameter(*mechanism, "coverage_weight", at::zeros({2, 5, kind == "gru" ? 3 : 1}));
    const auto additive = make_filled("additive", coverage_options());
    for (const auto& name : parameter_names(*additive)) set_parameter(*additive, name, mechanism->named_parameters()[name].detach());
    expect_same(run(*mechanism, kCoverageProblem), run(*additive, kCoverageProblem), 1e-14);
  }
}

TEST(Coverage, StepsWithAStateEqualTheTeacherForcedCall) {
  for (const auto& kind : kKinds) {
    const auto mechanism = make_filled("coverage", coverage_options(kind));
    const auto whole = run(*mechanism, kCoverageProblem);
    const auto memory = mechanism->prepare(kCoverageProblem.keys, kCoverageProblem.values, kCoverageProblem.mask);
    const auto state = mechanism->start(memory, 1);
    std::vector<Result> steps;
    for (std::int64_t t = 0; t < 4; ++t)
      steps.push_back(mechanism->attend(kCoverageProblem.query.narrow(2, t, 1), memory, state.get(), Request::everything()));
    const auto joined = join_steps(steps, Request::everything());
    expect_same(joined, whole, 1e-14);
    for (const char* name : {"coverage", "coverage_loss"}) EXPECT_TRUE(close(extra(joined, name), extra(whole, name), 1e-14)) << kind;
  }
}

// Two hypotheses an item, exchanged and dropped on the way: as if each had been read from its beginning alone.
TEST(Coverage, ReorderedStateEqualsARecomputedOne) {
  for (const auto& kind : kKinds) {
    SCOPED_TRACE(kind);
    const auto mechanism = make_filled("coverage", coverage_options(kind));
    const auto memory = mechanism->prepare(kCoverageProblem.keys, kCoverageProblem.values, kCoverageProblem.mask);
    const auto state = mechanism->start(memory, 2);
    const auto step = [&](std::int64_t first, std::int64_t second) {
      return mechanism->attend(kCoverageProblem.query.index_select(2, lengths({first, second})), memory, state.get(),
                               Request::everything());
    };
    step(0, 1);
    step(2, 3);
    state->reorder(lengths({1, 0, 3, 3}), 2);  // item 0 exchanges its two, item 1 keeps the second twice
    const auto r = step(0, 0);
    const auto alone = [&](std::initializer_list<std::int64_t> history) {
      auto p = kCoverageProblem;
      p.query = p.query.index_select(2, lengths(history));
      return run(*mechanism, p).weights.select(2, 2);  // [B, H, S]
    };
    const auto first = alone({0, 2, 0}), second = alone({1, 3, 0});
    EXPECT_GT((first - second).abs().max().item<double>(), 1e-3);
    EXPECT_TRUE(close(r.weights[0].select(1, 0), second[0], 1e-14));
    EXPECT_TRUE(close(r.weights[0].select(1, 1), first[0], 1e-14));
    EXPECT_TRUE(close(r.weights[1].select(1, 0), second[1], 1e-14));
    EXPECT_TRUE(close(r.weights[1].select(1, 1), second[1], 1e-14));
  }
}

TEST(Coverage, MistakesAreNamed) {
  expect_error(ErrorKind::kUnknownName, {"coverage", "mean", "sum, fertility, gru"},
               [] { make_mechanism("coverage", coverage_options("mean")); });
  auto p = kCoverageProblem;
  p.mask.causal = true;
  expect_error(ErrorKind::kUnsupported, {"coverage", "causal"}, [&] { run(*make_filled("coverage", coverage_options()), p); });
}

}  // namespace
}  // namespace attend::testing
