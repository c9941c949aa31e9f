#include "attend/attention/scaled_dot.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

const Problem kScaledDotProblem{wave({2, 2, 3, 7}), wave({2, 2, 5, 7}, 0.5), wave({2, 2, 5, 4}, 0.9), {.causal = true}};
const MechanismOptions kScaledDotOptions{.heads = 2, .query_size = 7, .key_size = 7};

TEST(ScaledDot, EqualsDotOnShrunkenQueries) {
  auto shrunken = kScaledDotProblem;
  shrunken.query = kScaledDotProblem.query / std::sqrt(7.0);
  expect_same(run(*make_filled("scaled_dot", kScaledDotOptions), kScaledDotProblem), run(*make_filled("dot", kScaledDotOptions), shrunken),
              1e-14);
}

// The divisor is the constant √D, not a norm of the key: twice the key is twice the score.
TEST(ScaledDot, DividesByAConstantNotByANorm) {
  const auto mechanism = make_filled("scaled_dot", kScaledDotOptions);
  auto p = kScaledDotProblem;
  p.mask = {};
  const auto once = energies(run(*mechanism, p));
  EXPECT_TRUE(close(once, at::matmul(p.query, p.keys.mT()) / std::sqrt(7.0), 1e-13));
  p.keys = p.keys * 2;
  EXPECT_TRUE(close(energies(run(*mechanism, p)), once * 2, 1e-13));
}

TEST(ScaledDot, EqualsTheLibrarysFusedForm) {
  auto p = kScaledDotProblem;
  p.mask = {.keep = bools({2, 1, 3, 5}, [](auto b, auto, auto t, auto s) { return (b + t + s) % 3 != 1; })};
  const auto expected = at::scaled_dot_product_attention(p.query, p.keys, p.values, p.mask.keep);
  EXPECT_TRUE(close(run(*make_filled("scaled_dot", kScaledDotOptions), p).context, expected, 1e-13));
}

// Gemma 2 keeps its scores within a cap; what is hidden stays hidden, and a large cap changes next to nothing.
TEST(ScaledDot, ASoftCapBoundsTheScores) {
  auto capped = kScaledDotOptions;
  capped.of<SoftCapOptions>().cap = 0.2;
  const auto free = run(*make_filled("scaled_dot", kScaledDotOptions), kScaledDotProblem),
             bound = run(*make_filled("scaled_dot", capped), kScaledDotProblem);
  EXPECT_TRUE(close(bound.scores, (free.scores / 0.2).tanh() * 0.2 + at::where(free.scores.isinf(), free.scores, 0.0), 1e-14));
  EXPECT_LT(bound.scores.masked_fill(free.scores.isinf(), 0.0).abs().max().item<double>(), 0.2);
  capped.of<SoftCapOptions>().cap = 1e6;
  expect_same(run(*make_filled("scaled_dot", capped), kScaledDotProblem), free, 1e-9);
}

TEST(ScaledDot, HasNoParameters) { EXPECT_TRUE(parameter_names(*make_filled("scaled_dot", kScaledDotOptions)).empty()); }

}  // namespace
}  // namespace attend::testing
