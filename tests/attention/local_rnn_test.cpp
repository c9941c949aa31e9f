#include "attend/attention/local_rnn.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

MechanismOptions local_rnn_options(const char* cell = "gru") {
  return {.query_size = 4, .key_size = 3, .own = OptionSet().set(&LocalRnnOptions::cell, cell).set(&LocalRnnOptions::size, 5)};
}
MechanismOptions windowed(std::int64_t window) {
  auto o = local_rnn_options();
  o.of<LocalRnnOptions>().whole = false;
  o.of<LocalOptions>().window = window;
  return o;
}
const Problem kWalkProblem{wave({2, 1, 3, 4}), wave({2, 1, 6, 3}, 0.5), wave({2, 1, 6, 2}, 0.9), {}};

// e [B, T, S] by the formula, with libtorch's own cells: one walk for each query.
at::Tensor walked(const Mechanism& mechanism, const std::string& cell, const Problem& p) {
  const auto w = mechanism.named_parameters();
  const auto of = [&](const char* name) { return w[std::string("score.") + name][0]; };
  const auto input_weight = at::cat({of("key_weight"), of("query_weight")}, 1);  // of [k; q]
  const auto batch = p.query.size(0), queries = p.query.size(2), keys = p.keys.size(2);
  const auto q = p.query.squeeze(1).flatten(0, 1);  // [B·T, Dq]
  auto g = at::linear(q, of("start_weight"), of("start_bias")).tanh();
  auto c = at::zeros_like(g);
  std::vector<at::Tensor> e;
  for (std::int64_t s = 0; s < keys; ++s) {
    const auto k = p.keys.select(2, s).expand({batch, queries, -1}).flatten(0, 1);
    const auto input = at::cat({k, q}, 1);
    const auto none = at::zeros_like(of("cell_bias"));
    if (cell == "gru") g = at::gru_cell(input, g, input_weight, of("state_weight"), of("cell_bias"), of("state_bias"));
    if (cell == "rnn_tanh") g = at::rnn_tanh_cell(input, g, input_weight, of("state_weight"), of("cell_bias"), none);
    if (cell == "lstm") std::tie(g, c) = at::lstm_cell(input, {g, c}, input_weight, of("state_weight"), of("cell_bias"), none);
    e.push_back(at::matmul(at::cat({g, q}, 1), of("energy")) + of("energy_bias"));
  }
  return at::stack(e, 1).view({batch, queries, keys});
}

TEST(LocalRnn, ParametersKeepTheirNamesAndShapes) {
  const auto mechanism = make_filled("local_rnn", local_rnn_options());
  EXPECT_EQ(parameter_names(*mechanism),
            std::vector<std::string>({"score.start_weight", "score.start_bias", "score.key_weight", "score.query_weight",
                                      "score.state_weight", "score.cell_bias", "score.state_bias", "score.energy", "score.energy_bias"}));
  const auto w = mechanism->named_parameters();
  EXPECT_EQ(w["score.start_weight"].sizes(), at::IntArrayRef({1, 5, 4}));
  EXPECT_EQ(w["score.key_weight"].sizes(), at::IntArrayRef({1, 15, 3}));
  EXPECT_EQ(w["score.query_weight"].sizes(), at::IntArrayRef({1, 15, 4}));
  EXPECT_EQ(w["score.energy"].sizes(), at::IntArrayRef({1, 9}));
  EXPECT_EQ(make_mechanism("local_rnn", local_rnn_options("lstm"))->named_parameters()["score.key_weight"].size(1), 20);
}

