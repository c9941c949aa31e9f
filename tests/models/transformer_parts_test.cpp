// What the Transformer is made of: its sizes, one layer by the formulas of the paper, positions, caches, and what it refuses.
#include "attend/attention/additive.h"
#include "attend/attention/dot.h"
#include "attend/attention/local.h"
#include "attend/attention/multi_head.h"
#include "attend/attention/scaled_dot.h"
#include "attend/attention/score.h"
#include "attend/layers/basic.h"
#include "attend/layers/blocks.h"
#include "attend/models/transformer.h"
#include "attend/models/transformer_options.h"

#include "models/seq2seq_checks.h"
#include "models/small_models.h"

namespace attend::testing {
namespace {

// Everything but the tables: parameters of the layers and last norms.
std::int64_t count_of_layers(const ModelOptions& o) {
  const auto model = make_model(o, 5, 5);
  std::int64_t tables = 0;
  for (const auto& p : model->named_parameters())
    if (p.key().find("embedding") != std::string::npos || p.key().find("positions") != std::string::npos || p.key().starts_with("output_"))
      tables += p.value().numel();
  return parameter_count(*model) - tables;
}

std::int64_t formula(std::int64_t n, std::int64_t f, std::int64_t encoder_layers, std::int64_t decoder_layers) {
  const auto feed_forward = 2 * n * f + f + n;
  return encoder_layers * (4 * n * n + 4 * n + feed_forward + 4 * n) + decoder_layers * (8 * n * n + 8 * n + feed_forward + 6 * n);
}

TEST(TransformerSize, IsTheFormula) {
  auto o = transformer_options();
  o.of<EncoderDepthOptions>().encoder_layers = 3;
  o.of<TransformerOptions>().norm = "post";
  EXPECT_EQ(count_of_layers(o), formula(8, 12, 3, 2));
  o.of<TransformerOptions>().norm = "pre";
  EXPECT_EQ(count_of_layers(o), formula(8, 12, 3, 2) + 2 * 2 * 8);
  o.of<TransformerOptions>().norm = "post";
  o.of<TransformerOptions>().attention_bias = false;
  EXPECT_EQ(count_of_layers(o), formula(8, 12, 3, 2) - (3 + 2 * 2) * 4 * 8);
}

TEST(TransformerSize, OfThePaper) {
  auto o = transformer_options();
  o.embedding = 512;
  o.of<HeadOptions>().heads = 8;
  o.of<TransformerOptions>().feed_forward = 2048;
  o.of<EncoderDepthOptions>().encoder_layers = o.of<DecoderDepthOptions>().decoder_layers = 6;
  o.of<TransformerOptions>().norm = "post";
  EXPECT_EQ(formula(512, 2048, 6, 6), 44138496);
  EXPECT_EQ(count_of_layers(o), 44138496);
}

TEST(TransformerSize, TyingSharesTables) {
  auto o = transformer_options();
  const auto count = [&](const char* tied) {
    o.of<TiedOptions>().tied = tied;
    return parameter_count(*make_model(o, 11, 11));
  };
  const auto apart = count("none");
  EXPECT_EQ(count("target"), apart - 11 * 8);
  EXPECT_EQ(count("all"), apart - 2 * 11 * 8);
}

// One table for both layers of a stack, registered once, and none in the layers themselves.
TEST(TransformerSize, ARelativeBiasMayBeShared) {
  auto o = transformer_options();
  o.of<TransformerOptions>().positions = "relative_bias";
  const auto tables = [&](bool shared) {
    o.of<RelativeBiasOptions>().shared = shared;
    std::vector<std::string> names;
    for (const auto& p : make_model(o, 9, 8)->named_parameters())
      if (p.value().sizes() == at::IntArrayRef({2, 32})) names.push_back(p.key());
    return names;
  };
  EXPECT_EQ(tables(true), (std::vector<std::string>{"encoder_relative_bias", "decoder_relative_bias"}));
  EXPECT_EQ(tables(false), (std::vector<std::string>{"encoder_0.self.inner.positions.bias", "encoder_1.self.inner.positions.bias",
                                                     "decoder_0.self.inner.positions.bias", "decoder_1.self.inner.positions.bias"}));
}

// auto is scaled heads, and products inside a layer are scaled unless the paper's form is asked for.
TEST(TransformerLayer, ScalesItsProductsUnlessToldOtherwise) {
  const auto states = [](const std::string& attention, const std::string& scaling) {
    auto o = transformer_options();
    o.attention = attention;
    o.of<ScalingOptions>().scaling = scaling;
    const auto model = small_model(o);
    const auto source = at::tensor({5, 6, 7, 3}, at::kLong).unsqueeze(0), lengths = at::tensor({4}, at::kLong);
    return model->decode(*model->encode(source, lengths, nullptr), at::tensor({2, 5, 6}, at::kLong).unsqueeze(0),
                         at::tensor({3}, at::kLong), nullptr);
  };
  const auto scaled = states("scaled_dot", "auto");
  EXPECT_TRUE(at::equal(states("multi_head", "auto"), scaled));
  EXPECT_TRUE(at::equal(states("auto", "auto"), scaled));
  EXPECT_TRUE(at::allclose(states("dot", "auto"), scaled, 1e-12, 1e-12));
  EXPECT_FALSE(at::allclose(states("dot", "none"), scaled, 1e-6, 1e-6));
}

// With libtorch's numbers: post-norm, scaled dot product, biases; one layer by the formulas of the paper.
TEST(TransformerLayer, IsTheFormula) {
  auto o = transformer_options();
  o.attention = "scaled_dot";
  o.of<HeadOptions>().heads = 1;
  o.of<TransformerOptions>().norm = "post";
  o.of<TransformerOptions>().positions = "none";
  o.of<EncoderDepthOptions>().encoder_layers = o.of<DecoderDepthOptions>().decoder_layers = 1;
  const auto model = small_model(o);
  const auto p = model->named_parameters();
  const auto linear = [&](const at::Tensor& x, const std::string& weight, const std::string& bias) {
    return at::matmul(x, p[weight].t()) + p[bias];
  };
  const auto attention = [&](const std::string& name, const at::Tensor& x, const at::Tensor& memory, bool causal) {
    const auto part = [&](const char* which, const at::Tensor& in) {
      return linear(in, name + "." + which + "_weight", name + "." + which + "_bias");
    };
    auto scores = at::matmul(part("query", x), part("key", memory).t()) / std::sqrt(8.0);  // [T, S]
    if (causal) scores = scores + at::full_like(scores, -std::numeric_limits<double>::infinity()).triu(1);
    return part("output", at::matmul(scores.softmax(-1), part("value", memory)));
  };
  const auto feed_forward = [&](const std::string& name, const at::Tensor& x) {
    return linear(linear(x, name + ".in.weight", name + ".in.bias").relu(), name + ".out.weight", name + ".out.bias");
  };
  const auto norm = [&](const std::string& name, const at::Tensor& x) {
    return at::layer_norm(x, {8}, p[name + ".norm.weight"], p[name + ".norm.bias"], 1e-5);
  };
  const Batch b;
  auto x = p["source_embedding.weight"].index_select(0, b.source[1]) * std::sqrt(8.0);
  x = norm("encoder_0.around_self", x + attention("encoder_0.self", x, x, false));
  const auto memory = norm("encoder_0.around_feed_forward", x + feed_forward("encoder_0.feed_forward", x));
  auto y = p["target_embedding.weight"].index_select(0, b.inputs[1].narrow(0, 0, 2)) * std::sqrt(8.0);
  y = norm("decoder_0.around_self", y + attention("decoder_0.self", y, y, true));
  y = norm("decoder_0.around_cross", y + attention("decoder_0.cross", y, memory, false));
  y = norm("decoder_0.around_feed_forward", y + feed_forward("decoder_0.feed_forward", y));
  const auto states = states_of(*model, b)[1].narrow(0, 0, 2);
  EXPECT_TRUE(close(states, y, 1e-12));
  EXPECT_TRUE(close(model->logits(states), linear(y, "output_weight", "output_bias"), 1e-12));
}

Batch permuted_source(const Batch& b) {  // the full item alone, its words in another order
  const auto order = at::tensor({3, 0, 4, 2, 1}, at::kLong);
  return {b.source.narrow(0, 1, 1).index_select(1, order), b.lengths.narrow(0, 1, 1), b.inputs.narrow(0, 1, 1),
          at::full({1}, 4, at::kLong)};
}
Batch full_item(const Batch& b) {
  return {b.source.narrow(0, 1, 1), b.lengths.narrow(0, 1, 1), b.inputs.narrow(0, 1, 1), at::full({1}, 4, at::kLong)};
}

TEST(Positions, WithoutThemTheEncoderIsBlindToOrder) {
  const auto order = at::tensor({3, 0, 4, 2, 1}, at::kLong);
  for (const auto* positions : {"none", "sinusoidal", "learned"}) {
    auto o = transformer_options();
    o.of<TransformerOptions>().positions = positions;
    const auto model = small_model(o);
    ResultKeeper plain, shuffled;
    const auto a = states_of(*model, full_item({}), &plain), b = states_of(*model, permuted_source({}), &shuffled);
    const auto& w = plain.seen.at("encoder.self.1")[0];
    const auto& v = shuffled.seen.at("encoder.self.1")[0];
    const auto blind = close(v.context, w.context.index_select(2, order), 1e-10) &&
                       close(v.weights, w.weights.index_select(2, order).index_select(3, order), 1e-10) && close(b, a, 1e-10);
    EXPECT_EQ(static_cast<bool>(blind), positions == std::string("none")) << positions;
  }
}

TEST(Positions, WithoutThemTheCausalDecoderIsNotBlind) {
  for (const std::int64_t layers : {1, 2}) {
    auto o = transformer_options();
    o.of<TransformerOptions>().positions = "none";
    o.of<DecoderDepthOptions>().decoder_layers = layers;
    const auto model = small_model(o);
    auto a = full_item({});
    a.inputs = at::tensor({2, 4, 7, 5}, at::kLong).unsqueeze(0);
    auto b = a;
    b.inputs = at::tensor({2, 7, 4, 5}, at::kLong).unsqueeze(0);
    const auto x = states_of(*model, a), y = states_of(*model, b);
    EXPECT_FALSE(close(y[0].narrow(0, 1, 2), x[0].narrow(0, 1, 2).flip(0), 1e-4));  // what a token sees depends on its place
    // One layer sees its past as a set; from the second on the past itself tells of its order.
    EXPECT_EQ(static_cast<bool>(close(y[0][3], x[0][3], 1e-10)), layers == 1);
  }
}

TEST(Positions, LearnedOnesEndWithTheirTable) {
  auto o = transformer_options();
  o.of<TransformerOptions>().positions = "learned";
  o.of<LongestOptions>().longest = 4;
  const auto model = small_model(o);
  const Batch b;
  expect_error(ErrorKind::kValue, {"ends at 4", "needs 5", "model.longest"}, [&] { model->encode(b.source, b.lengths, nullptr); });
  at::NoGradGuard no_grad;
  const auto encoded = model->encode(b.source.narrow(1, 0, 4), at::tensor({4, 4, 2}, at::kLong), nullptr);
  const auto state = model->start(*encoded, 9);
  for (int t = 0; t < 4; ++t) model->step(*encoded, *state, at::full({3, 1}, 2, at::kLong), nullptr);
  expect_error(ErrorKind::kValue, {"ends at 4", "needs 5"}, [&] {
    model->step(*encoded, *state, at::full({3, 1}, 2, at::kLong), nullptr);
  });
}

TEST(Transformer, CacheGrowsPastItsFirstRoom) {
  at::NoGradGuard no_grad;
  const auto model = small_model(transformer_options());
  const Batch b;
  const auto encoded = model->encode(b.source, b.lengths, nullptr);
  const auto inputs = at::arange(3 * 40, at::kLong).view({3, 40}).remainder(8);
  const auto all = model->decode(*encoded, inputs, at::full({3}, 40, at::kLong), nullptr);
  const auto state = model->start(*encoded, 40);
  for (std::int64_t t = 0; t < 40; ++t) {
    EXPECT_TRUE(close(model->step(*encoded, *state, inputs.narrow(1, t, 1), nullptr), all.narrow(1, t, 1), 1e-10)) << t;
    state->reorder(at::tensor({0, 1, 2}, at::kLong), 1);
  }
}

TEST(Transformer, RefusesWhatCannotWork) {
  const auto refused = [](const std::function<void(ModelOptions&)>& change, ErrorKind kind, const std::vector<std::string>& reasons) {
    auto o = transformer_options();
    change(o);
    expect_error(kind, reasons, [&] { make_model(o, 9, 8); });
  };
  refused([](ModelOptions& o) { o.attention = "none"; }, ErrorKind::kValue, {"model.attention", "rnn_seq2seq"});
  refused([](ModelOptions& o) { o.of<HeadOptions>().heads = 3; }, ErrorKind::kValue, {"model.embedding", "8 and 3"});
  refused([](ModelOptions& o) { o.of<InnerScoreOptions>().score = "multi_head"; }, ErrorKind::kUnknownName, {"model.score", "multi_head"});
  refused([](ModelOptions& o) { o.attention = "attention_pooling"; }, ErrorKind::kValue,
          {"attention_pooling", "learned queries", "additive"});
  refused([](ModelOptions& o) { o.attention = "soft_psi"; }, ErrorKind::kValue, {"soft_psi", "inside a head"});
  refused([](ModelOptions& o) { o.of<TransformerOptions>().self_attention = "local_p"; }, ErrorKind::kValue,
          {"model.self_attention", "local_p", "causal", "scaled_dot"});
  refused([](ModelOptions& o) { o.of<TransformerOptions>().self_attention = "coverage"; }, ErrorKind::kValue,
          {"model.self_attention", "coverage", "causal"});
  refused([](ModelOptions& o) { o.attention = "local_m", o.of<CentreOptions>().centre = "scaled"; }, ErrorKind::kValue,
          {"model.centre", "step"});
  refused([](ModelOptions& o) { o.attention = "local_p", o.of<CentreOptions>().centre = "step"; }, ErrorKind::kUnknownName,
          {"centre 'step'", "local_p", "inside"});
  refused([](ModelOptions& o) { o.of<LayerAttentionOptions>().layer_attention = {"additive"}; }, ErrorKind::kValue,
          {"model.layer_attention", "1 names", "2 decoder layers"});
  refused([](ModelOptions& o) { o.of<TransformerOptions>().positions = "relative", o.attention = "additive"; }, ErrorKind::kValue,
          {"relative", "additive", "scaled_dot"});
  refused([](ModelOptions& o) { o.of<TiedOptions>().tied = "all"; }, ErrorKind::kValue, {"model.tied", "9 and 8"});
  refused([](ModelOptions& o) { o.of<TransformerOptions>().norm = "middle"; }, ErrorKind::kUnknownName, {"model.norm", "pre", "post"});
  refused([](ModelOptions& o) { o.of<TransformerOptions>().positions = "rotari"; }, ErrorKind::kUnknownName, {"model.positions", "rotary"});
}

TEST(Transformer, DropsInTrainingOnly) {
  auto o = transformer_options();
  o.dropout = 0.3;
  const auto model = small_model(o);
  const Batch b;
  EXPECT_TRUE(same(states_of(*model, b), states_of(*model, b)));
  model->train();
  EXPECT_FALSE(same(states_of(*model, b), states_of(*model, b)));
}

}  // namespace
}  // namespace attend::testing
