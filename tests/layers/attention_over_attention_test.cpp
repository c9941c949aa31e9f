// Attention over attention: the hand case, its limits, and what padding and empty items may not do.
#include "attend/layers/attention_over_attention.h"

#include <cmath>

#include "layers/sequences.h"

namespace attend::testing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kPlaces = 5, kAsked = 4;

at::Tensor document_wave() { return wave({kBatch, kPlaces, kSize}, 0.2); }
at::Tensor query_wave() { return wave({kBatch, kAsked, kSize}, 1.3); }
at::Tensor document_lengths() { return ids({5, 2, 3}); }
at::Tensor query_lengths() { return ids({1, 4, 3}); }

// M as a document of S vectors and a query that is the identity.
AttentionOverAttention of_scores(const at::Tensor& scores) {
  return attention_over_attention(scores.unsqueeze(0), at::eye(scores.size(1), at::kDouble).unsqueeze(0));
}

TEST(AttentionOverAttention, HandCase) {
  const auto r = of_scores(numbers({1, 0, 0, 2, 1, 1}).view({3, 2}));
  EXPECT_TRUE(close(r.alpha[0].t(), numbers({0.422319, 0.155362, 0.422319, 0.090031, 0.665241, 0.244728}).view({2, 3}), 1e-6));
  EXPECT_TRUE(close(r.beta[0], numbers({0.731059, 0.268941, 0.119203, 0.880797, 0.5, 0.5}).view({3, 2}), 1e-6));
  EXPECT_TRUE(close(r.beta_mean[0], numbers({0.450087, 0.549913}), 1e-6));
  EXPECT_TRUE(close(r.a[0], numbers({0.239589, 0.435751, 0.324660}), 1e-6));
  constexpr std::int64_t kX = 7, kY = 4;
  const auto p = word_log_prob(r.log_a, ids({kX, kY, kX}).unsqueeze(0), ids({kX, kY}).unsqueeze(0));
  EXPECT_TRUE(close(p[0].exp(), numbers({0.564249, 0.435751}), 1e-6));
}

// Item by item on tensors of exactly its lengths.
TEST(AttentionOverAttention, IsTheFormulaWithinTheLengthsAndZeroOutside) {
  const auto d = document_wave(), u = query_wave();
  const auto r = attention_over_attention(d, u, document_lengths(), query_lengths());
  for (std::int64_t b = 0; b < kBatch; ++b) {
    const auto s = document_lengths()[b].item<std::int64_t>(), t = query_lengths()[b].item<std::int64_t>();
    const auto m = at::matmul(d[b].narrow(0, 0, s), u[b].narrow(0, 0, t).t());  // [S_b, T_b]
    const auto alpha = at::softmax(m, 0), beta = at::softmax(m, 1), mean = beta.mean(0);
    const auto padded = [&](const at::Tensor& x, at::IntArrayRef sizes) {
      auto whole = at::zeros(sizes, at::kDouble);
      (x.dim() == 2 ? whole.narrow(0, 0, s).narrow(1, 0, t) : whole.narrow(0, 0, x.size(0))).copy_(x);
      return whole;
    };
    EXPECT_TRUE(close(r.alpha[b], padded(alpha, {kPlaces, kAsked}), kTight)) << b;
    EXPECT_TRUE(close(r.beta[b], padded(beta, {kPlaces, kAsked}), kTight)) << b;
    EXPECT_TRUE(close(r.beta_mean[b], padded(mean, {kAsked}), kTight)) << b;
    EXPECT_TRUE(close(r.a[b], padded(at::mv(alpha, mean), {kPlaces}), kTight)) << b;
    EXPECT_TRUE(close(r.log_a[b], r.a[b].log(), kTight)) << b;  // −inf outside
  }
  EXPECT_TRUE(close(r.a.sum(1), at::ones({kBatch}, at::kDouble), kTight));
}

TEST(AttentionOverAttention, OneQueryWordIsThePlainReader) {
  const auto r = attention_over_attention(document_wave(), query_wave().narrow(1, 0, 1));
  EXPECT_TRUE(close(r.a, r.alpha.squeeze(2), kTight));
}

