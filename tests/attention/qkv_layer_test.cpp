#include "attend/attention/qkv_layer.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

const MechanismOptions kLayerOptions{.query_size = 4, .key_size = 4, .output_size = 3};

// Values are the keys. Query [B, 1, T, N], values [B, 1, S, N].
Problem layer_problem(const at::Tensor& key_lengths = {}) {
  const auto values = wave({2, 1, 5, 4}, 0.5);
  return {wave({2, 1, 3, 4}), values, values, {.key_lengths = key_lengths}};
}

struct LayerWeights {
  at::Tensor w1, b1, w2, b2;
  explicit LayerWeights(const Mechanism& mechanism) {
    const auto w = mechanism.named_parameters();
    w1 = w["context_weight"][0], b1 = w["context_bias"][0], w2 = w["query_weight"][0], b2 = w["query_bias"][0];
  }
  at::Tensor output(const at::Tensor& context, const at::Tensor& query) const {
    return at::linear(context, w1, b1).clamp_min(0) + at::linear(query, w2, b2);
  }
};

TEST(QkvLayer, ParametersKeepTheirNamesAndShapes) {
  const auto mechanism = make_filled("qkv_layer", kLayerOptions);
  EXPECT_EQ(parameter_names(*mechanism), std::vector<std::string>({"context_weight", "context_bias", "query_weight", "query_bias"}));
  EXPECT_EQ(mechanism->named_parameters()["context_weight"].sizes(), at::IntArrayRef({1, 3, 4}));
  EXPECT_EQ(mechanism->named_parameters()["query_weight"].sizes(), at::IntArrayRef({1, 3, 4}));
  EXPECT_EQ(mechanism->context_size(4), 3);
  EXPECT_EQ(make_mechanism("qkv_layer", {.query_size = 4, .key_size = 4})->context_size(4), 4) << "as long as the query unless said";
}

TEST(QkvLayer, EqualsItsFormula) {
  const auto mechanism = make_filled("qkv_layer", kLayerOptions);
  const auto p = layer_problem(lengths({5, 3}));
  const auto r = run(*mechanism, p);
  ASSERT_EQ(r.context.sizes(), at::IntArrayRef({2, 1, 3, 3}));
  ASSERT_EQ(r.weights.sizes(), at::IntArrayRef({2, 1, 3, 5}));
  for (std::int64_t b = 0; b < 2; ++b) {
    const auto values = p.values[b][0].narrow(0, 0, b == 0 ? 5 : 3), query = p.query[b][0];
    const auto w = at::softmax(at::matmul(query, values.t()) / 2, -1);  // √N = 2
    EXPECT_TRUE(close(r.weights[b][0].narrow(1, 0, values.size(0)), w, 1e-14));
    EXPECT_TRUE(close(r.context[b][0], LayerWeights(*mechanism).output(at::matmul(w, values), query), 1e-14));
  }
}

TEST(QkvLayer, OneValueIsReadAsItIs) {
  const auto mechanism = make_filled("qkv_layer", kLayerOptions);
  const auto p = layer_problem(lengths({1, 1}));
  const auto first = p.values.narrow(2, 0, 1).expand({2, 1, 3, 4});
  EXPECT_TRUE(close(run(*mechanism, p).context, LayerWeights(*mechanism).output(first, p.query), 1e-15));
}

TEST(QkvLayer, EmptySourceLeavesItsBiasAndTheQuery) {
  const auto mechanism = make_filled("qkv_layer", kLayerOptions);
  const LayerWeights w(*mechanism);
  const auto p = layer_problem(lengths({0, 5}));
  const auto r = run(*mechanism, p);
  EXPECT_TRUE(close(r.context[0], w.b1.clamp_min(0) + at::linear(p.query[0], w.w2, w.b2), 1e-15));
  EXPECT_TRUE(all_zero(r.weights[0]));
}

