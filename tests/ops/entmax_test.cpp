#include "attend/ops/entmax.h"

#include <algorithm>
#include <fstream>
#include <numeric>
#include <sstream>

#include "support/gradcheck.h"

namespace attend::testing {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

at::Tensor row(std::initializer_list<double> values) { return at::tensor(at::ArrayRef<double>(values), at::kDouble); }

// [(α−1) z − τ]₊^(1/(α−1)) with τ found by halving an interval that surely holds it: the definition and nothing else.
std::vector<double> by_definition(std::vector<double> z, double alpha) {
  for (auto& x : z) x *= alpha - 1;
  const auto weight = [&](double x, double tau) { return x > tau ? std::pow(x - tau, 1 / (alpha - 1)) : 0.0; };
  double low = *std::max_element(z.begin(), z.end()) - 1, high = low + 1;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    const double sum = std::accumulate(z.begin(), z.end(), 0.0, [&](double total, double x) { return total + weight(x, middle); });
    (sum >= 1 ? low : high) = middle;
  }
  std::vector<double> w;
  for (const auto x : z) w.push_back(weight(x, low));
  return w;
}

TEST(Entmax, EqualsItsDefinition) {
  for (const double alpha : {1.05, 1.25, 1.5, 1.75, 2.0, 3.0})
    for (const double scale : {0.1, 1.0, 7.0}) {
      const auto z = wave({6, 9}, 0.3) * scale;
      const auto w = entmax(z, alpha);
      for (std::int64_t i = 0; i < 6; ++i) {
        const auto* values = z[i].contiguous().const_data_ptr<double>();
        EXPECT_TRUE(close(w[i], at::tensor(by_definition({values, values + 9}, alpha), at::kDouble), 1e-8))
            << "alpha " << alpha << ", scale " << scale << ", row " << i;
      }
      EXPECT_TRUE(close(w.sum(-1), at::ones({6}, at::kDouble), 1e-12));
    }
}

// tests/ops/goldens/make_entmax.py says what each line holds; the scores are float32 numbers, so both types read the same ones.
TEST(Entmax, EqualsThePackageOfItsAuthors) {
  std::ifstream in(ATTEND_SOURCE_DIR "/tests/ops/goldens/entmax.txt");
  int rows = 0;
  for (std::string line; std::getline(in, line); ++rows) {
    std::istringstream fields(line);
    double alpha = 0;
    std::int64_t n = 0;
    fields >> alpha >> n;
    const auto numbers = [&] {
      auto x = at::empty({n}, at::kDouble);  // [n]
      for (std::int64_t i = 0; i < n; ++i) fields >> x.mutable_data_ptr<double>()[i];
      return x;
    };
    const auto scores = numbers(), weights = numbers(), derivatives = numbers();
    ASSERT_FALSE(fields.fail()) << line;
    for (const auto type : {at::kDouble, at::kFloat}) {
      const auto z = leaf(scores.to(type));
      const auto w = entmax(z, alpha);
      (w * at::arange(n, at::TensorOptions(type)).cos()).sum().backward();
      const bool single = type == at::kFloat;
      EXPECT_TRUE(close(w, weights, single ? 1e-6 : 1e-9)) << line;
      EXPECT_TRUE(close(z.grad(), derivatives, single ? 2e-5 : 1e-8)) << line;
    }
  }
  EXPECT_EQ(rows, 40);
}

// Beyond, the last digit of a float32 score decides; within, large scores lose nothing that they hold.
TEST(Entmax, TakesWhatFloat32Holds) {
  EXPECT_THROW(entmax(row({1}), kMostEntmaxAlpha + 0.01), Error);
  const auto z = wave({200, 11}, 0.37).to(at::kFloat);
  for (const double alpha : {2.5, 3.0, kMostEntmaxAlpha})
    for (const double scale : {0.1, 1.0, 1000.0}) {
      const auto scaled = z * scale;
      EXPECT_TRUE(close(entmax(scaled, alpha), entmax(scaled.to(at::kDouble), alpha), 1e-7)) << alpha << ' ' << scale;
    }
}

// The weights as the papers compute them: of scores sorted in falling order, those before the first that falls short of its threshold.
at::Tensor by_sorting(const at::Tensor& z, double alpha) {
  const auto x = (z - z.amax(-1, true)) * (alpha - 1);                                                // [.., S]
  const auto sorted = std::get<0>(x.sort(-1, /*descending=*/true)), sums = sorted.cumsum(-1);         // [.., S]
  const auto k = at::arange(1, z.size(-1) + 1, z.options()), mean = sums / k;                         // [S], [.., S]
  const auto spread = sorted.square().cumsum(-1) - k * mean.square();                                 // [.., S]
  const auto tau = alpha == 2 ? (sums - 1) / k : mean - ((1 - spread) / k).clamp_min(0).sqrt();       // [.., S]
  const auto inside = alpha == 2 ? 1 + k * sorted > sums : (tau <= sorted).logical_and(spread <= 1);  // [.., S]
  return (x - tau.gather(-1, inside.sum(-1, true) - 1)).clamp_min(0).pow(1 / (alpha - 1));
}

