#include "attend/attention/positions.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

MechanismOptions with_scheme(const std::string& scheme, std::int64_t heads = 2) {
  MechanismOptions o{.heads = heads, .query_size = 4, .key_size = 4};
  o.position = scheme;
  o.of<RelativeOptions>().reach = 2;
  return o;
}

Problem problem_of(std::int64_t queries, std::int64_t keys, std::int64_t heads = 2) {
  return {wave({2, heads, queries, 4}), wave({2, heads, keys, 4}, 0.5), wave({2, heads, keys, 3}, 0.9), {}};
}

// The scores of a mechanism without the scheme, t_abs and s as loops: what each scheme adds by its formula.
TEST(Positions, AlibiEqualsItsFormula) {
  auto p = problem_of(3, 5);
  p.mask.causal = true;  // t_abs = t + 2
  const auto r = run(*make_filled("scaled_dot", with_scheme("alibi")), p),
             plain = run(*make_filled("scaled_dot", {.heads = 2, .query_size = 4, .key_size = 4}), p);
  const auto difference = r.scores - plain.scores;
  for (std::int64_t h = 0; h < 2; ++h)
    for (std::int64_t t = 0; t < 3; ++t)
      for (std::int64_t s = 0; s <= t + 2; ++s)
        EXPECT_NEAR(difference[0][h][t][s].item<double>(),
                    -std::pow(2.0, -4.0 * static_cast<double>(h + 1)) * std::abs(static_cast<double>(t + 2 - s)), 1e-14);
}

TEST(Positions, AlibiHandCase) {
  auto o = with_scheme("alibi", 8);
  const Problem p{
      at::zeros({1, 8, 3, 4}, at::kDouble), at::zeros({1, 8, 3, 4}, at::kDouble), at::ones({1, 8, 3, 1}, at::kDouble), {.causal = true}};
  const auto weights = run(*make_filled("scaled_dot", o), p).weights[0][0][2];
  EXPECT_TRUE(close(weights, at::tensor({0.186324, 0.307196, 0.506480}, at::kDouble), 1e-6));
}

TEST(Positions, AlibiSlopes) {
  const auto power = [](std::initializer_list<double> exponents) {
    return at::pow(2.0, -at::tensor(at::ArrayRef<double>(exponents), at::kDouble));
  };
  EXPECT_TRUE(close(alibi_slopes(8), power({1, 2, 3, 4, 5, 6, 7, 8}), 1e-15));
  EXPECT_TRUE(close(alibi_slopes(6), power({2, 4, 6, 8, 1, 3}), 1e-15));
}

TEST(Positions, RelativeBuckets) {
  const auto one = [](std::int64_t distance, bool causal) {
    return relative_buckets(at::full({1}, distance, at::kLong), causal).item<std::int64_t>();
  };
  EXPECT_EQ(one(-20, false), 10);
  EXPECT_EQ(one(20, false), 26);
  EXPECT_EQ(one(-20, true), 17);
  EXPECT_EQ(one(0, false), 0);
  EXPECT_EQ(one(7, false), 16 + 7);
  EXPECT_EQ(one(-1000, false), 15);
  EXPECT_EQ(one(1000, false), 31);
  EXPECT_EQ(one(-15, true), 15);
  EXPECT_EQ(one(-100000, true), 31);
}

TEST(Positions, RelativeBiasIsLookedUpByDistance) {
  const auto mechanism = make_filled("scaled_dot", with_scheme("relative_bias"));
  const auto bias = wave({2, 32}, 4.2);
  set_parameter(*mechanism, "positions.bias", bias);
  auto p = problem_of(4, 4);
  const auto difference =
      run(*mechanism, p).scores - run(*make_filled("scaled_dot", {.heads = 2, .query_size = 4, .key_size = 4}), p).scores;
  for (std::int64_t t = 0; t < 4; ++t)
    for (std::int64_t s = 0; s < 4; ++s)
      EXPECT_NEAR(difference[1][1][t][s].item<double>(), bias[1][s <= t ? t - s : 16 + s - t].item<double>(), 1e-14);
}

