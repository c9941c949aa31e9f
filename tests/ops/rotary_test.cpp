// Pairs of numbers turned in one pass, beside the composition of tensor operations.
#include "attend/ops/rotary.h"

#include <torch/csrc/autograd/autograd.h>

#include <ATen/Parallel.h>

#include "support/expect_error.h"
#include "support/gradcheck.h"
#include "support/tensors.h"

namespace attend::testing {
namespace {

at::Tensor numbers(at::IntArrayRef sizes, double step) {
  std::int64_t count = 1;
  for (const auto n : sizes) count *= n;
  return at::cos(at::arange(count, at::kDouble) * step).view(sizes);
}

at::Tensor turned_plainly(const at::Tensor& x, const at::Tensor& angle, bool adjacent) {
  const auto half = angle.size(2);
  const auto c = angle.cos().unsqueeze(1), s = angle.sin().unsqueeze(1);  // [B or 1, 1, L, R/2]
  const auto front = x.narrow(3, 0, 2 * half), rest = x.narrow(3, 2 * half, x.size(3) - 2 * half);
  const auto a = adjacent ? front.slice(3, 0, {}, 2) : front.narrow(3, 0, half),
             b = adjacent ? front.slice(3, 1, {}, 2) : front.narrow(3, half, half);
  const auto first = a * c - b * s, second = a * s + b * c;
  return at::cat({adjacent ? at::stack({first, second}, 4).flatten(3, 4) : at::cat({first, second}, 3), rest}, 3);
}

TEST(TurnPairs, AgreeWithTheComposition) {
  for (const auto adjacent : {true, false})
    for (const std::int64_t length : {0, 1, 3, 130})
      for (const std::int64_t turned : {2, 6, 14, 64})
        for (const std::int64_t items : {1, 3}) {
          const auto x = numbers({3, 2, length, 65}, 0.7), angle = numbers({items, length, turned / 2}, 1.9) * 4;
          const auto right = turned_plainly(x, angle, adjacent);
          EXPECT_LT((turn_pairs(x, angle, adjacent) - right).abs().sum().item<double>(), 1e-10);
          if (length == 0) continue;
          const auto single = turn_pairs(x.to(at::kFloat), angle, adjacent);
          EXPECT_LT((single - right).abs().max().item<double>(), 1e-6);
          const auto half = turn_pairs(x.to(at::kBFloat16), angle, adjacent);
          EXPECT_EQ(half.scalar_type(), at::kBFloat16);
          EXPECT_LT((half - right).abs().max().item<double>(), 1e-2);
          // Heads that lie beside each other, as projections leave them.
          const auto beside = x.transpose(1, 2).contiguous().transpose(1, 2);
          EXPECT_TRUE(at::equal(turn_pairs(beside, angle, adjacent), turn_pairs(x, angle, adjacent)));
        }
}

TEST(TurnPairs, GradientsTurnBack) {
  for (const auto adjacent : {true, false}) {
    const auto x = numbers({2, 2, 3, 7}, 0.7).requires_grad_(true), angle = numbers({1, 3, 3}, 1.9), g = numbers({2, 2, 3, 7}, 0.3);
    const auto loss = [&] { return (turn_pairs(x, angle, adjacent) * g).square().sum(); };
    expect_gradients(loss, {{"x", x}});
    // And the gradient of a gradient is that of the composition.
    const auto second = [&](const at::Tensor& turned) {
      const auto first = torch::autograd::grad({(turned * g).pow(3).sum()}, {x}, {}, /*retain_graph=*/true, /*create_graph=*/true)[0];
      return torch::autograd::grad({(first * g).sum()}, {x})[0];
    };
    const auto right = second(turned_plainly(x, angle, adjacent));
    EXPECT_GT(right.abs().max().item<double>(), 0.1);
    EXPECT_LT((second(turn_pairs(x, angle, adjacent)) - right).abs().max().item<double>(), 1e-10);
  }
}

TEST(TurnPairs, BitsDependOnNoThreads) {
  const auto x = numbers({2, 3, 200, 64}, 0.7).to(at::kFloat), angle = numbers({2, 200, 32}, 1.9);
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const auto once = turn_pairs(x, angle, true);
  at::set_num_threads(3);
  EXPECT_TRUE(at::equal(turn_pairs(x, angle, true), once));
  at::set_num_threads(before);
}

TEST(TurnPairs, SayWhatDoesNotFit) {
  const auto x = numbers({2, 2, 3, 8}, 0.7), angle = numbers({1, 3, 4}, 1.9);
  expect_error(ErrorKind::kShape, {"turn_pairs", "[B or 1, L, R/2]", "[1, 3, 5]"}, [&] { turn_pairs(x, numbers({1, 3, 5}, 1), true); });
  expect_error(ErrorKind::kShape, {"turn_pairs", "[3, 3, 4]"}, [&] { turn_pairs(x, numbers({3, 3, 4}, 1), true); });
  expect_error(ErrorKind::kValue, {"turn_pairs", "float64"}, [&] { turn_pairs(x, angle.to(at::kFloat), true); });
  expect_error(ErrorKind::kValue, {"turn_pairs", "Long"}, [&] { turn_pairs(x.to(at::kLong), angle, true); });
}

}  // namespace
}  // namespace attend::testing
