#include "attend/attention/knn.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

MechanismOptions nearest(std::int64_t keys, std::int64_t size) {
  auto o = of_scores({.heads = 1}, size);
  o.of<KnnOptions>().keys = keys;
  return o;
}

TEST(Knn, KeepsTheLargestScoresAndNoOthers) {
  const auto scores = at::tensor({1.0, 3.0, 2.0, 0.0, -1.0, 5.0}, at::kDouble).view({1, 1, 1, 6});
  const auto r = run(*make_filled("knn", nearest(3, 6)), of_scores(scores, wave({1, 1, 6, 2})));
  const auto kept = at::softmax(at::tensor({5.0, 3.0, 2.0}, at::kDouble), 0);
  const auto expected = at::zeros({6}, at::kDouble);
  expected[5] = kept[0], expected[1] = kept[1], expected[2] = kept[2];
  EXPECT_TRUE(close(r.weights.flatten(), expected, 1e-15));
  EXPECT_EQ(r.kind, WeightKind::kSparse);
  EXPECT_NEAR(r.lse.item<double>(), std::log(std::exp(5.0) + std::exp(3.0) + std::exp(2.0)), 1e-13);
}

TEST(Knn, OfEqualScoresTheFirstKeysStay) {
  const auto r = run(*make_filled("knn", nearest(2, 5)), of_scores(at::zeros({1, 1, 1, 5}, at::kDouble), wave({1, 1, 5, 2})));
  EXPECT_TRUE(close(r.weights.flatten(), at::tensor({0.5, 0.5, 0.0, 0.0, 0.0}, at::kDouble), 1e-15));
}

TEST(Knn, WithRoomForAllKeysIsTheInnerScore) {
  const auto p = of_scores(wave({2, 1, 3, 5}), wave({2, 1, 5, 2}));
  auto inner = of_scores({.heads = 1}, 5);
  expect_same(run(*make_filled("knn", nearest(5, 5)), p), run(*make_filled("dot", inner), p), 1e-15);
}

// What is hidden is no neighbour, however near it would be; where fewer than K keys are seen, all of them are kept.
TEST(Knn, CountsOnlyKeysThatMayBeSeen) {
  auto p = of_scores(at::tensor({9.0, 1.0, 2.0, 3.0}, at::kDouble).view({1, 1, 1, 4}), wave({1, 1, 4, 2}));
  p.mask.keep = at::tensor({0, 1, 1, 1}, at::kLong).view({1, 1, 1, 4}).gt(0);
  const auto r = run(*make_filled("knn", nearest(2, 4)), p);
  const auto kept = at::softmax(at::tensor({2.0, 3.0}, at::kDouble), 0);
  EXPECT_TRUE(close(r.weights.flatten(), at::stack({at::zeros({}, at::kDouble), at::zeros({}, at::kDouble), kept[0], kept[1]}), 1e-15));
  p.mask.keep = at::tensor({0, 1, 0, 0}, at::kLong).view({1, 1, 1, 4}).gt(0);
  EXPECT_TRUE(same(run(*make_filled("knn", nearest(2, 4)), p).weights.flatten(), at::tensor({0.0, 1.0, 0.0, 0.0}, at::kDouble)));
}

TEST(Knn, WantsAKeyAtLeast) {
  expect_error(ErrorKind::kValue, {"knn_keys must be at least 1, got 0"}, [] { make_mechanism("knn", nearest(0, 3)); });
}

}  // namespace
}  // namespace attend::testing
