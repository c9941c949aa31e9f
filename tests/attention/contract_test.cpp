// The contract of every mechanism, part 1: the weights are a distribution over the allowed set, and nothing outside it counts.
#include "attention/cases.h"

namespace attend::testing {
namespace {

class Contract : public ::testing::TestWithParam<Case> {
 protected:
  const Case& c_ = GetParam();
  static std::vector<Sizes> sizes() { return {{.queries = 3, .keys = 5}, {.queries = 5, .keys = 3}, {.queries = 4, .keys = 4}}; }
  // Whether T = S is anything of its own is decided by causal calls alone; the others have seen their mask with T < S and T > S.
  std::vector<NamedMask> telling_masks(const Sizes& z) const {
    auto masks = all_masks(c_, z);
    if (z.queries == z.keys) std::erase_if(masks, [](const NamedMask& m) { return !m.mask.causal; });
    return masks;
  }
  static at::Tensor allowed(const Mask& mask, const Sizes& z) { return allowed_by_definition(mask, {z.batch, z.heads, z.queries, z.keys}); }
  at::Tensor seen(const Mask& mask, const Sizes& z, const Result& r) const {
    return seen_by_definition(c_, mask, {z.batch, z.heads, z.queries, z.keys}, r);
  }
  // Rows of a context, [B, H or 1, T, 1]. Where a context joins its heads, no mask of this suite tells them apart.
  static at::Tensor rows(const at::Tensor& of_heads, const at::Tensor& context) {
    return (of_heads.size(1) == context.size(1) ? of_heads : of_heads.narrow(1, 0, 1)).unsqueeze(-1);
  }
};
INSTANTIATE_TEST_SUITE_P(Registry, Contract, ::testing::ValuesIn(all_cases()), CaseName());

TEST_P(Contract, WeightsAreADistributionOverTheAllowedSet) {  // U1, U2
  for (const auto& z : sizes()) {
    const auto mechanism = build(c_, z);
    auto p = problem(c_, z);
    for (const auto& [name, mask] : all_masks(c_, z)) {
      SCOPED_TRACE(fmt::format("{} T={} S={}", name, z.queries, z.keys));
      p.mask = mask;
      const auto r = run(*mechanism, p);
      const auto a = seen(mask, z, r);
      const auto live = a.any(-1);
      ASSERT_TRUE(same_shape(r.weights, a));
      EXPECT_TRUE(r.weights.ge(0).all().item<bool>());
      EXPECT_TRUE(all_zero(r.weights.masked_select(a.logical_not())));
      if (c_.capabilities().unnormalised) {
        EXPECT_TRUE(r.weights.sum(-1).le(live.to(at::kDouble) + 1e-12).all().item<bool>());
      } else {
        EXPECT_TRUE(close(r.weights.sum(-1), live.to(at::kDouble), 1e-12));
      }
      if (!c_.projected()) {
        EXPECT_TRUE(close(r.context, at::matmul(mixing(c_, r), p.values), 1e-12));
      }
    }
  }
}

TEST_P(Contract, TheKindOfItsWeightsIsWhatTheyAre) {
  for (const std::string normaliser : {"softmax", "sparsemax"}) {
    auto c = c_;
    c.options.of<WeightOptions>().normaliser = normaliser;
    const Sizes z;
    const auto r = run(*build(c, z), problem(c, z));
    if (r.kind == WeightKind::kUnnormalised) {
      EXPECT_TRUE(c.unnormalised());
      continue;
    }
    EXPECT_EQ(r.kind, normaliser == "softmax" ? WeightKind::kSoftmax : WeightKind::kSparse);
    EXPECT_TRUE(close(r.weights.sum(-1), at::ones({2, 3, 3}, at::kDouble), 1e-12));
  }
}

TEST_P(Contract, StatisticsFollowFromTheWeights) {
  if (c_.capabilities().stops) GTEST_SKIP() << "its scores are those of stopping, which its own test reads";
  const Sizes z;
  const auto mechanism = build(c_, z);
  auto p = problem(c_, z);
  for (const auto& [name, mask] : all_masks(c_, z)) {
    SCOPED_TRACE(name);
    p.mask = mask;
    const auto r = run(*mechanism, p);
    const auto visible = seen(mask, z, r);
    const auto live = visible.any(-1);
    ASSERT_TRUE(same_shape(r.scores, visible));
    EXPECT_TRUE(at::isneginf(r.scores).eq(visible.logical_not()).all().item<bool>());
    // The distribution that entropy and lse speak of: the weights themselves, or the softmax part of what is not normalised.
    const auto part =
        c_.capabilities().unnormalised ? (r.scores - r.lse.unsqueeze(-1)).exp().masked_fill(visible.logical_not(), 0.0) : r.weights;
    EXPECT_TRUE(close(r.entropy, -(part * part.masked_fill(part.eq(0), 1.0).log()).sum(-1), 1e-12));
    EXPECT_EQ(r.lse.defined(), c_.is_softmax());
    if (!c_.is_softmax()) continue;
    ASSERT_TRUE(same_shape(r.lse, live));
    EXPECT_TRUE(at::isneginf(r.lse).eq(live.logical_not()).all().item<bool>());
    if (!c_.capabilities().effective) {
      EXPECT_TRUE(close((r.scores - r.lse.unsqueeze(-1)).exp().masked_select(visible), part.masked_select(visible), 1e-12));
    }
    // ln w = e − lse: raising every score by a known bias shows up in lse and nowhere else.
    const auto one = at::full({1}, 0.75, at::kDouble);
    p.mask.bias = mask.bias.defined() ? mask.bias + one : one;
    const auto raised = run(*mechanism, p);
    EXPECT_TRUE(close(raised.lse, r.lse + 0.75, 1e-12));
    EXPECT_TRUE(close(raised.weights, r.weights, 1e-12));
  }
}

TEST_P(Contract, WhatIsNotAskedForIsNotReturned) {
  const Sizes z;
  const auto mechanism = build(c_, z);
  const auto p = problem(c_, z);
  const auto all = run(*mechanism, p), none = run(*mechanism, p, {});
  // Who asks for more may be served by another implementation, which sums in another order.
  EXPECT_TRUE(none.by == all.by ? same(none.context, all.context) : close(none.context, all.context, 1e-13));
  EXPECT_FALSE(none.weights.defined() || none.lse.defined() || none.entropy.defined() || none.scores.defined());
  EXPECT_EQ(none.context.size(-1), mechanism->context_size(z.value_size));
  EXPECT_EQ(all.weights.size(1), mechanism->weight_heads(p.query.size(1)));
}

TEST_P(Contract, HiddenKeysChangeNoBit) {  // U2
  for (const auto& z : sizes()) {
    const auto mechanism = build(c_, z);
    for (const auto& [name, mask] : telling_masks(z)) {
      auto p = problem(c_, z);
      p.mask = mask;
      const auto before = run(*mechanism, p);
      const auto a = allowed(mask, z);
      for (std::int64_t s = 0; s < z.keys; ++s) {
        // What an earlier step saw may have changed what a mechanism with history sees now.
        const auto seen_by = c_.stateful() ? a.to(at::kLong).cumsum(2).gt(0) : a;
        const auto hidden = seen_by.select(-1, s).logical_not();  // [B, H, T]
        if (!hidden.any().item<bool>()) continue;                 // nobody's bits are at stake
        SCOPED_TRACE(fmt::format("{} T={} S={}, key {} edited", name, z.queries, z.keys, s));
        auto edited = p;
        edited.keys = p.keys.clone();
        edited.values = p.values.clone();
        edited.keys.select(2, s).mul_(-3).add_(1);
        edited.values.select(2, s).mul_(-3).add_(1);
        const auto after = run(*mechanism, edited);
        EXPECT_TRUE(same(after.weights.masked_select(hidden.unsqueeze(-1)), before.weights.masked_select(hidden.unsqueeze(-1))));
        if (c_.is_softmax()) {
          EXPECT_TRUE(same(after.lse.masked_select(hidden), before.lse.masked_select(hidden)));
        }
        EXPECT_TRUE(
            same(after.context.masked_select(rows(hidden, after.context)), before.context.masked_select(rows(hidden, after.context))));
      }
    }
  }
}

// Every mask once with a clean padding, and once with NaN or Inf, in turn, in every key, value and query that takes part in nothing.
TEST_P(Contract, PaddingMayHoldAnything) {  // U2, with gradients
  for (const auto& z : sizes()) {
    const auto mechanism = build(c_, z);
    for (const auto& [name, mask] : telling_masks(z)) {
      const auto a = allowed(mask, z);
      const auto unseen = a.any(2).any(1).logical_not().unsqueeze(1).unsqueeze(-1);  // [B, 1, S, 1]
      // A query that is added to the output counts wherever its item has it, keys or no keys.
      const Mask only_queries{.query_lengths = mask.query_lengths};
      const auto asked = c_.capabilities().adds_query ? allowed(only_queries, z) : a;
      const auto idle = asked.any(3).any(1).logical_not().unsqueeze(1).unsqueeze(-1);  // [B, 1, T, 1]
      const auto once = [&](double one, double other) {
        // Neighbours in an item and items at a place hold the one and the other.
        const auto filled = [&](const at::Tensor& x, const at::Tensor& where) {
          const auto turn = at::arange(x.size(0)).view({-1, 1, 1, 1}) + at::arange(x.size(2)).view({1, 1, -1, 1});
          return leaf(x.masked_fill(where, one).masked_fill(where.logical_and(turn.remainder(2).eq(1)), other));
        };
        auto p = problem(c_, z);
        p.mask = mask;
        p.keys = filled(p.keys, unseen), p.values = filled(p.values, unseen), p.query = filled(p.query, idle);
        mechanism->zero_grad();
        auto result = run(*mechanism, p);
        mixed_loss(result).backward();
        std::vector<at::Tensor> gradients{gradient_of(p.query), gradient_of(p.keys), gradient_of(p.values)};
        for (const auto& parameter : mechanism->parameters()) gradients.push_back(gradient_of(parameter).clone());
        return std::pair(result, gradients);
      };
      const auto [clean, expected] = once(0.25, 0.25);
      EXPECT_TRUE(all_zero(expected[0].masked_select(idle))) << name;
      EXPECT_TRUE(all_zero(expected[1].masked_select(unseen))) << name;
      EXPECT_TRUE(all_zero(expected[2].masked_select(unseen))) << name;
      SCOPED_TRACE(fmt::format("{} T={} S={}", name, z.queries, z.keys));
      const auto [result, gradients] = once(std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity());
      expect_same(result, clean);
      for (std::size_t i = 0; i < gradients.size(); ++i) EXPECT_TRUE(same(gradients[i], expected[i])) << "gradient " << i;
    }
  }
}

TEST_P(Contract, EmptyRowsGiveZerosAndNoGradient) {  // U3
  for (const auto& z : sizes()) {
    const auto mechanism = build(c_, z);
    for (const auto& [name, mask] : telling_masks(z)) {
      SCOPED_TRACE(fmt::format("{} T={} S={}", name, z.queries, z.keys));
      auto p = problem(c_, z);
      p.mask = mask;
      p.keys = leaf(p.keys), p.values = leaf(p.values), p.query = leaf(p.query);
      mechanism->zero_grad();
      auto r = run(*mechanism, p);
      if (c_.capabilities().adds_query) r.context = r.context * 0;  // what the layer adds after Σ w v stays, with its gradient
      const auto dead = seen(mask, z, r).any(-1).logical_not();     // [B, H, T]
      EXPECT_TRUE(all_zero(r.weights.masked_select(dead.unsqueeze(-1))));
      EXPECT_TRUE(all_zero(r.entropy.masked_select(dead)));
      const auto dead_context = r.context.masked_select(rows(dead, r.context));
      const auto output_bias = parameter(*mechanism, "output_bias");  // what a layer adds after the context stays
      const auto after = output_bias.defined() ? output_bias.expand({dead_context.numel() / output_bias.size(0), -1}).flatten()
                                               : at::zeros_like(dead_context);
      EXPECT_TRUE(same(dead_context, after));
      // A loss of the empty rows alone.
      (dead_context.sum() + r.weights.masked_select(dead.unsqueeze(-1)).sum() + r.entropy.masked_select(dead).sum()).backward();
      for (const auto& x : {p.query, p.keys, p.values}) EXPECT_TRUE(all_zero(gradient_of(x)));
      for (const auto& item : mechanism->named_parameters())
        if (item.key() != "output_bias") {
          EXPECT_TRUE(all_zero(gradient_of(item.value()))) << item.key();
        }
    }
  }
}

}  // namespace
}  // namespace attend::testing
