#include "attend/ops/cross_entropy.h"

#include "support/gradcheck.h"

namespace attend::testing {
namespace {

const at::Tensor kTargets = at::arange(5, at::kLong).mul_(3).remainder_(7);  // 0 3 6 2 5

TEST(CrossEntropy, EqualsTheLibrarysLossInValueAndGradient) {
  for (const double smoothing : {0.0, 0.1, 0.9}) {
    const auto logits = leaf(wave({5, 7}) * 3), logits2 = leaf(logits);
    const auto ours = cross_entropy(logits, kTargets, smoothing);
    const auto reference = at::cross_entropy_loss(logits2, kTargets, {}, at::Reduction::Sum, -100, smoothing);
    EXPECT_TRUE(close(ours.loss, reference, 1e-13)) << smoothing;
    EXPECT_NEAR(ours.nll, at::cross_entropy_loss(logits2, kTargets, {}, at::Reduction::Sum).item<double>(), 1e-13) << smoothing;
    (ours.loss * 0.3).backward();
    (reference * 0.3).backward();
    EXPECT_TRUE(close(logits.grad(), logits2.grad(), 1e-14)) << smoothing;
  }
}

TEST(CrossEntropy, GradientsMatchCentralDifferences) {
  const auto logits = leaf(wave({5, 7}));
  expect_gradients([&] { return cross_entropy(logits, kTargets, 0.1).loss; }, {{"logits", logits}});
}

TEST(CrossEntropy, OfNoRowsIsZero) {
  const auto logits = leaf(at::zeros({0, 7}, at::kDouble));
  const auto result = cross_entropy(logits, at::zeros({0}, at::kLong), 0.1);
  EXPECT_EQ(result.loss.item<double>(), 0);
  EXPECT_EQ(result.nll, 0);
  result.loss.backward();
  EXPECT_TRUE(same_shape(logits.grad(), logits));
}

TEST(CrossEntropy, LargeLogitsStayFinite) {
  const auto logits = leaf(wave({5, 7}).sign() * 1e4);
  const auto result = cross_entropy(logits, kTargets, 0.1);
  result.loss.backward();
  EXPECT_TRUE(all_finite(result.loss) && all_finite(logits.grad()));
}

TEST(CrossEntropy, SecondBackwardIsRefused) {
  const auto logits = leaf(wave({5, 7}));
  const auto loss = cross_entropy(logits, kTargets, 0.1).loss;
  loss.backward({}, /*keep_graph=*/true);
  expect_error(ErrorKind::kUnsupported, {"cross_entropy", "second backward"}, [&] { loss.backward(); });
}

TEST(RowLogSumExp, EqualsLibtorchs) {
  const auto x = at::cos(at::arange(3 * 4 * 133, at::kFloat)).view({3, 4, 133}) * 9;
  EXPECT_LT((row_logsumexp(x) - at::logsumexp(x, -1)).abs().max().item<double>(), 1e-5);
  const auto turned = x.transpose(0, 2);  // [133, 4, 3]
  EXPECT_LT((row_logsumexp(turned) - at::logsumexp(turned, -1)).abs().max().item<double>(), 1e-5);
  EXPECT_EQ(row_logsumexp(at::zeros({2, 0})).sizes(), at::IntArrayRef({2}));
  expect_error(ErrorKind::kValue, {"row_logsumexp", "float32", "at::logsumexp"}, [&] { row_logsumexp(x.to(at::kDouble)); });
}

}  // namespace
}  // namespace attend::testing