TEST(LocalRnn, EqualsItsFormulaWithEveryCell) {
  for (const std::string cell : {"gru", "lstm", "rnn_tanh"})
    for (const std::int64_t window : {100, 2}) {
      SCOPED_TRACE(fmt::format("{}, R = {}", cell, window));
      auto o = local_rnn_options(cell.c_str());
      o.of<LocalRnnOptions>().whole = window == 100;
      o.of<LocalOptions>().window = 2;
      const auto mechanism = make_filled("local_rnn", o);
      const auto e = walked(*mechanism, cell, kWalkProblem);
      const auto r = run(*mechanism, kWalkProblem);
      EXPECT_TRUE(close(r.scores.squeeze(1), e, 1e-13));
      const auto alpha = at::softmax(e, -1);
      auto omega = at::zeros_like(e);
      for (std::int64_t s = 0; s < 6; ++s) {
        const auto first = std::max<std::int64_t>(0, s - window);
        omega.narrow(2, first, s - first + 1) += alpha.narrow(2, s, 1) * at::softmax(e.narrow(2, first, s - first + 1), -1);
      }
      EXPECT_TRUE(close(r.weights.squeeze(1), omega, 1e-14));
      EXPECT_TRUE(close(r.context.squeeze(1), at::matmul(omega, kWalkProblem.values.squeeze(1)), 1e-13));
      EXPECT_TRUE(close(r.lse.squeeze(1), e.logsumexp(-1), 1e-13)) << "of the outer softmax";
      EXPECT_TRUE(close(r.entropy.squeeze(1), -(omega * omega.log()).sum(-1), 1e-13)) << "of the effective weights";
    }
}

TEST(LocalRnn, NoWindowLeavesTheOuterWeights) {
  const auto r = run(*make_filled("local_rnn", windowed(0)), kWalkProblem);
  const auto& outer = r.extras.at("outer").value;
  EXPECT_TRUE(close(outer, at::softmax(r.scores, -1), 1e-15));
  EXPECT_TRUE(close(r.context, at::matmul(outer, kWalkProblem.values), 1e-15));
}

// a = 0: α = 1/S and ω_j = (η(S) − η(j))/S with η(n) = Σ_{i ≤ n} 1/i; early positions are favoured by construction.
TEST(LocalRnn, ConstantScoresFavourEarlyPositions) {
  const auto mechanism = make_filled("local_rnn", local_rnn_options());
  set_parameter(*mechanism, "score.energy", at::zeros({1, 9}));
  auto p = kWalkProblem;
  p.keys = p.keys.narrow(2, 0, 5), p.values = p.values.narrow(2, 0, 5);
  const auto r = run(*mechanism, p);
  const auto expected = at::tensor({0.456667, 0.256667, 0.156667, 0.09, 0.04}, at::kDouble);
  EXPECT_TRUE(close(r.weights, expected.expand({2, 1, 3, 5}), 1e-6));
  EXPECT_TRUE(close(r.extras.at("outer").value, at::full({2, 1, 3, 5}, 0.2, at::kDouble), 1e-15));
}

TEST(LocalRnn, RawInnerSumsTheScoresThemselves) {
  auto o = windowed(2);
  o.of<LocalRnnOptions>().inner = "raw";
  const auto mechanism = make_filled("local_rnn", o);
  auto p = kWalkProblem;
  p.mask.keep = bools({2, 1, 1, 6}, [](auto b, auto, auto, auto s) { return b == 0 || s != 1; });
  const auto r = run(*mechanism, p);
  EXPECT_EQ(r.kind, WeightKind::kUnnormalised);
  const auto alpha = at::softmax(r.scores, -1);
  auto context = at::zeros_like(r.context);
  for (std::int64_t b = 0; b < 2; ++b)
    for (std::int64_t s = 0; s < 6; ++s)
      for (std::int64_t j = std::max<std::int64_t>(0, s - 2); j <= s; ++j) {
        if (b == 1 && (s == 1 || j == 1)) continue;
        context[b][0] += (alpha[b][0].select(1, s) * r.scores[b][0].select(1, j)).unsqueeze(1) * p.values[b][0][j];
      }
  EXPECT_TRUE(close(r.context, context, 1e-13));
  EXPECT_TRUE(close(r.weights, at::matmul(r.extras.at("outer").value.unsqueeze(-2), r.extras.at("inner").value).squeeze(-2), 1e-15));
  // b shifts every score alike: it is learned here, where scores are more than their differences.
  r.context.sum().backward();
  EXPECT_GT(mechanism->named_parameters()["score.energy_bias"].grad().abs().item<double>(), 1e-3);
}

