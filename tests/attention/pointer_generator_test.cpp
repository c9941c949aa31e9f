#include "attend/attention/pointer_generator.h"

#include <cmath>
#include <limits>

#include "attention/single_head.h"
#include "support/gradcheck.h"

namespace attend::testing {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

at::Tensor row(const std::vector<double>& x) { return at::tensor(x, at::kDouble).view({1, 1, -1}); }
at::Tensor switch_of(double g) { return at::full({1, 1}, std::log(g / (1 - g)), at::kDouble); }

// Vocabulary A, B, <unk>; the source reads A, Z, A and Z is a word of its own.
struct HandCase {
  at::Tensor logits = row({0.6, 0.3, 0.1}).log(), weights = row({0.5, 0.3, 0.2});
  SourceWords words{at::tensor({0, 3, 0}, at::kLong).view({1, 3}), 1};
};

// Two items with two and no own words, one query row without weight, another whose weights sum to less than 1.
struct Uneven {
  at::Tensor logits = wave({2, 3, 5}, 0.2), switches = wave({2, 3}, 1.1), weights = at::softmax(wave({2, 3, 4}, 0.7), -1);
  SourceWords words{at::tensor({4, 5, 6, 5, 2, 2, 0, 3}, at::kLong).view({2, 4}), 2};
  Uneven() {
    weights[0][1] = 0.0;
    weights[1][0] *= 0.3;
  }
};

TEST(PointerGenerator, HandCase) {
  const HandCase c;
  const auto mixture = pointer_mixture(c.logits, switch_of(0.7), c.weights, c.words);
  EXPECT_TRUE(close(mixture.log_probs.exp(), row({0.63, 0.21, 0.07, 0.09}), 1e-12));
  EXPECT_NEAR(mixture.p_gen.item<double>(), 0.7, 1e-12);
}

TEST(PointerGenerator, EqualsItsFormula) {
  const Uneven u;
  const auto share = u.weights / u.weights.sum(-1, true).clamp_min(1e-9);
  auto g = at::sigmoid(u.switches);
  g[0][1] = 1.0;
  const auto copied = at::zeros({2, 3, 7}, at::kDouble).scatter_add(2, u.words.ids.unsqueeze(1).expand({2, 3, 4}), share);
  const auto expected = g.unsqueeze(-1) * at::constant_pad_nd(at::softmax(u.logits, -1), {0, 2}) + (1 - g.unsqueeze(-1)) * copied;
  const auto mixture = pointer_mixture(u.logits, u.switches, u.weights, u.words);
  EXPECT_TRUE(close(mixture.log_probs.exp(), expected, 1e-13));
  EXPECT_TRUE(close(mixture.log_probs.exp().sum(-1), at::ones({2, 3}, at::kDouble), 1e-13));
  EXPECT_TRUE(close(mixture.p_gen, g, 1e-13));
  EXPECT_TRUE(close(mixture.weights, share, 1e-13));
}

TEST(PointerGenerator, AnOpenSwitchSpeaksOnly) {
  const HandCase c;
  const auto log_probs = pointer_mixture(c.logits, at::full({1, 1}, 1e3, at::kDouble), c.weights, c.words).log_probs;
  EXPECT_TRUE(close(log_probs.narrow(2, 0, 3), c.logits, 1e-12));
  EXPECT_LT(log_probs[0][0][3].item<double>(), -900);
}

TEST(PointerGenerator, AClosedSwitchCopiesOnlyAndAWordThatStandsTwiceGetsBothWeights) {
  const HandCase c;
  const auto log_probs = pointer_mixture(c.logits, at::full({1, 1}, -1e3, at::kDouble), c.weights, c.words).log_probs;
  EXPECT_TRUE(close(log_probs.exp(), row({0.7, 0.0, 0.0, 0.3}), 1e-12));
}

TEST(PointerGenerator, AnItemSaysNoOwnWordOfAnother) {
  const Uneven u;
  const auto log_probs = pointer_mixture(u.logits, u.switches, u.weights, u.words).log_probs;
  EXPECT_GT(log_probs[0][0][5].item<double>(), -kInfinite);
  for (std::int64_t t = 0; t < 3; ++t)
    for (const std::int64_t own : {5, 6}) EXPECT_EQ(log_probs[1][t][own].item<double>(), -kInfinite);
}

TEST(PointerGenerator, ARowWithoutWeightIsSpoken) {
  const Uneven u;
  const auto switches = leaf(u.switches);
  const auto mixture = pointer_mixture(u.logits, switches, u.weights, u.words);
  EXPECT_TRUE(close(mixture.log_probs[0][1].narrow(0, 0, 5), at::log_softmax(u.logits[0][1], -1), 1e-13));
  EXPECT_EQ(mixture.p_gen[0][1].item<double>(), 1.0);
  EXPECT_TRUE(all_zero(mixture.weights[0][1]));
  mixture.log_probs.narrow(2, 0, 4).exp().sum().backward();
  EXPECT_TRUE(all_finite(switches.grad()));
  EXPECT_EQ(switches.grad()[0][1].item<double>(), 0.0);
}

TEST(PointerGenerator, Gradients) {
  Uneven u;
  const auto logits = leaf(u.logits), switches = leaf(u.switches), scores = leaf(wave({2, 3, 4}, 0.7));
  const auto mix = wave({2, 3, 7}, 0.4);
  expect_gradients(
      [&] {
        const auto keep = u.weights.sum(-1, true);
        const auto log_probs = pointer_mixture(logits, switches, at::softmax(scores, -1) * keep, u.words).log_probs;
        return at::where(log_probs.gt(-kInfinite), log_probs, at::zeros({}, at::kDouble)).mul(mix).sum();
      },
      {{"logits", logits}, {"switches", switches}, {"scores", scores}});
}

TEST(PointerGenerator, WhatCannotBeSaidHasNoGradient) {
  HandCase c;
  const auto logits = leaf(row({0.6, 0.3, -kInfinite})), switches = leaf(switch_of(0.5));
  pointer_mixture(logits, switches, c.weights, c.words).log_probs[0][0][0].backward();
  EXPECT_TRUE(all_finite(logits.grad()));
  EXPECT_TRUE(all_finite(switches.grad()));
  EXPECT_EQ(logits.grad()[0][0][2].item<double>(), 0.0);
}

TEST(PointerGenerator, TheSwitchReadsContextStateAndToken) {
  PointerGenerator layer(2, 3, 4);
  fill_parameters(layer);
  const auto w = layer.named_parameters();
  const auto c = wave({2, 3, 2}), s = wave({2, 3, 3}, 0.3), x = wave({2, 3, 4}, 0.9);
  const auto expected = c[1][2].dot(w["context_weight"]) + s[1][2].dot(w["state_weight"]) + x[1][2].dot(w["vector_weight"]) + w["bias"];
  EXPECT_TRUE(close(layer(c, s, x)[1][2], expected, 1e-14));
}

TEST(PointerGenerator, SaysWhatDoesNotFit) {
  const HandCase c;
  expect_error(ErrorKind::kShape, {"pointer_generator", "[B=1, S=2]"},
               [&] { pointer_mixture(c.logits, switch_of(0.5), c.weights.narrow(2, 0, 2), c.words); });
  expect_error(ErrorKind::kShape, {"pointer_generator", "[B=1, T=1, S]"},
               [&] { pointer_mixture(c.logits, switch_of(0.5), c.weights.squeeze(0), c.words); });
  expect_error(ErrorKind::kValue, {"pointer_generator", "model.pointer_generator: true"},
               [] { make_mechanism("pointer_generator", {.query_size = 2, .key_size = 2}); });
}

}  // namespace
}  // namespace attend::testing
