// Losses beside the likelihood, against their formulas on small numbers.
#include "train/auxiliary.h"
#include "attend/attention/multi_head.h"
#include "attend/models/transformer_options.h"

#include <gtest/gtest.h>

#include "support/sites.h"
#include "support/tensors.h"

namespace attend::testing {
namespace {

const Site kSource = sites::decoder_attention();

// Two items of three steps, the second with only two.
AuxiliaryBatch batch() {
  return {.target_lengths = at::tensor({3, 2}, at::kLong),
          .source_lengths = at::tensor({2, 1}, at::kLong),
          .log_probs = at::tensor({-1.0, -2.0, -3.0, -4.0, -5.0, 0.0}, at::kDouble).view({2, 3}),
          .gold = {}};
}

TrainOptions nothing() {
  TrainOptions o;
  o.of<CoverageLossOptions>().coverage_weight = 0;
  o.of<RewardOptions>().reward_weight = o.of<RewardOptions>().entropy_weight = 0;
  return o;
}

Result weights_of(std::initializer_list<double> values, std::int64_t keys) {
  Result r;
  r.weights = leaf(at::tensor(at::ArrayRef<double>(values), at::kDouble).view({2, 1, 3, keys}));
  r.context = at::zeros({2, 1, 3, 1}, at::kDouble);
  return r;
}

TEST(Auxiliary, NothingToSayWithoutExtras) {
  const auto o = nothing();
  AuxiliaryLosses losses(o, 1);
  losses.observe(kSource, weights_of({1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0}, 2));
  EXPECT_FALSE(losses.loss(batch()).defined());
}

TEST(Auxiliary, CoverageIsSummedOverLiveStepsAndBeginsLate) {
  auto o = nothing();
  o.of<CoverageLossOptions>().coverage_weight = 2;
  o.of<CoverageLossOptions>().coverage_start = 5;
  Result r;
  r.context = at::zeros({2, 1, 3, 1}, at::kDouble);
  r.extras["coverage_loss"] = {at::tensor({0.0, 0.5, 0.25, 0.0, 1.0, 99.0}, at::kDouble).view({2, 1, 3})};  // 99 lies past the item's end
  AuxiliaryLosses early(o, 5), late(o, 6);
  early.observe(kSource, r);
  late.observe(kSource, r);
  EXPECT_FALSE(early.loss(batch()).defined());
  EXPECT_NEAR(late.loss(batch()).item<double>(), 2 * 1.75, 1e-12);
}

Result drawn() {
  Result r;
  r.context = at::zeros({2, 1, 3, 1}, at::kDouble);
  r.entropy = leaf(at::full({2, 1, 3}, 0.5, at::kDouble));
  r.extras["log_prob"] = {leaf(at::tensor({-0.1, -0.2, -0.3, -0.4, -0.5, -0.6}, at::kDouble).view({2, 1, 3}))};
  r.extras["reward_baseline"] = {at::full({4}, -2.0, at::kDouble), Axis::kModule};
  return r;
}

// −λ_r Σ_t sg(ℓ − b) ln p_t(z_t): the gradient of ln p_t(z_t) is −λ_r (ℓ − b) for every live step of the example.
TEST(Auxiliary, RewardOfTheWholeSentence) {
  auto o = nothing();
  o.of<RewardOptions>().reward_weight = 0.5;
  AuxiliaryLosses losses(o, 1);
  const auto r = drawn();
  losses.observe(kSource, r);
  losses.loss(batch()).backward();
  const double first = -0.5 * (-6 + 2), second = -0.5 * (-9 + 2);
  EXPECT_TRUE(
      close(r.extras.at("log_prob").value.grad().flatten(), at::tensor({first, first, first, second, second, 0.0}, at::kDouble), 1e-12));
  losses.move_baselines(batch());
  // Each step's mean over the examples that have it: (−6 − 9)/2 twice, then −6 alone.
  EXPECT_TRUE(close(r.extras.at("reward_baseline").value, at::tensor({-1.8 - 0.75, -1.8 - 0.75, -1.8 - 0.6, -2.0}, at::kDouble), 1e-12));
}

TEST(Auxiliary, RewardToGoIsThatOfTheStepsThatFollow) {
  auto o = nothing();
  o.of<RewardOptions>().reward_weight = 1;
  o.of<RewardOptions>().reward = "to_go";
  AuxiliaryLosses losses(o, 1);
  const auto r = drawn();
  losses.observe(kSource, r);
  losses.loss(batch()).backward();
  EXPECT_TRUE(close(r.extras.at("log_prob").value.grad().flatten(),
                    at::tensor({6 - 2.0, 5 - 2.0, 3 - 2.0, 9 - 2.0, 5 - 2.0, 0.0}, at::kDouble), 1e-12));
}

TEST(Auxiliary, EntropyOfChoicesIsRaised) {
  auto o = nothing();
  o.of<RewardOptions>().reward_weight = 1;
  o.of<RewardOptions>().entropy_weight = 0.01;
  AuxiliaryLosses losses(o, 1);
  const auto r = drawn();
  losses.observe(kSource, r);
  losses.loss(batch()).backward();
  EXPECT_TRUE(close(r.entropy.grad().flatten(), at::tensor({-0.01, -0.01, -0.01, -0.01, -0.01, 0.0}, at::kDouble), 1e-15));
}

TEST(Auxiliary, GuidanceIsTheCrossEntropyOfGoldLinks) {
  auto o = nothing();
  o.of<GuidedOptions>().guided_weight = 3;
  AuxiliaryLosses losses(o, 1);
  losses.observe(kSource, weights_of({0.5, 0.5, 0.25, 0.75, 1, 0, 0.1, 0.9, 0.2, 0.8, 0.3, 0.7}, 2));
  auto b = batch();
  // Item 0: step 0 to key 0, step 1 to both; step 2 without links. Item 1: step 0 to key 1.
  b.gold = at::tensor({1.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0}, at::kDouble).view({2, 3, 2});
  const double first = -(std::log(0.5) + 0.5 * std::log(0.25) + 0.5 * std::log(0.75)) / 3, second = -std::log(0.9) / 2;
  EXPECT_NEAR(losses.loss(b).item<double>(), 3 * (first + second), 1e-12);
}

TEST(Auxiliary, EverySourcePositionIsToBeReadOnce) {
  auto o = nothing();
  o.of<DoublyOptions>().doubly_weight = 1;
  AuxiliaryLosses losses(o, 1);
  // Item 0 reads key 0 twice and key 1 once; item 1 has two steps, key 1 is its padding.
  losses.observe(kSource, weights_of({1, 0, 1, 0, 0, 1, 1, 0, 1, 0, 1, 0}, 2));
  EXPECT_NEAR(losses.loss(batch()).item<double>(), 1 + 0 + 1, 1e-12);
}

// A sparse mechanism that never looks at key 1 of item 0 owes for it; what is padding is told by the source's length alone.
TEST(Auxiliary, APositionThatIsNeverReadCosts) {
  auto o = nothing();
  o.of<DoublyOptions>().doubly_weight = 1;
  AuxiliaryLosses losses(o, 1);
  losses.observe(kSource, weights_of({1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0}, 2));
  EXPECT_NEAR(losses.loss(batch()).item<double>(), 0 + 1 + 0, 1e-12);
}

// λ Σ ‖A Aᵀ − I‖² over the items, and its gradient 4 λ (A Aᵀ − I) A (Lin et al. 2017, eq. 8).
TEST(Auxiliary, RowsOfAPoolAreKeptApart) {
  auto o = nothing();
  o.of<RowsLossOptions>().rows_weight = 0.5;
  Result r;
  r.weights = leaf(at::tensor({1.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.2, 0.3, 0.5, 0.2, 0.3, 0.5}, at::kDouble).view({2, 1, 2, 3}));
  const Site pool{.name = "pool", .role = SiteRole::kSource, .mechanism = "attention_pooling"};
  AuxiliaryLosses losses(o, 1);
  EXPECT_TRUE(losses.request(pool).weights);
  losses.observe(pool, r);
  // Item 0: rows of their own, of which the second is no unit vector. Item 1: one row twice, a · a = 0.38.
  const double first = 0.5 * 0.5, second = 2 * 0.62 * 0.62 + 2 * 0.38 * 0.38;
  const auto loss = losses.loss({});
  EXPECT_NEAR(loss.item<double>(), 0.5 * (first + second), 1e-12);
  loss.backward();
  const auto a = r.weights.detach().squeeze(1);                                                    // [B, r, S]
  const auto expected = 4 * 0.5 * at::matmul(at::matmul(a, a.mT()) - at::eye(2, at::kDouble), a);  // [B, r, S]
  EXPECT_TRUE(close(r.weights.grad().squeeze(1), expected, 1e-12));
  const auto none = nothing();
  AuxiliaryLosses off(none, 1);
  EXPECT_FALSE(off.request(pool).weights);
  off.observe(pool, r);
  EXPECT_FALSE(off.loss({}).defined());
}

TEST(Auxiliary, OnlyModelsThatHaveThemAreWatched) {
  ModelOptions additive, hard, coverage;
  hard.attention = "hard";
  coverage.attention = "coverage";
  const TrainOptions o;
  EXPECT_FALSE(AuxiliaryLosses::wanted(o, additive));
  EXPECT_TRUE(AuxiliaryLosses::wanted(o, hard));
  EXPECT_TRUE(AuxiliaryLosses::wanted(o, coverage));
  auto heads = additive;
  heads.attention = "multi_head";
  heads.of<MultiHeadOptions>().head_attention = "hard";
  EXPECT_TRUE(AuxiliaryLosses::wanted(o, heads));
  auto layers = hard;
  layers.of<LayerAttentionOptions>().layer_attention = {"multi_head", "coverage"};  // in place of model.attention
  EXPECT_TRUE(AuxiliaryLosses::wanted(o, layers));
  EXPECT_FALSE(AuxiliaryLosses::wanted(nothing(), layers));
  EXPECT_EQ(source_attention_that(layers, &Capabilities::repeats_cost)->name, "coverage");
  EXPECT_EQ(source_attention_that(layers, &Capabilities::rewarded), nullptr);
  TrainOptions guided;
  guided.of<GuidedOptions>().guided_weight = 1;
  EXPECT_TRUE(AuxiliaryLosses::wanted(guided, additive));
  auto rows = nothing();
  EXPECT_FALSE(AuxiliaryLosses::wanted(rows, additive));
  rows.of<RowsLossOptions>().rows_weight = 1;
  EXPECT_TRUE(AuxiliaryLosses::wanted(rows, additive));
}

}  // namespace
}  // namespace attend::testing