TEST(LocalRnn, ShiftOfEveryScoreHasNoGradientUnlessRaw) {
  const auto mechanism = make_filled("local_rnn", local_rnn_options());
  run(*mechanism, kWalkProblem).context.sum().backward();
  EXPECT_TRUE(close(mechanism->named_parameters()["score.energy_bias"].grad(), at::zeros({1}, at::kDouble), 1e-14));
  EXPECT_TRUE(close(mechanism->named_parameters()["score.energy"].grad().narrow(1, 5, 4), at::zeros({1, 4}, at::kDouble), 1e-14))
      << "the q half";
}

TEST(LocalRnn, StateIsCarriedOverHiddenPositions) {
  for (const char* cell : {"gru", "lstm", "rnn_tanh"}) {
    SCOPED_TRACE(cell);
    const auto mechanism = make_filled("local_rnn", local_rnn_options(cell));
    auto hiding = kWalkProblem;
    hiding.mask.keep = bools({1, 1, 1, 6}, [](auto, auto, auto, auto s) { return s != 0 && s != 3; });
    const auto left = lengths({1, 2, 4, 5});
    const auto r = run(*mechanism, hiding);
    const auto without =
        run(*mechanism, {kWalkProblem.query, kWalkProblem.keys.index_select(2, left), kWalkProblem.values.index_select(2, left), {}});
    EXPECT_TRUE(close(r.weights.index_select(3, left), without.weights, 1e-14));
    EXPECT_TRUE(close(r.context, without.context, 1e-14));
  }
}

TEST(LocalRnn, ExtrasAreTheTwoDistributions) {
  const auto mechanism = make_filled("local_rnn", windowed(2));
  auto p = kWalkProblem;
  p.mask.key_lengths = lengths({6, 0});
  const auto r = run(*mechanism, p);
  const auto &outer = r.extras.at("outer").value, &inner = r.extras.at("inner").value;
  ASSERT_EQ(outer.sizes(), at::IntArrayRef({2, 1, 3, 6}));
  ASSERT_EQ(inner.sizes(), at::IntArrayRef({2, 1, 3, 6, 6}));
  EXPECT_TRUE(close(r.weights, at::matmul(outer.unsqueeze(-2), inner).squeeze(-2), 1e-15));
  const auto reach = bools({1, 1, 6, 6}, [](auto, auto, auto s, auto j) { return j <= s && j >= s - 2; }).to(at::kDouble);
  EXPECT_TRUE(same(inner[0].gt(0).to(at::kDouble), reach.expand({1, 3, 6, 6})));
  EXPECT_TRUE(close(inner[0].sum(-1), at::ones({1, 3, 6}, at::kDouble), 1e-15));
  EXPECT_TRUE(all_zero(outer[1]) && all_zero(inner[1])) << "an empty item";
  EXPECT_TRUE(run(*mechanism, p, {}).extras.empty());
}

// A recurrent decoder calls it step by step and joins the results.
TEST(LocalRnn, StepsJoinToTheWholeCall) {
  const auto mechanism = make_filled("local_rnn", windowed(2));
  const auto whole = run(*mechanism, kWalkProblem);
  std::vector<Result> steps;
  for (std::int64_t t = 0; t < 3; ++t)
    steps.push_back(run(*mechanism, {kWalkProblem.query.narrow(2, t, 1), kWalkProblem.keys, kWalkProblem.values, {}}));
  const auto joined = join_steps(steps, Request::everything());
  expect_same(joined, whole, 1e-14);
  for (const char* name : {"outer", "inner"}) EXPECT_TRUE(close(joined.extras.at(name).value, whole.extras.at(name).value, 1e-14)) << name;
}

TEST(LocalRnn, MistakesAreNamed) {
  expect_error(ErrorKind::kUnknownName, {"local_rnn", "local_cell", "grue", "gru"},
               [] { make_mechanism("local_rnn", local_rnn_options("grue")); });
  auto o = local_rnn_options();
  o.of<LocalRnnOptions>().inner = "plain";
  expect_error(ErrorKind::kUnknownName, {"local_rnn", "local_inner", "plain", "softmax, raw"}, [&] { make_mechanism("local_rnn", o); });
}

}  // namespace
}  // namespace attend::testing
