#include "attend/attention/dot.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

TEST(Dot, ScoresArePlainProducts) {
  const auto dot = make_filled("dot", {.heads = 2, .query_size = 3, .key_size = 3});
  const Problem p{wave({2, 2, 3, 3}), wave({2, 2, 5, 3}, 0.5), wave({2, 2, 5, 4}, 0.9), {}};
  const auto r = run(*dot, p);
  const auto expected = at::matmul(p.query, p.keys.mT());
  EXPECT_TRUE(close(energies(r), expected, 1e-13));
  EXPECT_TRUE(close(r.context, at::matmul(at::softmax(expected, -1), p.values), 1e-13));
}

TEST(Dot, HasNoParameters) { EXPECT_TRUE(parameter_names(*make_filled("dot", {.query_size = 3, .key_size = 3})).empty()); }

// The paper's caution: the variance of the scores grows with D, so wide states saturate the softmax; √D undoes it.
TEST(Dot, SaturatesForWideStatesWhereScaledDotDoesNot) {
  const auto mean_entropy = [](const char* name, std::int64_t size) {
    const auto mechanism = make_filled(name, {.query_size = size, .key_size = size});
    return run(*mechanism, {wave({1, 1, 16, size}), wave({1, 1, 16, size}, 0.5), wave({1, 1, 16, 1}), {}}).entropy.mean().item<double>();
  };
  EXPECT_LT(mean_entropy("dot", 509), 0.5 * mean_entropy("dot", 3));
  EXPECT_GT(mean_entropy("scaled_dot", 509), 0.8 * std::log(16.0));
}

TEST(Dot, ScaledByTheRootOfDIsScaledDot) {
  const MechanismOptions plain{.heads = 2, .query_size = 3, .key_size = 3};
  auto root = plain;
  root.of<ScalingOptions>().scaling = "root";
  const Problem p{wave({2, 2, 3, 3}), wave({2, 2, 5, 3}, 0.5), wave({2, 2, 5, 4}, 0.9), {}};
  expect_same(run(*make_filled("dot", root), p), run(*make_filled("scaled_dot", plain), p), 1e-14);
}

TEST(Dot, QueriesScoreKeysAndNeverTouchValues) {
  const auto dot = make_filled("dot", {.query_size = 3, .key_size = 3});
  const Problem p{wave({1, 1, 2, 3}), wave({1, 1, 4, 3}, 0.5), at::ones({1, 1, 4, 3}, at::kDouble), {}};
  EXPECT_TRUE(close(run(*dot, p).context, at::ones({1, 1, 2, 3}, at::kDouble), 1e-15));
}

}  // namespace
}  // namespace attend::testing