TEST(AttentionOverAttention, EqualScoresCountWords) {
  const auto d = at::ones({2, kPlaces, kSize}, at::kDouble), u = at::ones({2, kAsked, kSize}, at::kDouble);
  const auto r = attention_over_attention(d, u, ids({5, 4}), ids({4, 2}));
  EXPECT_TRUE(close(r.a[0], at::full({5}, 1.0 / 5, at::kDouble), kTight));
  EXPECT_TRUE(close(r.a[1].narrow(0, 0, 4), at::full({4}, 1.0 / 4, at::kDouble), kTight));
  const auto words = ids({6, 8, 6, 6, 9, 6, 8, 8, 8, 8}).view({2, 5});  // the last of item 1 is padding
  const auto p = word_log_prob(r.log_a, words, ids({6, 8, 9, 6, 8, 9}).view({2, 3})).exp();
  EXPECT_TRUE(close(p, numbers({0.6, 0.2, 0.2, 0.25, 0.75, 0}).view({2, 3}), kTight));
}

TEST(AttentionOverAttention, FollowsTheDocumentsOrderAndNotTheQuerys) {
  const auto d = document_wave(), u = query_wave();
  const auto r = attention_over_attention(d, u);
  const auto moved = ids({3, 0, 4, 1, 2}), turned = ids({2, 3, 0, 1});
  EXPECT_TRUE(close(attention_over_attention(d.index_select(1, moved), u).a, r.a.index_select(1, moved), kTight));
  const auto other = attention_over_attention(d, u.index_select(1, turned));
  EXPECT_TRUE(close(other.a, r.a, kTight));
  EXPECT_TRUE(close(other.beta_mean, r.beta_mean.index_select(1, turned), kTight));
}

TEST(AttentionOverAttention, PaddingMayHoldAnything) {
  const auto run = [](double filling) {
    auto d = document_wave(), u = query_wave();
    for (std::int64_t b = 0; b < kBatch; ++b) {
      d[b].slice(0, document_lengths()[b].item<std::int64_t>()).fill_(filling);
      u[b].slice(0, query_lengths()[b].item<std::int64_t>()).fill_(filling);
    }
    d = leaf(d), u = leaf(u);
    const auto r = attention_over_attention(d, u, document_lengths(), query_lengths());
    const auto words = ids({1, 2, 1, 3, 2}).expand({kBatch, kPlaces});
    auto loss = (r.a * wave({kBatch, kPlaces}, 0.4)).sum() - word_log_prob(r.log_a, words, words.narrow(1, 0, 1)).sum();
    loss.backward();
    return std::vector<at::Tensor>{loss, r.a, r.log_a, r.alpha, r.beta, r.beta_mean, d.grad(), u.grad()};
  };
  const auto zeros = run(0), nans = run(kNaN);
  for (std::size_t i = 0; i < zeros.size(); ++i) EXPECT_TRUE(same(nans[i], zeros[i])) << i;
  EXPECT_TRUE(all_finite(nans[6]));
}

TEST(AttentionOverAttention, AnItemWithoutDocumentOrQueryIsZeroWithZeroGradients) {
  const auto d = leaf(document_wave()), u = leaf(query_wave());
  const auto r = attention_over_attention(d, u, ids({0, 3, 5}), ids({4, 0, 2}));
  for (const std::int64_t b : {0, 1}) {
    for (const auto& x : {r.a, r.alpha, r.beta, r.beta_mean}) EXPECT_TRUE(all_zero(x[b])) << b;
    EXPECT_TRUE(same(r.log_a[b], at::full({kPlaces}, -kInfinity, at::kDouble)));
  }
  const auto words = at::ones({kBatch, kPlaces}, at::kLong);
  const auto p = word_log_prob(r.log_a, words, words.narrow(1, 0, 1));
  EXPECT_TRUE(close(p.squeeze(1), numbers({-kInfinity, -kInfinity, 0}), kTight));
  (r.a.sum() + (r.beta_mean * wave({kBatch, kAsked})).sum() + p.sum()).backward();
  for (const std::int64_t b : {0, 1}) {
    EXPECT_TRUE(all_zero(d.grad()[b]));
    EXPECT_TRUE(all_zero(u.grad()[b]));
  }
  EXPECT_TRUE(all_finite(d.grad()));
}