TEST(Entmax, LongRowsEqualSortingWhateverTheirLayout) {
  const auto z = wave({3, 2, 1203}, 0.37) * 2;
  for (const double alpha : {1.5, 2.0})
    for (const auto type : {at::kDouble, at::kFloat}) {
      const auto given = z.to(type);
      const double unit = type == at::kFloat ? 1e-6 : 1e-12;
      const auto right = by_sorting(given.to(at::kDouble), alpha);
      EXPECT_TRUE(close(entmax(given, alpha), right, unit)) << alpha;
      const auto turned = given.transpose(0, 2).contiguous().transpose(0, 2);  // the last dimension is not the inner one
      EXPECT_TRUE(same(entmax(turned, alpha), entmax(given, alpha))) << alpha;
      const auto a = leaf(given), b = leaf(given);
      entmax(a, alpha).select(2, 5).sum().backward();
      entmax(b.transpose(0, 1), alpha).transpose(0, 1).select(2, 5).sum().backward();
      EXPECT_TRUE(same(a.grad(), b.grad())) << alpha;
    }
}

TEST(Entmax, RowsWithoutAnyScoreHaveNoWeight) {
  for (const double alpha : {1.25, 1.5, 2.0}) {
    const auto z = leaf(at::full({2, 3}, kMinusInfinity, at::kDouble));
    const auto w = entmax(z, alpha);
    EXPECT_TRUE(same(w, at::zeros({2, 3}, at::kDouble))) << alpha;
    w.sum().backward();
    EXPECT_TRUE(same(z.grad(), at::zeros({2, 3}, at::kDouble))) << alpha;
  }
}

TEST(Entmax, TwoScoresInClosedForm) {
  for (const double d : {0.0, 0.3, 0.9, 1.7, 1.99, 2.0, 5.0}) {
    const auto z = row({d, 0});
    const double linear = std::clamp((1 + d) / 2, 0.0, 1.0);
    EXPECT_TRUE(close(entmax(z, 2), row({linear, 1 - linear}), 1e-14)) << d;
    const double root = d / 4 + std::sqrt(std::max(0.0, 0.5 - d * d / 16));
    const double first = d >= 2 ? 1.0 : root * root;
    EXPECT_TRUE(close(entmax(z, 1.5), row({first, 1 - first}), 1e-14)) << d;
  }
}

TEST(Entmax, BisectionMeetsTheClosedForms) {
  const auto z = wave({8, 13}, 0.4) * 2;
  EXPECT_TRUE(close(entmax(z, 1.5 + 1e-12), entmax(z, 1.5), 1e-9));
  EXPECT_TRUE(close(entmax(z, 2 + 1e-12), entmax(z, 2), 1e-9));
  EXPECT_TRUE(close(entmax(z, 1.0001), at::softmax(z, -1), 1e-3));
  EXPECT_TRUE(same(entmax(z, 1), at::softmax(z, -1)));
}

TEST(Entmax, GradientsMatchCentralDifferences) {
  for (const double alpha : {1.25, 1.5, 2.0, 3.0}) {
    const auto z = leaf(wave({3, 7}, 0.2) * 1.5);
    const auto weights = wave({3, 7}, 1.1);
    expect_gradients([&] { return (entmax(z, alpha) * weights).sum(); }, {{"z", z}});
  }
}

TEST(Entmax, HiddenEntriesTakeNoPart) {
  for (const double alpha : {1.25, 1.5, 2.0}) {
    const auto w = entmax(row({0.5, kMinusInfinity, 0.2, kMinusInfinity}), alpha);
    EXPECT_TRUE(close(w.index_select(0, at::tensor({0, 2})), entmax(row({0.5, 0.2}), alpha), 1e-12)) << alpha;
    EXPECT_EQ(w[1].item<double>(), 0) << alpha;
    EXPECT_TRUE(same(entmax(row({kMinusInfinity, -1e4}), alpha), row({0, 1}))) << alpha;
    const auto z = leaf(row({0.5, kMinusInfinity, 0.2}));
    (entmax(z, alpha) * row({1, 2, 4})).sum().backward();
    EXPECT_TRUE(all_finite(z.grad()));
    EXPECT_EQ(z.grad()[1].item<double>(), 0) << alpha;
  }
}

TEST(Entmax, ExtremesTiesAndShifts) {
  for (const double alpha : {1.25, 1.5, 2.0}) {
    EXPECT_TRUE(same(entmax(row({1e4, -1e4, 0}), alpha), row({1, 0, 0}))) << alpha;
    EXPECT_TRUE(close(entmax(row({3, 3, -9, 3}), alpha), row({1.0 / 3, 1.0 / 3, 0, 1.0 / 3}), 1e-12)) << alpha;
    EXPECT_TRUE(same(entmax(row({0.37}), alpha), row({1}))) << alpha;
    const auto z = wave({4, 5});
    EXPECT_TRUE(close(entmax(z + 100, alpha), entmax(z, alpha), 1e-12)) << alpha;
    EXPECT_TRUE(close(entmax(z.to(at::kFloat), alpha), entmax(z, alpha), 1e-5)) << alpha;
  }
  EXPECT_EQ(entmax(at::zeros({0, 3}), 2).sizes(), at::IntArrayRef({0, 3}));
  EXPECT_THROW(entmax(row({1}), 0.5), Error);
}

}  // namespace
}  // namespace attend::testing
