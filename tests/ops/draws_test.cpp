// Draws by counter: what a number depends on, and what it does not.
#include "attend/ops/draws.h"

#include <ATen/Parallel.h>

#include "attend/ops/dropout.h"
#include "support/tensors.h"

namespace attend::testing {
namespace {

constexpr std::uint64_t kRun = 5, kStep = 9, kPlace = 77;

at::Tensor noise(std::vector<std::uint64_t> items, at::IntArrayRef sizes, std::uint64_t run = kRun, std::uint64_t step = kStep,
                 std::uint64_t place = kPlace) {
  const auto batch = static_cast<std::int64_t>(items.size());
  const Draws draws(run, step, std::move(items));
  return uniform_draws(draw_keys(place, batch), sizes);
}

TEST(Draws, AnItemsNumbersAreItsOwnWhereverItStands) {
  const auto together = noise({3, 8, 11}, {4, 6});
  EXPECT_TRUE(same(noise({8}, {4, 6})[0], together[1]));
  const auto turned = noise({11, 3}, {4, 6});
  EXPECT_TRUE(same(turned[0], together[2]));
  EXPECT_TRUE(same(turned[1], together[0]));
}

// Padding of a longer neighbour: more rows, longer rows, more of both.
TEST(Draws, LengthsOfOthersChangeNothing) {
  const auto small = noise({2, 4}, {3, 5, 7});
  EXPECT_TRUE(same(noise({2, 4}, {3, 9, 7}).narrow(2, 0, 5), small));
  EXPECT_TRUE(same(noise({2, 4}, {3, 5, 12}).narrow(3, 0, 7), small));
  EXPECT_TRUE(same(noise({2, 4}, {6, 8, 12}).narrow(1, 0, 3).narrow(2, 0, 5).narrow(3, 0, 7), small));
}

TEST(Draws, EverythingElseIsInTheKey) {
  const auto first = noise({1}, {64});
  for (const auto& other :
       {noise({2}, {64}), noise({1}, {64}, kRun + 1), noise({1}, {64}, kRun, kStep + 1), noise({1}, {64}, kRun, kStep, kPlace + 1)})
    EXPECT_FALSE(first.eq(other).any().item<bool>());
  const Draws draws(kRun, kStep, {1});
  const auto once = uniform_draws(draw_keys(kPlace, 1), {64}), twice = uniform_draws(draw_keys(kPlace, 1), {64});
  EXPECT_TRUE(same(once, first));
  EXPECT_FALSE(once.eq(twice).any().item<bool>());
}

TEST(Draws, ScopesNest) {
  const Draws outer(kRun, kStep, {1, 2});
  at::Tensor within;
  {
    const Draws inner(/*part=*/4, {1, 2});
    within = uniform_draws(draw_keys(kPlace, 2), {8});
    EXPECT_EQ(*Draws::current_items(), (std::vector<std::uint64_t>{1, 2}));
  }
  const auto outside = uniform_draws(draw_keys(kPlace, 2), {8});
  EXPECT_TRUE(same(outside, noise({1, 2}, {8})));  // what a part draws does not move the whole on
  EXPECT_FALSE(within.eq(outside).any().item<bool>());
  expect_error(ErrorKind::kValue, {"a batch of 2 items draws numbers for 3"}, [] { draw_keys(kPlace, 3); });
}

TEST(Draws, WithoutAScopeFollowLibtorchsSeed) {
  EXPECT_EQ(Draws::current_items(), nullptr);
  const auto draw = [](std::uint64_t seed) {
    at::manual_seed(seed);
    return uniform_draws(draw_keys(kPlace, 2), {16});
  };
  EXPECT_TRUE(same(draw(3), draw(3)));
  EXPECT_FALSE(draw(3).eq(draw(4)).any().item<bool>());
}

TEST(Draws, AreUniformAndNormal) {
  const auto u = noise({1, 2, 3, 4}, {256, 1024});
  EXPECT_GT(u.min().item<double>(), 0);
  EXPECT_LT(u.max().item<double>(), 1);
  EXPECT_NEAR(u.mean().item<double>(), 0.5, 2e-3);
  EXPECT_NEAR(u.var().item<double>(), 1.0 / 12, 1e-3);
  const Draws draws(kRun, kStep, {1, 2, 3, 4});
  const auto n = normal_draws(draw_keys(kPlace, 4), {256, 1024});
  EXPECT_NEAR(n.mean().item<double>(), 0, 5e-3);
  EXPECT_NEAR(n.var().item<double>(), 1, 1e-2);
  EXPECT_NEAR(n.pow(4).mean().item<double>(), 3, 5e-2);
  EXPECT_NEAR((n.abs() < 1.959964).to(at::kDouble).mean().item<double>(), 0.95, 2e-3);
  const auto left = n.narrow(2, 0, 1023), right = n.narrow(2, 1, 1023);
  EXPECT_LT(std::abs((left * right).mean().item<double>()), 5e-3);
}

TEST(Draws, DropoutChoosesByThem) {
  const auto x = at::ones({3, 5, 8}, at::kDouble);
  const auto dropped = [&](std::vector<std::uint64_t> items, const at::Tensor& of) {
    const Draws draws(kRun, kStep, std::move(items));
    return dropout(of, 0.5, kPlace);
  };
  const auto together = dropped({7, 8, 9}, x);
  EXPECT_TRUE(same(dropped({8}, x.narrow(0, 0, 1).narrow(1, 0, 3))[0], together[1].narrow(0, 0, 3)));
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  EXPECT_TRUE(same(dropped({7, 8, 9}, x), together));
  at::set_num_threads(threads);
}

}  // namespace
}  // namespace attend::testing