TEST(QkvLayer, WhatLiesBeyondTheLengthIsInvisible) {
  const auto mechanism = make_filled("qkv_layer", kLayerOptions);
  auto p = layer_problem(lengths({5, 2}));
  p.mask.query_lengths = lengths({3, 1});
  const auto clean = run(*mechanism, p);
  p.values = p.values.clone(), p.query = p.query.clone();
  p.values[1].narrow(1, 2, 3).fill_(std::numeric_limits<double>::quiet_NaN());
  p.query[1].narrow(1, 1, 2).fill_(std::numeric_limits<double>::infinity());
  p.keys = p.values = leaf(p.values);
  p.query = leaf(p.query);
  const auto r = run(*mechanism, p);
  expect_same(r, clean);
  mixed_loss(r).backward();
  EXPECT_TRUE(all_finite(p.values.grad()) && all_finite(p.query.grad()));
  for (const auto& item : mechanism->named_parameters()) EXPECT_TRUE(all_finite(item.value().grad())) << item.key();
}

// query = values: [B, S, N] in, [B, S, U] out, [B, U] pooled. A [B, 1, U] added to a [B, U] would have become [B, B, U].
TEST(QkvLayer, SelfAttentionIsPooledToOneVectorAnItem) {
  const auto mechanism = make_filled("qkv_layer", kLayerOptions);
  auto p = layer_problem(lengths({5, 2}));
  p.query = p.values;
  p.mask.query_lengths = p.mask.key_lengths;
  const auto output = run(*mechanism, p).context.squeeze(1);  // [B, T, U]
  ASSERT_EQ(output.sizes(), at::IntArrayRef({2, 5, 3}));
  const auto mean = pool(output, p.mask.key_lengths, "mean");
  ASSERT_EQ(mean.sizes(), at::IntArrayRef({2, 3}));
  EXPECT_TRUE(close(mean[1], output[1].narrow(0, 0, 2).mean(0), 1e-15));
}

TEST(Pool, MeanDividesByTheLength) {
  const auto x = leaf(wave({3, 4, 2}));
  const auto mean = pool(x, lengths({4, 2, 0}), "mean");
  EXPECT_TRUE(close(mean, at::stack({x[0].mean(0), x[1].narrow(0, 0, 2).mean(0), at::zeros({2}, at::kDouble)}), 1e-15));
  mean.sum().backward();
  EXPECT_TRUE(close(x.grad()[1], at::tensor({0.5, 0.5, 0.0, 0.0}, at::kDouble).unsqueeze(1).expand({4, 2}), 1e-15));
  EXPECT_TRUE(close(pool(x, {}, "mean"), x.mean(1), 1e-15));
}

TEST(Pool, MaxIgnoresThePadding) {
  const auto x = leaf(-wave({3, 4, 2}).abs() - 1);  // all below zero: a zero-filled padding would win
  const auto best = pool(x, lengths({4, 2, 0}), "max");
  EXPECT_TRUE(same(best, at::stack({x[0].amax(0), x[1].narrow(0, 0, 2).amax(0), at::zeros({2}, at::kDouble)})));
  best.sum().backward();
  EXPECT_TRUE(all_finite(x.grad()));
  EXPECT_TRUE(all_zero(x.grad()[1].narrow(0, 2, 2)) && all_zero(x.grad()[2]));
}

TEST(Pool, PaddingMayHoldAnything) {
  for (const char* kind : {"mean", "max"})
    for (const double garbage : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
      auto dirty = wave({2, 4, 2});
      dirty[1].narrow(0, 2, 2).fill_(garbage);
      const auto x = leaf(dirty);
      const auto y = pool(x, lengths({4, 2}), kind);
      EXPECT_TRUE(same(y, pool(wave({2, 4, 2}), lengths({4, 2}), kind))) << kind;
      y.sum().backward();
      EXPECT_TRUE(all_finite(x.grad())) << kind;
    }
}

TEST(Pool, NoneKeepsItAndNothingPoolsToZero) {
  const auto x = wave({2, 3, 4});
  EXPECT_TRUE(same(pool(x, lengths({1, 3}), "none"), x));
  for (const char* kind : {"mean", "max"}) EXPECT_TRUE(same(pool(wave({2, 0, 4}), {}, kind), at::zeros({2, 4}, at::kDouble))) << kind;
  expect_error(ErrorKind::kUnknownName, {"pool", "sum", "mean", "max"}, [&] { pool(x, {}, "sum"); });
}

TEST(QkvLayer, MistakesAreNamed) {
  expect_error(ErrorKind::kShape, {"qkv_layer", "same size", "Dq=4", "D=3"},
               [] { make_mechanism("qkv_layer", {.query_size = 4, .key_size = 3}); });
}

}  // namespace
}  // namespace attend::testing
