// Closed forms of the focus measures: uniform, one-hot, band and causal-uniform rows.
#include "attend/measure/focus.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "attend/core/error.h"

namespace attend {
namespace {

constexpr double kTolerance = 1e-9;

template <class Cell>
WeightMatrix matrix(std::uint32_t rows, std::uint32_t cols, Cell cell) {
  WeightMatrix m{.rows = rows, .cols = cols, .values = {}};
  for (std::uint32_t t = 0; t < rows; ++t)
    for (std::uint32_t s = 0; s < cols; ++s) m.values.push_back(static_cast<float>(cell(t, s)));
  return m;
}

double harmonic(int n) {
  double h = 0;
  for (int k = 1; k <= n; ++k) h += 1.0 / k;
  return h;
}

TEST(Focus, Uniform) {
  for (const int n : {1, 2, 3, 7, 13, 64, 101}) {
    const auto focus = focus_of_map(matrix(5, n, [&](auto, auto) { return 1.0 / n; }));
    for (const auto& row : focus.rows) {
      EXPECT_NEAR(row->entropy, std::log(n), kTolerance);
      EXPECT_NEAR(row->effective_tokens, n, kTolerance);
      EXPECT_NEAR(row->inverse_simpson, n, kTolerance);
      EXPECT_NEAR(row->max_weight, 1.0 / n, kTolerance);
      ASSERT_EQ(row->normalised_entropy.has_value(), n >= 2);
      if (n >= 2) {
        EXPECT_NEAR(*row->normalised_entropy, 1, kTolerance);
      }
    }
    EXPECT_NEAR(focus.mean->effective_tokens, n, kTolerance);
  }
}

TEST(Focus, OneHot) {
  const auto focus = focus_of_map(matrix(9, 9, [](auto t, auto s) { return t == s; }));
  for (const auto& row : focus.rows) {
    EXPECT_EQ(row->entropy, 0);
    EXPECT_FALSE(std::signbit(row->entropy));
    EXPECT_EQ(row->effective_tokens, 1);
    EXPECT_EQ(row->inverse_simpson, 1);
    EXPECT_EQ(row->max_weight, 1);
    EXPECT_EQ(*row->normalised_entropy, 0);
  }
}

TEST(Focus, Band) {
  const int n = 23, w = 3, m = 2 * w + 1;
  const auto focus = focus_of_map(matrix(n, n, [&](int t, int s) { return std::abs(t - s) <= w ? 1.0 / m : 0.0; }));
  for (int t = w; t < n - w; ++t) {
    const auto& row = focus.rows[static_cast<std::size_t>(t)];
    EXPECT_NEAR(row->entropy, std::log(m), kTolerance);
    EXPECT_NEAR(*row->normalised_entropy, std::log(m) / std::log(n), kTolerance);
    EXPECT_NEAR(row->effective_tokens, m, kTolerance);
    EXPECT_NEAR(row->inverse_simpson, m, kTolerance);
    EXPECT_NEAR(row->max_weight, 1.0 / m, kTolerance);
  }
}

TEST(Focus, CausalUniform) {
  const int length = 31;
  const auto weights = matrix(length, length, [](int t, int s) { return s <= t ? 1.0 / (t + 1) : 0.0; });
  const auto focus = focus_of_map(weights, VisibleKeys::kCausal);
  for (int t = 0; t < length; ++t) {
    const auto& row = focus.rows[static_cast<std::size_t>(t)];
    EXPECT_NEAR(row->entropy, std::log(t + 1), kTolerance);
    EXPECT_NEAR(row->effective_tokens, t + 1, kTolerance);
    ASSERT_EQ(row->normalised_entropy.has_value(), t >= 1);
    if (t >= 1) {
      EXPECT_NEAR(*row->normalised_entropy, 1, kTolerance);
    }
  }
  EXPECT_NEAR(focus.mean->entropy, std::lgamma(length + 1) / length, kTolerance);
  EXPECT_NEAR(focus.mean->effective_tokens, (length + 1) / 2.0, kTolerance);
  EXPECT_NEAR(focus.mean->inverse_simpson, (length + 1) / 2.0, kTolerance);
  EXPECT_NEAR(focus.mean->max_weight, harmonic(length) / length, kTolerance);
  EXPECT_NEAR(*focus.mean->normalised_entropy, 1, kTolerance);  // over the rows with two keys or more

  const auto all = focus_of_map(weights);  // the same rows with every key visible
  EXPECT_NEAR(*all.rows[1]->normalised_entropy, std::log(2) / std::log(length), kTolerance);
}

TEST(Focus, WorkedExample) {
  // The row of 我 in "I love you" → 我爱你: scores 3.5, 0, 2.5.
  const double sum = 1 + std::exp(-3.5) + std::exp(-1);
  const std::vector<float> row{static_cast<float>(1 / sum), static_cast<float>(std::exp(-3.5) / sum),
                               static_cast<float>(std::exp(-1) / sum)};
  const auto focus = focus_of_row(row);
  EXPECT_NEAR(focus->entropy, 0.6738, 5e-5);
  EXPECT_NEAR(focus->effective_tokens, 1.962, 5e-4);
  EXPECT_NEAR(focus->max_weight, 0.7153, 5e-5);
}

TEST(Focus, RowsWithoutWeightAreNullAndLeftOutOfMeans) {
  const auto focus = focus_of_map(matrix(3, 2, [](auto t, auto) { return t == 1 ? 0.0 : 0.5; }));
  EXPECT_TRUE(focus.rows[0] && !focus.rows[1] && focus.rows[2]);
  EXPECT_NEAR(focus.mean->entropy, std::log(2), kTolerance);
  EXPECT_FALSE(focus_of_map(matrix(2, 2, [](auto, auto) { return 0; })).mean);
  EXPECT_FALSE(focus_of_map(WeightMatrix{}).mean);
  EXPECT_FALSE(focus_of_row({}));
}

TEST(Focus, UnnormalisedRowsAreReadAsShares) {
  const auto focus = focus_of_row(std::vector<float>{3, 1, 0, 0});
  EXPECT_NEAR(focus->max_weight, 0.75, kTolerance);
  EXPECT_NEAR(focus->entropy, -0.75 * std::log(0.75) - 0.25 * std::log(0.25), kTolerance);
}

TEST(Focus, RefusesWeightsThatAreNoShares) {
  for (const float bad : {-0.1f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    EXPECT_THROW(focus_of_row(std::vector<float>{0.5f, bad}), Error);
    try {
      focus_of_map(matrix(2, 3, [&](auto t, auto s) { return t == 1 && s == 2 ? bad : 0.3f; }));
      ADD_FAILURE() << "no error for " << bad;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("row 1, column 2"), std::string::npos) << e.what();
    }
  }
}

// Two heads of one sentence and one of another: a mean of means is not the mean over rows.
TEST(RowEntropies, SayWhatTheyAverage) {
  const auto even = matrix(3, 2, [](auto, auto) { return 0.5; });
  const auto sharp = matrix(3, 2, [](auto t, auto s) { return t == 2 ? 0.0 : s == 0 ? 1.0 : 0.0; });  // its last row looks nowhere
  const auto single = matrix(1, 4, [](auto, auto) { return 0.25; });
  RowEntropy first, all;
  const WeightMatrix heads[] = {even, sharp};
  first.add(heads);
  EXPECT_EQ(first.rows(), 5u);
  EXPECT_NEAR(*first.over_rows(), 3 * std::log(2) / 5, kTolerance);
  EXPECT_NEAR(*first.over_sentences(), std::log(2) / 2, kTolerance);
  all += first;
  all.add(std::span(&single, 1));
  EXPECT_EQ(all.sentences(), 2u);
  EXPECT_NEAR(*all.over_rows(), (3 * std::log(2) + std::log(4)) / 6, kTolerance);
  EXPECT_NEAR(*all.over_sentences(), (std::log(2) / 2 + std::log(4)) / 2, kTolerance);
  const auto nothing = matrix(2, 2, [](auto, auto) { return 0.0; });
  all.add(std::span(&nothing, 1));
  EXPECT_EQ(all.sentences(), 2u);
  EXPECT_EQ(RowEntropy().over_rows(), std::nullopt);
}

}  // namespace
}  // namespace attend