TEST(AttentionOverAttention, SizesOneAndZero) {
  EXPECT_TRUE(same(attention_over_attention(wave({1, 1, 2}), wave({1, 1, 2})).a, at::ones({1, 1}, at::kDouble)));
  EXPECT_TRUE(all_zero(attention_over_attention(wave({2, 3, 2}), wave({2, 0, 2})).a));
  EXPECT_EQ(attention_over_attention(wave({2, 0, 2}), wave({2, 3, 2})).a.numel(), 0);
  EXPECT_EQ(attention_over_attention(wave({0, 3, 2}), wave({0, 3, 2})).a.numel(), 0);
}

TEST(AttentionOverAttention, LogarithmsStayFiniteWhereProbabilitiesUnderflow) {
  auto scores = at::zeros({3, 2}, at::kDouble);
  scores[2].fill_(-2000);
  const auto r = of_scores(scores);
  EXPECT_EQ(r.a[0][2].item<double>(), 0);
  EXPECT_NEAR(r.log_a[0][2].item<double>(), -2000 - std::log(2), 1e-9);
}

TEST(AttentionOverAttention, AbsentWordsAreImpossibleAndWithoutGradient) {
  const auto d = leaf(document_wave());
  const auto r = attention_over_attention(d, query_wave());
  const auto p = word_log_prob(r.log_a, at::full({kBatch, kPlaces}, 3, at::kLong), at::full({kBatch, 1}, 4, at::kLong));
  EXPECT_TRUE(same(p, at::full({kBatch, 1}, -kInfinity, at::kDouble)));
  p.sum().backward();
  EXPECT_TRUE(all_zero(d.grad()));
}

TEST(AttentionOverAttention, GradientsMatchCentralDifferences) {
  const auto d = leaf(document_wave()), u = leaf(query_wave());
  const auto words = ids({1, 2, 1, 3, 2, 4, 4, 5, 5, 5, 6, 7, 6, 6, 7}).view({kBatch, kPlaces});
  expect_gradients(
      [&] {
        const auto r = attention_over_attention(d, u, document_lengths(), query_lengths());
        const auto live = r.log_a.masked_fill(r.log_a.detach().isneginf(), 0.0);
        return (r.a * wave({kBatch, kPlaces}, 0.1)).sum() + (r.alpha * wave({kBatch, kPlaces, kAsked}, 0.5)).sum() +
               (r.beta * wave({kBatch, kPlaces, kAsked}, 0.9)).sum() + (r.beta_mean * wave({kBatch, kAsked}, 0.3)).sum() +
               (live * wave({kBatch, kPlaces}, 0.7)).sum() - word_log_prob(r.log_a, words, words.narrow(1, 0, 2)).sum();
      },
      {{"document", d}, {"query", u}});
}

TEST(AttentionOverAttention, SaysWhatDoesNotFit) {
  const auto d = document_wave(), u = query_wave();
  expect_error(ErrorKind::kShape, {"attention_over_attention", "[B, S, N]", "[3, 5, 3]", "[3, 4, 2]"}, [&] {
    attention_over_attention(d, wave({3, 4, 2}));
  });
  expect_error(ErrorKind::kValue, {"attention_over_attention", "0 to 5", "6"}, [&] { attention_over_attention(d, u, ids({6, 1, 1})); });
  expect_error(ErrorKind::kShape, {"attention_over_attention", "query lengths"}, [&] { attention_over_attention(d, u, {}, ids({1, 1})); });
  expect_error(ErrorKind::kShape, {"word_log_prob", "[3, 5]", "[3, 4]"}, [&] {
    word_log_prob(wave({3, 5}), at::zeros({3, 4}, at::kLong), at::zeros({3, 1}, at::kLong));
  });
}

}  // namespace
}  // namespace attend::testing
