#include "attend/attention/monotonic.h"

#include "attend/ops/draws.h"
#include "attention/single_head.h"

namespace attend::testing {
namespace {

const MechanismOptions kMonotonicOptions{.heads = 2, .query_size = 4, .key_size = 3, .own = OptionSet().set(&EnergyOptions::size, 5)};
const Problem kMonotonicProblem{wave({2, 2, 4, 4}), wave({2, 2, 7, 3}, 0.5), wave({2, 2, 7, 2}, 0.9), {.key_lengths = lengths({7, 4})}};
constexpr std::uint64_t kSeed = 8;

// The noise that a call of T steps in training draws after at::manual_seed(kSeed): [B, H, T, S].
at::Tensor noise(const Problem& p) {
  at::manual_seed(kSeed);
  std::vector<at::Tensor> steps;
  for (std::int64_t t = 0; t < p.query.size(2); ++t)
    steps.push_back(normal_draws(draw_keys(/*place=*/0, p.query.size(0)), {p.query.size(1), 1, p.keys.size(2)}));
  return at::cat(steps, 2);
}

// w[t, s] = p[t, s] Σ_{j ≤ s} w[t−1, j] Π_{j ≤ l < s} (1 − p[t, l]): the recurrence written out. p [.., T, S].
at::Tensor expected_alignment(const at::Tensor& p) {
  const auto steps = p.size(-2), keys = p.size(-1);
  auto before = at::zeros_like(p.select(-2, 0));
  before.select(-1, 0).fill_(1);
  std::vector<at::Tensor> all;
  for (std::int64_t t = 0; t < steps; ++t) {
    auto w = at::zeros_like(before);
    for (std::int64_t s = 0; s < keys; ++s)
      for (std::int64_t j = 0; j <= s; ++j) {
        const auto passed = (1 - p.select(-2, t).narrow(-1, j, s - j)).prod(-1);
        w.select(-1, s) += before.select(-1, j) * passed * p.select(-2, t).select(-1, s);
      }
    all.push_back(w);
    before = w;
  }
  return at::stack(all, -2);
}

// One item whose energies are e [T, S], whatever the query: a bias makes up for scores (and, in training, for the noise).
Result with_energies(const at::Tensor& e, bool training) {
  const auto mechanism = make_filled("monotonic", {.query_size = 4, .key_size = 3});
  Problem p{wave({1, 1, e.size(0), 4}), wave({1, 1, e.size(1), 3}), wave({1, 1, e.size(1), 2}, 0.9), {}};
  p.mask.bias = e - run(*mechanism, p).scores.detach();
  if (training) p.mask.bias = p.mask.bias - noise(p);
  mechanism->train(training);
  at::manual_seed(kSeed);
  return run(*mechanism, p);
}

TEST(Monotonic, ParametersKeepTheirNamesAndStart) {
  const auto fresh = make_mechanism("monotonic", kMonotonicOptions);
  EXPECT_EQ(parameter_names(*fresh),
            std::vector<std::string>({"offset", "score.query_weight", "score.key_weight", "score.energy", "score.bias", "score.gain"}));
  EXPECT_TRUE(same(fresh->named_parameters()["offset"], at::full({2}, -4.0)));
  EXPECT_TRUE(close(fresh->named_parameters()["score.gain"], at::full({2}, 1 / std::sqrt(5.0)), 1e-7));
}

TEST(Monotonic, EnergiesAreItsFormula) {
  const auto mechanism = make_filled("monotonic", kMonotonicOptions);
  const auto w = mechanism->named_parameters();
  const auto q = at::einsum("bhtq,heq->bhte", {kMonotonicProblem.query, w["score.query_weight"]});
  const auto k = at::einsum("bhsd,hed->bhse", {kMonotonicProblem.keys, w["score.key_weight"]});
  const auto hidden = (q.unsqueeze(3) + k.unsqueeze(2) + w["score.bias"].view({2, 1, 1, 5})).tanh();
  const auto v = w["score.gain"].unsqueeze(1) * w["score.energy"] / w["score.energy"].norm(2, {1}, true);
  auto p = kMonotonicProblem;
  p.mask = {};
  EXPECT_TRUE(close(run(*mechanism, p).scores, at::einsum("bhtse,he->bhts", {hidden, v}) + w["offset"].view({2, 1, 1}), 1e-13));
}

TEST(Monotonic, TrainingIsTheExpectedAlignmentUnderNoise) {
  const auto mechanism = make_filled("monotonic", kMonotonicOptions);
  const auto e = run(*mechanism, kMonotonicProblem).scores;  // −inf where hidden
  const auto expected = expected_alignment(at::sigmoid(e + noise(kMonotonicProblem)));
  mechanism->train();
  at::manual_seed(kSeed);
  const auto r = run(*mechanism, kMonotonicProblem);
  EXPECT_TRUE(close(r.weights, expected, 1e-14));
  EXPECT_TRUE(close(r.context, at::matmul(expected, kMonotonicProblem.values), 1e-14));
  EXPECT_TRUE(all_zero(r.weights[1].narrow(2, 4, 3))) << "hidden positions have p = 0";
  EXPECT_TRUE(r.weights.sum(-1).le(1 + 1e-15).all().item<bool>());
  EXPECT_FALSE(close(run(*mechanism, kMonotonicProblem).weights, r.weights, 1e-3)) << "every call draws anew";
}

TEST(Monotonic, TrainingGradientIsThatOfTheAlignment) {
  const auto mechanism = make_filled("monotonic", kMonotonicOptions);
  mechanism->train();
  auto p = kMonotonicProblem, q = p;
  p.mask.bias = leaf(wave({2, 2, 4, 7}, 0.3)), q.mask.bias = leaf(p.mask.bias);
  at::manual_seed(kSeed);
  const auto r = run(*mechanism, p);
  (r.weights * wave(r.weights.sizes(), 0.7)).sum().backward();
  const auto drawn = noise(q);
  auto plain = q;
  plain.mask.bias = at::Tensor();
  mechanism->eval();
  const auto e = run(*mechanism, plain).scores.detach() + q.mask.bias;
  (expected_alignment(at::sigmoid(e + drawn)) * wave(r.weights.sizes(), 0.7)).sum().backward();
  EXPECT_TRUE(close(p.mask.bias.grad(), q.mask.bias.grad(), 1e-13));
}

// "I love you": the energies are the dot scores of the first two steps.
TEST(Monotonic, WorkedExample) {
  const auto e = at::tensor({0.924094, -0.289927, -0.842226, -0.128625, 0.847819, -0.442617}, at::kDouble).view({2, 3});
  const auto r = with_energies(e, true);
  EXPECT_TRUE(close(r.weights[0][0][1], at::tensor({0.334950, 0.351831, 0.078080}, at::kDouble), 1e-6));
  EXPECT_NEAR(r.weights[0][0][1].sum().item<double>(), 0.764861, 1e-6);
  EXPECT_TRUE(same(with_energies(e, false).weights[0][0], at::tensor({1, 0, 0, 0, 1, 0}, at::kDouble).view({2, 3})));
}

TEST(Monotonic, FairCoinsGiveTheirDistribution) {  // w[0, s] = 2^−(s+1), w[1, s] = (s + 1) 2^−(s+2)
  const auto w = with_energies(at::zeros({2, 9}, at::kDouble), true).weights[0][0];
  const auto s = at::arange(9, at::kDouble);
  EXPECT_TRUE(close(w[0], at::exp2(-(s + 1)), 1e-14));
  EXPECT_TRUE(close(w[1], (s + 1) * at::exp2(-(s + 2)), 1e-14));
}

TEST(Monotonic, StoppingAlwaysStaysAtTheBeginning) {
  const auto first = at::eye(5, at::kDouble)[0].expand({4, 5});
  for (const bool training : {true, false})
    EXPECT_TRUE(same(with_energies(at::full({4, 5}, 1e4, at::kDouble), training).weights[0][0], first));
}

// With p of 0 and 1 nothing is left to chance. It may stay, it never returns, and past the last stop there is nothing.
TEST(Monotonic, CertainStopsMakeSoftAndHardEqual) {
  const auto stop = at::tensor({0, 1, 0, 1, 1,   //
                                1, 1, 0, 0, 1,   // stays at 1; 0 is behind it
                                1, 0, 0, 1, 0,   //
                                1, 1, 1, 0, 0,   // no stop from 3 on
                                1, 1, 1, 1, 1},  // nor ever again
                               at::kDouble)
                        .view({5, 5});
  const auto e = (2 * stop - 1) * 1e4;
  const auto hard = with_energies(e, false), soft = with_energies(e, true);
  auto expected = at::zeros({5, 5}, at::kDouble);
  expected[0][1] = expected[1][1] = expected[2][3] = 1;
  EXPECT_TRUE(same(hard.weights[0][0], expected));
  EXPECT_TRUE(same(soft.weights, hard.weights));
  EXPECT_TRUE(same(soft.context, hard.context));
  EXPECT_TRUE(all_zero(hard.context[0][0].narrow(0, 3, 2)));
  EXPECT_FALSE(hard.lse.defined());
}

TEST(Monotonic, EmptyRowPassesItsStateOn) {
  for (const bool training : {true, false}) {
    auto e = at::tensor({-1e4, 1e4, -1e4, 0.0, 0.0, 0.0, 1e4, -1e4, 1e4}, at::kDouble).view({3, 3});
    e[1].fill_(-std::numeric_limits<double>::infinity());
    const auto w = with_energies(e, training).weights[0][0];
    EXPECT_TRUE(same(w, at::tensor({0, 1, 0, 0, 0, 0, 0, 0, 1}, at::kDouble).view({3, 3}))) << "training=" << training;
  }
}

TEST(Monotonic, StepsWithAStateEqualTheTeacherForcedCall) {
  for (const bool training : {true, false}) {
    const auto mechanism = make_filled("monotonic", kMonotonicOptions);
    set_parameter(*mechanism, "offset", at::zeros({2}));
    mechanism->train(training);
    at::manual_seed(kSeed);
    const auto whole = run(*mechanism, kMonotonicProblem);
    const auto memory = mechanism->prepare(kMonotonicProblem.keys, kMonotonicProblem.values, kMonotonicProblem.mask);
    const auto state = mechanism->start(memory, 1);
    at::manual_seed(kSeed);
    for (std::int64_t t = 0; t < 4; ++t) {
      const auto r = mechanism->attend(kMonotonicProblem.query.narrow(2, t, 1), memory, state.get(), Request::everything());
      EXPECT_TRUE(close(r.weights.select(2, 0), whole.weights.select(2, t), 1e-14)) << "training=" << training << " step " << t;
    }
  }
}

TEST(Monotonic, HypothesesKeepTheirOwnPlace) {
  const auto mechanism = make_filled("monotonic", {.query_size = 4, .key_size = 3});
  Problem p{wave({1, 1, 2, 4}), wave({1, 1, 4, 3}), wave({1, 1, 4, 2}), {}};
  const auto scores = run(*mechanism, p).scores.detach();
  const auto step = [&](State& state, std::initializer_list<double> stops) {
    auto memory = mechanism->prepare(
        p.keys, p.values, {.bias = (2 * at::tensor(at::ArrayRef<double>(stops), at::kDouble).view({1, 1, 2, 4}) - 1) * 1e4 - scores});
    return mechanism->attend(p.query, memory, &state, Request::everything()).weights[0][0].argmax(-1);
  };
  const auto state = mechanism->start(mechanism->prepare(p.keys, p.values, {}), 2);
  EXPECT_TRUE(same(step(*state, {0, 1, 0, 0, 0, 0, 1, 0}), lengths({1, 2})));
  state->reorder(lengths({1, 0}), 2);
  EXPECT_TRUE(same(step(*state, {1, 1, 0, 1, 1, 1, 0, 1}), lengths({3, 1}))) << "the first row stands at 2 now, the second at 1";
}

TEST(Monotonic, MistakesAreNamed) {
  auto p = kMonotonicProblem;
  p.mask.causal = true;
  expect_error(ErrorKind::kUnsupported, {"monotonic", "causal"}, [&] { run(*make_filled("monotonic", kMonotonicOptions), p); });
}

}  // namespace
}  // namespace attend::testing
