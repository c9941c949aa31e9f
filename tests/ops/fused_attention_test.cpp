#include "attend/ops/fused_attention.h"

#include <ATen/ops/scaled_dot_product_attention.h>

#include "attend/kernels/isa.h"
#include "attend/ops/dropout.h"
#include "support/gradcheck.h"

namespace attend::testing {
namespace {

struct Call {
  at::Tensor q, k, v;
  FusedAttentionOptions options;
};

// Grouped heads, lengths, a causal window, distances, a bias and a keep, all at once.
Call everything() {
  Call c{leaf(wave({2, 4, 5, 3})), leaf(wave({2, 2, 6, 3}, 0.4)), leaf(wave({2, 2, 6, 7}, 0.9)), {}};
  auto& o = c.options;
  o.scale = 0.6;
  o.soft_cap = 0.8;
  o.left = 4;
  o.right = 1;
  o.query_lengths = at::tensor({5, 3}, at::kLong);
  o.key_lengths = at::tensor({6, 4}, at::kLong);
  o.bias = wave({4, 1, 6}, 0.2);
  o.bias.index_put_({at::tensor({1}), at::tensor({0}), at::tensor({2})}, -std::numeric_limits<double>::infinity());
  o.bias = leaf(o.bias);
  o.by_distance = leaf(wave({4, 5}, 0.8));
  o.first_steps = at::tensor({1, 0}, at::kLong);
  o.drop_rate = 0.25;
  o.drop_keys = at::arange(2 * 4 * 5, at::kLong).mul(0x1234567891234567).view({2, 4, 5});
  o.keep = at::ones({2, 1, 5, 1}, at::kBool);
  o.keep[0][0][3] = false;  // a row that sees nothing
  o.slopes = at::tensor({0.5, 0.25, 0.125, 0.0625}, at::kFloat);
  o.lse = o.entropy = o.maximum = o.column_sums = true;
  return c;
}

TEST(FusedAttentionOp, GradientsAreThoseOfDifferences) {
  const auto c = everything();
  const auto loss = [&] {
    const auto out = fused_attention(c.q, c.k, c.v, c.options);
    const auto lse = out.lse.masked_fill(out.lse.isinf(), 0.0);  // [B, H, T]
    return (out.context * wave({2, 4, 5, 7}, 0.1)).sum() + (lse * wave({2, 4, 5}, 0.3)).sum() + (out.entropy * wave({2, 4, 5}, 0.7)).sum() +
           (out.maximum * wave({2, 4, 5}, 0.5)).sum() + (out.column_sums * wave({2, 4, 6}, 0.2)).sum();
  };
  expect_gradients(loss, {{"query", c.q}, {"key", c.k}, {"value", c.v}, {"bias", c.options.bias}, {"by_distance", c.options.by_distance}});
}

TEST(FusedAttentionOp, GradientsOfWindowsAreThoseOfDifferences) {
  for (const bool renormalised : {false, true}) {
    auto c = everything();
    c.options.left = c.options.right = kernels::kEverything;
    // Differences must not carry an edge over a key.
    c.options.centres = leaf(wave({2, 4, 5}, 0.35) * 2 + 2.3);
    c.options.radius = 2, c.options.deviation = 1.25, c.options.renormalised = renormalised;
    const auto loss = [&] {
      const auto out = fused_attention(c.q, c.k, c.v, c.options);
      const auto lse = out.lse.masked_fill(out.lse.isinf(), 0.0);  // [B, H, T]
      return (out.context * wave({2, 4, 5, 7}, 0.1)).sum() + (lse * wave({2, 4, 5}, 0.3)).sum() +
             (out.entropy * wave({2, 4, 5}, 0.7)).sum() + (out.maximum * wave({2, 4, 5}, 0.5)).sum() +
             (out.column_sums * wave({2, 4, 6}, 0.2)).sum();
    };
    expect_gradients(loss, {{"query", c.q}, {"key", c.k}, {"value", c.v}, {"centres", c.options.centres}, {"bias", c.options.bias}});
  }
}

TEST(FusedAttentionOp, GradientsOfSparseWeightsAreThoseOfDifferences) {
  for (const auto normaliser : {kernels::Normaliser::kEntmax15, kernels::Normaliser::kSparsemax}) {
    auto c = everything();
    c.options.normaliser = normaliser;
    c.options.lse = c.options.entropy = c.options.maximum = c.options.column_sums = false;
    const auto loss = [&] { return (fused_attention(c.q, c.k, c.v, c.options).context * wave({2, 4, 5, 7}, 0.1)).sum(); };
    expect_gradients(loss,
                     {{"query", c.q}, {"key", c.k}, {"value", c.v}, {"bias", c.options.bias}, {"by_distance", c.options.by_distance}});
    c.options.entropy = true;
    expect_error(ErrorKind::kUnsupported, {"statistics of sparse weights", "detach()"},
                 [&] { fused_attention(c.q, c.k, c.v, c.options).entropy.sum().backward(); });
  }
}

// Of what was drawn, the logarithm; and of scores with noise.
TEST(FusedAttentionOp, GradientsOfChoicesAreThoseOfDifferences) {
  for (const bool noisy : {false, true}) {
    auto c = everything();
    c.options.noise_keys = at::arange(2 * 4 * 5, at::kLong).mul(0x3456789123456781).view({2, 4, 5});
    c.options.choice = true, c.options.context = noisy, c.options.noise_scale = noisy ? 0.7 : 0;
    const auto loss = [&] {
      const auto out = fused_attention(c.q, c.k, c.v, c.options);
      const auto rest = (out.log_choice * wave({2, 4, 5}, 0.3)).sum() + (out.entropy * wave({2, 4, 5}, 0.7)).sum();
      return noisy ? rest + (out.context * wave({2, 4, 5, 7}, 0.1)).sum() : rest;
    };
    std::vector<std::pair<std::string, at::Tensor>> all{{"query", c.q}, {"key", c.k}, {"bias", c.options.bias}};
    if (noisy) all.emplace_back("value", c.v);
    expect_gradients(loss, all);
  }
}

TEST(FusedAttentionOp, GradientsOfAdditiveScoresAreThoseOfDifferences) {
  for (const auto kind : {kernels::ScoreKind::kTanh, kernels::ScoreKind::kRelu}) {
    auto c = everything();
    c.k = leaf(wave({2, 4, 6, 3}, 0.4)), c.v = leaf(wave({2, 4, 6, 7}, 0.9));
    c.options.score = kind, c.options.energy = leaf(wave({4, 3}, 0.15));
    const auto loss = [&] {
      const auto out = fused_attention(c.q, c.k, c.v, c.options);
      return (out.context * wave({2, 4, 5, 7}, 0.1)).sum() + (out.entropy * wave({2, 4, 5}, 0.7)).sum();
    };
    expect_gradients(loss, {{"query", c.q}, {"key", c.k}, {"value", c.v}, {"energy", c.options.energy}});
  }
}

TEST(FusedAttentionOp, AgreesWithLibtorchsOwn) {
  for (const bool causal : {false, true})
    for (const auto type : {at::kFloat, at::kDouble, at::kBFloat16}) {
      const std::int64_t keys = causal ? 70 : 131;
      const auto q = leaf(wave({2, 3, 70, 40}).to(type)), k = leaf(wave({2, 3, keys, 40}, 0.4).to(type)),
                 v = leaf(wave({2, 3, keys, 40}, 0.9).to(type));
      FusedAttentionOptions options;
      options.scale = 1 / std::sqrt(40.0);
      if (causal) options.right = 0;
      const auto ours = fused_attention(q, k, v, options).context;  // [B, H, T, Dv]
      ours.backward(wave({2, 3, 70, 40}, 0.6).to(type));
      const auto q2 = leaf(q.to(at::kDouble)), k2 = leaf(k.to(at::kDouble)), v2 = leaf(v.to(at::kDouble));
      const auto theirs = at::scaled_dot_product_attention(q2, k2, v2, {}, 0.0, causal);  // [B, H, T, Dv]
      theirs.backward(wave({2, 3, 70, 40}, 0.6).to(type).to(at::kDouble));
      const double near = type == at::kDouble ? 1e-12 : type == at::kFloat ? 2e-6 : 2e-2;
      EXPECT_TRUE(close(ours, theirs, near));
      EXPECT_TRUE(close(q.grad(), q2.grad(), near));
      EXPECT_TRUE(close(k.grad(), k2.grad(), near));
      EXPECT_TRUE(close(v.grad(), v2.grad(), near));
    }
}

// What a row's key drops of the weights is what dropout() drops of a row.
TEST(FusedAttentionOp, DropsWhatDropoutDrops) {
  const auto q = wave({2, 3, 7, 8}).to(at::kFloat), k = wave({2, 3, 33, 8}, 0.4).to(at::kFloat);
  const auto v = at::eye(33, at::kFloat).expand({2, 3, 33, 33});  // the context is the weights that are mixed
  FusedAttentionOptions o;
  const auto weights = fused_attention(q, k, v, o).context;  // [B, H, T, S]
  o.drop_rate = 0.4;
  at::Tensor ours, theirs;  // [B, H, T, S]
  {
    const Draws draws(7, 3, {11, 12});
    o.drop_keys = dropout_row_keys({2, 3, 7, 33}, 5);
    ours = fused_attention(q, k, v, o).context;
  }
  {
    const Draws draws(7, 3, {11, 12});
    theirs = attend::dropout(weights, 0.4, std::uint64_t{5});
  }
  EXPECT_TRUE(same(ours.eq(0), theirs.eq(0)));
  EXPECT_TRUE(close(ours, theirs, 1e-6));
}

TEST(FusedAttentionOp, StridesDoNotMatter) {
  const auto q = wave({2, 9, 4, 8}).to(at::kFloat).transpose(1, 2),
             k = wave({2, 4, 8, 11}, 0.4).to(at::kFloat).mT();  // [2, 4, 9, 8], [2, 4, 11, 8]
  const auto v = wave({1, 4, 1, 8}, 0.9).to(at::kFloat).expand({2, 4, 11, 8});
  EXPECT_TRUE(same(fused_attention(q, k, v).context, fused_attention(q.contiguous(), k.contiguous(), v.contiguous()).context));
}

TEST(FusedAttentionOp, StatisticsAreReturnedWhereTheyWereAskedFor) {
  auto c = everything();
  c.options.top = 2, c.options.pool_rows = 3, c.options.pool_keys = 4, c.options.rows = at::tensor({1, 4}, at::kLong);
  const at::NoGradGuard no_grad;
  const auto out = fused_attention(c.q, c.k, c.v, c.options);
  EXPECT_TRUE(close(out.column_sums.sum(-1), out.maximum.gt(0).sum(-1).to(at::kDouble), 1e-12));  // each live row gives 1
  EXPECT_TRUE(same(out.argmax.lt(0), out.maximum.eq(0)));
  EXPECT_TRUE(same(out.top_weights.select(3, 0), out.maximum));
  EXPECT_TRUE(same(out.top_keys.select(3, 0), out.argmax));
  EXPECT_TRUE(same(out.rows.amax(-1), out.maximum.index_select(2, c.options.rows)));
  EXPECT_TRUE(close((out.pooled_mean * at::tensor({12.0, 6.0, 8.0, 4.0}).view({2, 2})).sum({2, 3}), out.column_sums.sum(-1), 1e-12));
  EXPECT_TRUE(same(out.pooled_max.amax({2, 3}), out.maximum.amax(-1)));
  const auto none = fused_attention(c.q, c.k, c.v);
  EXPECT_FALSE(none.lse.defined() || none.entropy.defined() || none.maximum.defined() || none.argmax.defined() ||
               none.column_sums.defined() || none.top_weights.defined() || none.pooled_mean.defined() || none.rows.defined());
  EXPECT_EQ(fused_attention(c.q.to(at::kFloat), c.k.to(at::kFloat), c.v.to(at::kFloat)).ran,
            std::min(kernels::active_isa(), kernels::Isa::kAvx512));
}

TEST(FusedAttentionOp, ATileOfTheWeightsIsThatOfTheMap) {
  auto c = everything();
  c.options.rows = at::arange(5, at::kLong);
  const at::NoGradGuard no_grad;
  const auto out = fused_attention(c.q, c.k, c.v, c.options);
  EXPECT_TRUE(close(fused_weights(c.q, c.k, out.lse, {0, 5, 0, 6}, c.options), out.rows, 1e-14));
  EXPECT_TRUE(close(fused_weights(c.q, c.k, out.lse, {1, 4, 2, 5}, c.options), out.rows.slice(2, 1, 4).slice(3, 2, 5), 1e-14));
  expect_error(ErrorKind::kValue, {"within T=5 and S=6", "rows 1 to 6"}, [&] {
    fused_weights(c.q, c.k, out.lse, {1, 6, 0, 6}, c.options);
  });
  expect_error(ErrorKind::kShape, {"lse must be Double [B=2, H=4, T=5]", "Float"}, [&] {
    fused_weights(c.q, c.k, out.lse.to(at::kFloat), {0, 5, 0, 6}, c.options);
  });
}

TEST(FusedAttentionOp, SaysWhatDoesNotFit) {
  const auto q = wave({2, 4, 5, 3}), k = wave({2, 2, 6, 3}), v = wave({2, 2, 6, 7});
  expect_error(ErrorKind::kShape, {"fused_attention", "[B, H, T, D]", "[4, 5, 3]"}, [&] { fused_attention(q[0], k, v); });
  expect_error(ErrorKind::kShape, {"fused_attention", "[2, 2, 5, 3]"}, [&] { fused_attention(q, k.narrow(2, 0, 5), v); });
  expect_error(ErrorKind::kShape, {"4 query heads cannot share 3 key heads"}, [&] {
    fused_attention(q, wave({2, 3, 6, 3}), wave({2, 3, 6, 7}));
  });
  expect_error(ErrorKind::kValue, {"one number format", "Float", "Double"}, [&] { fused_attention(q.to(at::kFloat), k, v); });
  expect_error(ErrorKind::kValue, {"float32, bfloat16 or float64", "Half"},
               [&] { fused_attention(q.to(at::kHalf), k.to(at::kHalf), v.to(at::kHalf)); });
  FusedAttentionOptions o;
  o.keep = at::ones({2, 1, 5, 5}, at::kBool);
  expect_error(ErrorKind::kShape, {"keep must broadcast to [2, 4, 5, 6]", "[2, 1, 5, 5]"}, [&] { fused_attention(q, k, v, o); });
  o = {};
  o.key_lengths = at::tensor({6, 7}, at::kLong);
  expect_error(ErrorKind::kValue, {"key lengths must be 0 to 6, got 7 for item 1"}, [&] { fused_attention(q, k, v, o); });
  o.key_lengths = at::tensor({6}, at::kLong);
  expect_error(ErrorKind::kShape, {"key lengths must be int64 [B=2]", "[1]"}, [&] { fused_attention(q, k, v, o); });
  o = {};
  o.bias = wave({5, 6}).to(at::kFloat);
  expect_error(ErrorKind::kValue, {"bias must be Double, got Float"}, [&] { fused_attention(q, k, v, o); });
  o = {};
  o.centres = wave({4, 6});
  expect_error(ErrorKind::kShape, {"centres must broadcast to [2, 4, 5]", "[4, 6]"}, [&] { fused_attention(q, k, v, o); });
  o.centres = wave({5}), o.radius = -1;
  expect_error(ErrorKind::kValue, {"window around a centre", "-1"}, [&] { fused_attention(q, k, v, o); });
  o = {};
  o.by_distance = wave({4, 6});
  expect_error(ErrorKind::kShape, {"by_distance must be Double [H=4, an odd number]", "[4, 6]"}, [&] { fused_attention(q, k, v, o); });
  o = {};
  o.score = kernels::ScoreKind::kTanh;
  expect_error(ErrorKind::kShape, {"energy of additive scores must be Double [H=4, D=3]", "none"}, [&] { fused_attention(q, k, v, o); });
  o.energy = wave({4, 3});
  expect_error(ErrorKind::kShape, {"keys for each query head", "H=4 and Hk=2"}, [&] { fused_attention(q, k, v, o); });
  o = {};
  o.drop_rate = 0.1;
  expect_error(ErrorKind::kShape, {"int64 [B=2, H=4, T=5], got none"}, [&] { fused_attention(q, k, v, o); });
  o = {};
  o.top = 7;
  expect_error(ErrorKind::kValue, {"7 largest of 6 weights"}, [&] { fused_attention(q, k, v, o); });
  o = {};
  o.rows = at::tensor({2, 2}, at::kLong);
  expect_error(ErrorKind::kValue, {"ascend from 0 to 4, got 2 in place 1"}, [&] { fused_attention(q, k, v, o); });
  o = {};
  o.slopes = at::ones({3}, at::kFloat);
  expect_error(ErrorKind::kShape, {"slopes must be float32 [H=4]", "[3]"}, [&] { fused_attention(q, k, v, o); });
}

}  // namespace
}  // namespace attend::testing
