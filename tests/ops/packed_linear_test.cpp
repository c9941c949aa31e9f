#include "attend/ops/packed_linear.h"

#include <thread>

#include "support/gradcheck.h"

namespace attend::testing {
namespace {

at::Tensor waves(at::IntArrayRef sizes, double phase) {
  std::int64_t numbers = 1;
  for (const auto n : sizes) numbers *= n;
  return at::cos(at::arange(numbers, at::kDouble) * 1.7 + phase).view(sizes).to(at::kFloat);
}
double worst(const at::Tensor& a, const at::Tensor& b) { return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>(); }

TEST(PackedWeight, EqualsLinearForFewRowsAndMany) {
  const at::NoGradGuard no_grad;
  const auto weight = waves({37, 29}, 0), bias = waves({37}, 1);
  const PackedWeight packed;
  for (const std::int64_t rows : {1, 3, 128, 129, 300}) {
    const auto x = waves({rows, 29}, 2);
    EXPECT_LT(worst(packed.linear(x, weight, bias), at::linear(x, weight, bias)), 1e-5) << rows;
    EXPECT_LT(worst(packed.linear(x, weight), at::linear(x, weight)), 1e-5) << rows;
    EXPECT_LT(worst(packed.linear(x, weight, bias, kernels::Activation::kRelu), at::linear(x, weight, bias).relu()), 1e-5) << rows;
  }
  EXPECT_EQ(packed.linear(waves({2, 3, 29}, 0), weight, bias).sizes(), at::IntArrayRef({2, 3, 37}));
  EXPECT_EQ(packed.linear(waves({0, 29}, 0), weight, bias).sizes(), at::IntArrayRef({0, 37}));
  const auto turned = waves({29, 6}, 3).t();  // rows that do not lie side by side
  EXPECT_LT(worst(packed.linear(turned, weight, bias), at::linear(turned, weight, bias)), 1e-5);
  EXPECT_THROW(packed.linear(waves({2, 28}, 0), weight, bias), std::exception);
}

TEST(PackedWeight, AddsANumberForEachResult) {
  const at::NoGradGuard no_grad;
  const auto weight = waves({37, 29}, 0);
  const PackedWeight packed;
  for (const std::int64_t rows : {1, 5, 129}) {
    const auto x = waves({rows, 29}, 2), added = waves({rows, 37}, 1), apart = waves({37, rows}, 1).t();
    EXPECT_LT(worst(packed.linear(x, weight, added), at::linear(x, weight) + added), 1e-5) << rows;
    EXPECT_LT(worst(packed.linear(x, weight, apart), at::linear(x, weight) + apart), 1e-5) << rows;
    const auto folded = packed.linear(x.unsqueeze(0), weight, added.unsqueeze(0), kernels::Activation::kRelu);
    EXPECT_LT(worst(folded[0], (at::linear(x, weight) + added).relu()), 1e-5) << rows;
  }
}

TEST(PackedWeight, TakesGradientsBack) {
  const at::NoGradGuard no_grad;
  for (const bool columns : {false, true}) {  // of a weight whose columns lie side by side
    auto weight = columns ? waves({29, 37}, 0).t() : waves({37, 29}, 0);
    const PackedWeight packed;
    for (const std::int64_t rows : {1, 5, 128, 129}) {
      const auto dy = waves({rows, 37}, 2), x = waves({rows, 29}, 1);
      EXPECT_LT(worst(packed.back(dy, weight), at::matmul(dy, weight)), 1e-5) << rows;
      EXPECT_LT(worst(packed.linear(x, weight), at::linear(x, weight)), 1e-5) << rows;
    }
    const auto dy = waves({2, 3, 37}, 2), before = packed.back(dy, weight);
    EXPECT_EQ(before.sizes(), at::IntArrayRef({2, 3, 29}));
    weight.mul_(2);
    EXPECT_LT(worst(packed.back(dy, weight), 2 * before), 1e-5);
    const auto sum = dy.sum(-1, /*keepdim=*/true).expand({2, 3, 37});  // rows of one number each, repeated
    EXPECT_LT(worst(packed.back(sum, weight), at::matmul(sum, weight)), 1e-3);
    EXPECT_THROW(packed.back(waves({2, 29}, 0), weight), std::exception);
  }
}

TEST(PackedWeight, ReadsAWeightThatHasChanged) {
  const at::NoGradGuard no_grad;
  auto weight = waves({16, 8}, 0);
  const auto x = waves({2, 8}, 1);
  const PackedWeight packed;
  const auto before = packed.linear(x, weight);
  weight.mul_(2);  // as an optimiser's step does
  EXPECT_LT(worst(packed.linear(x, weight), 2 * before), 1e-6);
  weight.set_data(weight * 2);  // as Module::to does
  EXPECT_LT(worst(packed.linear(x, weight), 4 * before), 1e-6);
  EXPECT_LT(worst(packed.linear(x, weight.narrow(0, 3, 8)), 4 * before.narrow(1, 3, 8)), 1e-6);
  EXPECT_LT(worst(packed.linear(x, waves({16, 8}, 0)), before), 1e-6);  // another weight, perhaps where the last one was
}

TEST(PackedWeight, KeepsGradients) {
  auto weight = waves({5, 4}, 0).set_requires_grad(true);
  const PackedWeight packed;
  const auto x = waves({3, 4}, 1);
  const auto y = packed.linear(x, weight, {}, kernels::Activation::kRelu, /*int8=*/true);
  ASSERT_TRUE(y.requires_grad());
  y.sum().backward();
  const auto expected = at::linear(x, weight).gt(0).to(at::kFloat).t().matmul(x);  // [5, 4]
  EXPECT_LT(worst(weight.grad(), expected), 1e-6);
}

TEST(PackedWeight, RoundsToBfloat16AndTo8BitsWhereToldTo) {
  const at::NoGradGuard no_grad;
  const auto weight = waves({48, 64}, 0), bias = waves({48}, 1);
  const PackedWeight half, bytes;
  for (const std::int64_t rows : {1, 7, 200}) {
    const auto x = waves({rows, 64}, 2);
    const auto exact = at::linear(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble));
    const auto sums = at::linear(x.abs(), weight.abs(), bias.abs()).max().item<double>();  // what roundings are a share of
    const auto rounded = half.linear(x.to(at::kBFloat16), weight.to(at::kBFloat16), bias.to(at::kBFloat16));
    EXPECT_EQ(rounded.scalar_type(), at::kBFloat16);
    EXPECT_LT(worst(rounded, exact), 3 * sums / 512) << rows;
    const auto quantised = bytes.linear(x, weight, bias, kernels::Activation::kNone, /*int8=*/true);
    EXPECT_LT(worst(quantised, exact), 2 * sums / 254) << rows;
    EXPECT_GT(worst(quantised, exact), 1e-4) << rows;  // it did round
  }
}

TEST(PackedWeight, IsSharedByThreads) {
  const auto weight = waves({96, 64}, 0);
  const PackedWeight packed;
  const auto x = waves({4, 64}, 1), expected = at::linear(x, weight);
  std::vector<std::thread> threads;
  std::vector<double> errors(4, 1);
  for (std::size_t i = 0; i < errors.size(); ++i)
    threads.emplace_back([&, i] {
      const at::NoGradGuard no_grad;
      errors[i] = 0;
      for (int round = 0; round < 20; ++round) errors[i] = std::max(errors[i], worst(packed.linear(x, weight), expected));
    });
  for (auto& thread : threads) thread.join();
  for (const auto error : errors) EXPECT_LT(error, 1e-5);
}

}  // namespace
}  // namespace attend::testing
