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

TEST(ScaledDot, HasNoParameters) { EXPECT_TRUE(parameter_names(*make_filled("scaled_dot", kScaledDotOptions)).empty()); }

}  // namespace
}  // namespace attend::testing
