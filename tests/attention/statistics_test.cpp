// Every statistic is what its definition makes of the weights, for every mechanism, whether a call computes its rows at once or step by
// step.
#include <gtest/gtest.h>

#include "attention/cases.h"

namespace attend::testing {
namespace {

constexpr std::int64_t kRows = 5, kKeys = 7;

Request of_all_kinds() {
  auto request = Request::everything();
  request.top = 3;
  request.pool_rows = 2;
  request.pool_keys = 3;
  request.rows = at::tensor({1, 4}, at::kLong);
  return request;
}

// Blocks in loops: the mean and the maximum over rows [2i, 2i + 2) and keys [3j, 3j + 3), as far as there are any.
std::pair<at::Tensor, at::Tensor> pooled(const at::Tensor& weights) {  // [T, S]
  auto mean = at::zeros({3, 3}, at::kDouble), largest = at::zeros({3, 3}, at::kDouble);
  for (std::int64_t i = 0; i < 3; ++i)
    for (std::int64_t j = 0; j < 3; ++j) {
      const auto rows = std::min<std::int64_t>(2, kRows - 2 * i), keys = std::min<std::int64_t>(3, kKeys - 3 * j);
      const auto block = weights.narrow(0, 2 * i, rows).narrow(1, 3 * j, keys);
      mean[i][j] = block.mean();
      largest[i][j] = block.max();
    }
  return {mean, largest};
}

class Statistics : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Registry, Statistics, ::testing::ValuesIn(all_cases()), [](const auto& about) { return about.param.name; });

TEST_P(Statistics, AreWhatTheirDefinitionsMakeOfTheWeights) {
  const Sizes sizes{.queries = GetParam().capabilities().ignores_query ? 1 : kRows, .keys = kKeys};
  auto p = problem(GetParam(), sizes);
  p.mask.key_lengths = lengths({kKeys, 0});  // the second item's rows are empty
  auto request = of_all_kinds();
  if (sizes.queries == 1) request.rows = at::tensor({0}, at::kLong);
  const auto r = run(*build(GetParam(), sizes), p, request);
  const auto& w = r.weights;  // [B, H, T, S]
  EXPECT_TRUE(same(r.column_sums, w.sum(2)) || close(r.column_sums, w.sum(2), 1e-14));
  EXPECT_TRUE(same(r.rows, w.index_select(2, request.rows)));
  for (std::int64_t b = 0; b < w.size(0); ++b)
    for (std::int64_t h = 0; h < w.size(1); ++h) {
      SCOPED_TRACE(fmt::format("item {} head {}", b, h));
      for (std::int64_t t = 0; t < w.size(2); ++t) {
        const auto row = w[b][h][t].contiguous();
        std::vector<std::pair<double, std::int64_t>> sorted;
        for (std::int64_t s = 0; s < kKeys; ++s) sorted.emplace_back(-row[s].item<double>(), s);
        std::sort(sorted.begin(), sorted.end());
        const bool empty = row.eq(0).all().item<bool>();
        EXPECT_EQ(r.maximum[b][h][t].item<double>(), empty ? 0 : -sorted[0].first);
        EXPECT_EQ(r.argmax[b][h][t].item<std::int64_t>() < 0, empty);
        if (!empty) {
          EXPECT_EQ(row[r.argmax[b][h][t].item<std::int64_t>()].item<double>(), -sorted[0].first);
        }
        for (std::int64_t k = 0; k < 3; ++k) {
          const auto weight = r.top_weights[b][h][t][k].item<double>();
          const auto key = r.top_keys[b][h][t][k].item<std::int64_t>();
          EXPECT_EQ(weight, -sorted[static_cast<std::size_t>(k)].first);
          EXPECT_EQ(key < 0, weight == 0);
          if (key >= 0) {
            EXPECT_EQ(row[key].item<double>(), weight);
          }
        }
      }
      if (sizes.queries != kRows) continue;
      const auto [mean, largest] = pooled(w[b][h]);
      EXPECT_TRUE(close(r.pooled_mean[b][h], mean, 1e-14));
      EXPECT_TRUE(close(r.pooled_max[b][h], largest, 1e-14));
    }
}

TEST_P(Statistics, CostNothingWhenNobodyAsks) {
  const Sizes sizes{.queries = 1, .keys = kKeys};
  const auto r = run(*build(GetParam(), sizes), problem(GetParam(), sizes), {});
  for (const auto& entry : statistics()) EXPECT_EQ((r.*entry.value).defined(), std::string(entry.name) == "context") << entry.name;
}

// Three steps by hand, two rows each would be wrong: columns add, rows stand behind one another, blocks pool, buffers stay.
TEST(JoinSteps, FollowsTheAxisOfEachStatistic) {
  Request request;
  request.weights = request.column_sums = true;
  request.pool_rows = 2;
  request.pool_keys = 2;
  request.rows = at::tensor({0, 2}, at::kLong);
  const auto weights = wave({1, 2, 3, 4}).abs();
  std::vector<Result> steps(3);
  for (std::int64_t t = 0; t < 3; ++t) {
    auto& step = steps[static_cast<std::size_t>(t)];
    const auto own = weights.narrow(2, t, 1);
    step.context = own.narrow(3, 0, 1);
    add_statistics(step, request.of_step(t), own);
    step.extras["row"] = {own.sum(3)};
    step.extras["row_of_all_heads"] = {own.sum(3).sum(1)};
    step.extras["cell"] = {own, Axis::kCell};
    step.extras["key"] = {own.sum(2), Axis::kKey};
    step.extras["buffer"] = {at::full({5}, 7.0), Axis::kModule};
    step.extras["item"] = {at::full({1}, static_cast<double>(t)), Axis::kItem};
  }
  const auto joined = join_steps(steps, request);
  EXPECT_TRUE(same(joined.weights, weights));
  EXPECT_TRUE(close(joined.column_sums, weights.sum(2), 1e-15));
  EXPECT_TRUE(same(joined.rows, weights.index_select(2, request.rows)));
  Result whole;
  add_statistics(whole, request, weights);
  EXPECT_TRUE(close(joined.pooled_mean, whole.pooled_mean, 1e-15));
  EXPECT_TRUE(same(joined.pooled_max, whole.pooled_max));
  EXPECT_TRUE(same(joined.extras.at("row").value, weights.sum(3)));
  EXPECT_TRUE(same(joined.extras.at("row_of_all_heads").value, weights.sum(3).sum(1)));
  EXPECT_TRUE(same(joined.extras.at("cell").value, weights));
  EXPECT_TRUE(close(joined.extras.at("key").value, weights.sum(2), 1e-15));
  EXPECT_EQ(joined.extras.at("buffer").value.size(0), 5);
  EXPECT_EQ(joined.extras.at("item").value.item<double>(), 2);
}

TEST(Statistics, HaveGradients) {
  const auto weights = leaf(wave({1, 1, 3, 4}).abs() + 0.1);
  Result r;
  add_statistics(r, of_all_kinds().of_step(0), weights.narrow(2, 0, 1));
  (r.entropy.sum() + r.maximum.sum() + r.column_sums.sum() + r.top_weights.sum() + r.pooled_mean.sum() + r.pooled_max.sum()).backward();
  EXPECT_GT(weights.grad().narrow(2, 0, 1).abs().min().item<double>(), 0);
  EXPECT_TRUE(same(weights.grad().narrow(2, 1, 2), at::zeros({1, 1, 2, 4}, at::kDouble)));
}

}  // namespace
}  // namespace attend::testing
