#include "attend/ops/dropout.h"

#include <ATen/Parallel.h>

#include "support/gradcheck.h"

namespace attend::testing {
namespace {

constexpr std::uint64_t kDropoutPlace = 3;  // in a network

at::Tensor kept(std::int64_t n, double rate, std::uint64_t seed) {
  at::manual_seed(seed);
  return dropout(at::ones({n}), rate, kDropoutPlace);
}

TEST(Dropout, KeepsTheMeanAndScalesWhatIsLeft) {
  for (const double rate : {0.1, 0.5, 0.9}) {
    const auto y = kept(1 << 20, rate, 3);
    const double left = y.ne(0).to(at::kDouble).mean().item<double>();
    EXPECT_NEAR(left, 1 - rate, 5 * std::sqrt(rate * (1 - rate) / (1 << 20))) << rate;
    EXPECT_FLOAT_EQ(y.max().item<float>(), static_cast<float>(1 / (1 - rate))) << rate;
  }
}

TEST(Dropout, NeighboursAndCallsAreIndependent) {
  constexpr std::int64_t kN = 1 << 20;
  at::manual_seed(5);
  const auto a = dropout(at::ones({kN}), 0.5, kDropoutPlace) - 1, b = dropout(at::ones({kN}), 0.5, kDropoutPlace) - 1;  // ±1
  for (const std::int64_t lag : {1, 2, 3, 8, 64, 256, 1024, 65536})
    EXPECT_LT(std::abs((a.narrow(0, 0, kN - lag) * a.narrow(0, lag, kN - lag)).mean().item<double>()), 5e-3) << "lag " << lag;
  EXPECT_LT(std::abs((a * b).mean().item<double>()), 5e-3);
  // Sums of 1,024 neighbours have the binomial's variance.
  EXPECT_NEAR(a.view({-1, 1024}).sum(1).var().item<double>() / 1024, 1.0, 0.2);
}

TEST(Dropout, DependsOnTheSeedAndNotOnThreads) {
  const int threads = at::get_num_threads();
  const auto many = kept(1 << 17, 0.3, 7);
  at::set_num_threads(1);
  const auto one = kept(1 << 17, 0.3, 7);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(many, one));
  EXPECT_FALSE(at::equal(many, kept(1 << 17, 0.3, 8)));
}

TEST(Dropout, GradientPassesWhereTheValueDid) {
  const auto x = leaf(wave({40, 7}) + 2);
  const auto transposed = x.t();  // not contiguous, and neither is the gradient it gets
  const auto y = dropout(transposed, 0.4, kDropoutPlace);
  (y * y).sum().backward();
  EXPECT_TRUE(close(x.grad().t(), 2 * y / 0.6, 1e-14));
  EXPECT_TRUE(at::equal(x.grad().t().eq(0), y.eq(0)));
}

TEST(Dropout, WhatIsDroppedLeavesNoTrace) {
  const auto y = dropout(at::full({1000}, std::numeric_limits<double>::quiet_NaN(), at::kDouble), 0.5, kDropoutPlace);
  EXPECT_TRUE(y.eq(0).any().item<bool>());
  EXPECT_TRUE(y.isnan().any().item<bool>());
}

TEST(Dropout, RateZeroIsTheInputAndRateOneIsRefused) {
  const auto x = wave({3});
  EXPECT_TRUE(dropout(x, 0, kDropoutPlace).is_same(x));
  EXPECT_THROW(dropout(x, 1, kDropoutPlace), Error);
  EXPECT_EQ(dropout(at::empty({0, 3}), 0.5, kDropoutPlace).sizes(), at::IntArrayRef({0, 3}));
  EXPECT_EQ(dropout(x.to(at::kBFloat16), 0.5, kDropoutPlace).scalar_type(), at::kBFloat16);
}

}  // namespace
}  // namespace attend::testing