TEST(Positions, RelativeEqualsItsFormula) {
  const auto mechanism = make_filled("scaled_dot", with_scheme("relative"));
  const auto w = mechanism->named_parameters();
  const auto& a_key = w["positions.key_table"];
  const auto& a_value = w["positions.value_table"];
  ASSERT_EQ(a_key.sizes(), at::IntArrayRef({2, 5, 4}));
  auto o = with_scheme("relative");
  const auto p = problem_of(5, 5);
  auto with_values = o;
  with_values.value_size = 3;
  const auto shaped = make_filled("scaled_dot", with_values);
  const auto ws = shaped->named_parameters();
  const auto r = run(*shaped, p);
  for (std::int64_t t = 0; t < 5; ++t) {
    auto e = at::empty({5}, at::kDouble);
    auto context = at::zeros({3}, at::kDouble);
    for (std::int64_t s = 0; s < 5; ++s) {
      const auto row = std::clamp<std::int64_t>(s - t, -2, 2) + 2;
      e[s] = p.query[1][0][t].dot(p.keys[1][0][s] + ws["positions.key_table"][0][row]) / 2;
    }
    const auto weights = e.softmax(0);
    for (std::int64_t s = 0; s < 5; ++s)
      context += weights[s] * (p.values[1][0][s] + ws["positions.value_table"][0][std::clamp<std::int64_t>(s - t, -2, 2) + 2]);
    EXPECT_TRUE(close(r.weights[1][0][t], weights, 1e-13));
    EXPECT_TRUE(close(r.context[1][0][t], context, 1e-13));
  }
  EXPECT_EQ(a_value.size(1), 5);
}

TEST(Positions, EmptyRelativeTablesChangeNothing) {
  auto o = with_scheme("relative");
  o.value_size = 3;
  const auto mechanism = make_filled("scaled_dot", o);
  set_parameter(*mechanism, "positions.key_table", at::zeros({2, 5, 4}));
  set_parameter(*mechanism, "positions.value_table", at::zeros({2, 5, 3}));
  const auto p = problem_of(3, 5);
  expect_same(run(*mechanism, p), run(*make_filled("scaled_dot", {.heads = 2, .query_size = 4, .key_size = 4}), p), 1e-14);
}

// Only distances count: the same queries and keys further along give the same numbers.
TEST(Positions, ShiftingAllPositionsChangesNothing) {
  for (const auto* scheme : {"relative", "relative_bias", "rotary", "alibi"}) {
    auto o = with_scheme(scheme);
    o.value_size = 3;
    const auto mechanism = make_filled("scaled_dot", o);
    auto p = problem_of(4, 4);
    p.mask.causal = true;
    const auto before = run(*mechanism, p);
    // Three keys before them that nobody may see.
    Problem later{p.query, at::cat({wave({2, 2, 3, 4}, 8), p.keys}, 2), at::cat({wave({2, 2, 3, 3}, 9), p.values}, 2), {.causal = true}};
    later.mask.keep = bools({1, 1, 4, 7}, [](auto, auto, auto, auto s) { return s >= 3; });
    const auto after = run(*mechanism, later);
    EXPECT_TRUE(close(after.weights.narrow(3, 3, 4), before.weights, 1e-12)) << scheme;
    EXPECT_TRUE(close(after.context, before.context, 1e-12)) << scheme;
  }
}

TEST(Positions, RotationKeepsNormsAndStartsAtNothing) {
  const auto x = wave({2, 3, 6, 8});
  for (const bool adjacent : {true, false}) {
    const auto y = rotate(x, at::arange(6, at::kLong).unsqueeze(0), adjacent);
    EXPECT_TRUE(close(y.norm(2, {3}), x.norm(2, {3}), 1e-12));
    EXPECT_TRUE(same(y.select(2, 0), x.select(2, 0)));
    EXPECT_FALSE(close(y.select(2, 1), x.select(2, 1), 1e-3));
  }
}

TEST(Positions, RotationTurnsTheSaidPairs) {
  const auto x = at::tensor({1.0, 0.0, 0.0, 0.0}, at::kDouble).view({1, 1, 1, 4}), one = at::ones({1, 1}, at::kLong);
  EXPECT_TRUE(close(rotate(x, one, true).flatten(), at::tensor({std::cos(1.0), std::sin(1.0), 0.0, 0.0}, at::kDouble), 1e-15));
  EXPECT_TRUE(close(rotate(x, one, false).flatten(), at::tensor({std::cos(1.0), 0.0, std::sin(1.0), 0.0}, at::kDouble), 1e-15));
  const auto second = at::tensor({0.0, 0.0, 1.0, 0.0}, at::kDouble).view({1, 1, 1, 4});
  EXPECT_TRUE(close(rotate(second, one, true).flatten(), at::tensor({0.0, 0.0, std::cos(0.01), std::sin(0.01)}, at::kDouble), 1e-15));
}

TEST(Positions, WhatDoesNotGoTogetherIsRefused) {
  expect_error(ErrorKind::kValue, {"relative", "additive", "scaled_dot"}, [] { make_mechanism("additive", with_scheme("relative")); });
  auto odd = with_scheme("rotary");
  odd.query_size = odd.key_size = 3;
  expect_error(ErrorKind::kValue, {"rotary", "even", "3"}, [&] { make_mechanism("scaled_dot", odd); });
  expect_error(ErrorKind::kUnknownName, {"alibii", "alibi"}, [] { make_mechanism("scaled_dot", with_scheme("alibii")); });
}

}  // namespace
}  // namespace attend::testing
