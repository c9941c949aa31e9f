// The contract of every mechanism, part 2: what permuting, equal, single, tied and dominating keys must do.
#include "attention/cases.h"

namespace attend::testing {
namespace {

class ContractValues : public ::testing::TestWithParam<Case> {
 protected:
  const Case& c_ = GetParam();
  const Sizes z_{.queries = 4, .keys = 5};
  std::shared_ptr<Mechanism> mechanism_ = build(c_, z_);
  Problem p_ = problem(c_, z_);
  // bool [B, 1, T, S], every row with at least one key.
  at::Tensor some_keys(std::int64_t modulus) const {
    return bools({z_.batch, 1, z_.queries, z_.keys}, [&](auto b, auto, auto t, auto s) { return (b + t + s) % modulus != 1 || s == t; });
  }
};
INSTANTIATE_TEST_SUITE_P(Registry, ContractValues, ::testing::ValuesIn(all_cases()), CaseName());

TEST_P(ContractValues, PermutingKeysPermutesTheWeights) {  // U5
  const auto order = at::tensor({3, 0, 4, 2, 1}, at::kLong);
  p_.mask.keep = some_keys(3);
  const auto before = run(*mechanism_, p_);
  p_.keys = p_.keys.index_select(2, order);
  p_.values = p_.values.index_select(2, order);
  p_.mask.keep = p_.mask.keep.index_select(3, order);
  const auto after = run(*mechanism_, p_);
  const auto weights = close(after.weights, before.weights.index_select(3, order), 1e-12);
  if (c_.position_aware()) {
    EXPECT_FALSE(weights) << "said to depend on positions, yet a permutation of the keys goes unnoticed";
  } else {
    EXPECT_TRUE(weights);
    EXPECT_TRUE(close(after.context, before.context, 1e-12));
  }
}

TEST_P(ContractValues, PermutingQueriesPermutesTheRows) {  // U6
  if (c_.stateful() || c_.position_aware()) GTEST_SKIP() << "a row depends on the place of its query";
  if (c_.capabilities().ignores_query) GTEST_SKIP() << "no row depends on its query";
  const auto order = at::tensor({2, 0, 3, 1}, at::kLong);
  p_.mask.keep = some_keys(3);
  const auto before = run(*mechanism_, p_);
  p_.query = p_.query.index_select(2, order);
  p_.mask.keep = p_.mask.keep.index_select(2, order);
  const auto after = run(*mechanism_, p_);
  EXPECT_TRUE(close(after.weights, before.weights.index_select(2, order), 1e-12));
  EXPECT_TRUE(close(after.context, before.context.index_select(2, order), 1e-12));
}

TEST_P(ContractValues, EqualKeysShareTheWeight) {  // U7
  if (c_.position_aware()) GTEST_SKIP() << "equal keys stand at different positions";
  p_.mask.keep = some_keys(3);
  // Equal where allowed: the keys of item b all equal, except one that no query of the item may see.
  p_.keys = p_.keys.narrow(2, 0, 1).expand_as(p_.keys).clone();
  p_.keys.select(2, 4).add_(1);
  p_.mask.keep = p_.mask.keep.clone();
  p_.mask.keep.select(3, 4).fill_(false);
  const auto r = run(*mechanism_, p_);
  const auto counted = p_.mask.keep.to(at::kDouble);
  const auto uniform = counted / counted.sum(-1, true);  // [B, 1, T, S]
  const auto rows = c_.stateful() ? 1 : z_.queries;      // only the first step has no history
  const auto first = [&](const at::Tensor& x) { return x.narrow(2, 0, rows); };
  EXPECT_TRUE(close(first(r.weights), first(uniform.expand_as(r.weights)), 1e-12));
  if (!c_.projected() && !c_.picks()) {
    EXPECT_TRUE(close(first(r.context), first(at::matmul(uniform.expand_as(r.weights), p_.values)), 1e-12));
  }
}

// The bias 9999 (e − lse) turns every score e into 1e4 e less a constant of the row.
at::Tensor sharpened(const Result& r) { return (r.lse.defined() ? r.scores - r.lse.unsqueeze(-1) : r.weights.log()) * 9999; }

TEST_P(ContractValues, DominatingScoreTakesTheWholeWeight) {  // U8
  if (c_.capabilities().unnormalised) GTEST_SKIP() << "weights do not sum to one, not even then";
  if (c_.stateful()) p_.query = p_.query.narrow(2, 0, 1);  // the first step, whose scores no history changes
  const auto soft = run(*mechanism_, p_);
  const auto before = sharpened(soft);
  const auto top = std::get<0>((before / 9999).topk(2, -1));
  const auto clear = top.select(-1, 0).sub(top.select(-1, 1)).gt(4e-3).unsqueeze(-1);  // [B, H, T, 1], not near a tie
  ASSERT_GT(clear.to(at::kDouble).mean().item<double>(), 0.5);
  p_.mask.bias = before;
  const auto r = run(*mechanism_, p_);
  const auto one_hot = at::zeros_like(r.weights).scatter(3, before.argmax(-1, true), 1.0);
  EXPECT_TRUE(close(r.weights.masked_select(clear), one_hot.masked_select(clear), 1e-12));
}

TEST_P(ContractValues, TiedMaximaShareTheWeight) {  // U8
  if (c_.capabilities().stops) GTEST_SKIP() << "the first of equal keys is stopped at";
  if (c_.position_aware()) GTEST_SKIP() << "equal keys stand at different positions";
  const Sizes z{.batch = 1, .heads = 1, .key_heads = 1, .queries = 1, .keys = 7};
  const auto mechanism = build(c_, z);
  auto p = problem(c_, z);
  const auto best = run(*mechanism, p).weights.argmax().item<std::int64_t>();
  auto expected = at::zeros({1, 1, 1, 7}, at::kDouble);
  for (const auto s : {best, (best + 2) % 7, (best + 5) % 7}) {
    p.keys.select(2, s).copy_(p.keys.select(2, best));
    expected.select(3, s).fill_(1.0 / 3);
  }
  p.mask.bias = sharpened(run(*mechanism, p));
  const auto r = run(*mechanism, p);
  EXPECT_TRUE(close(r.weights, expected, 1e-9));
}

TEST_P(ContractValues, LongQueriesSharpenUnlessTheScoreIsBounded) {  // U8 by the query, and the entry's word about it
  if (c_.capabilities().ignores_query) GTEST_SKIP() << "no score depends on the query";
  if (c_.capabilities().stops) GTEST_SKIP() << "scores say where to stop, and the first key may take the whole weight";
  if (!c_.inner().scores_bounded && c_.position_aware()) GTEST_SKIP() << "positions add to the score what no query scales";
  p_.query = p_.query * 1e6;
  const auto r = run(*mechanism_, p_);
  const auto largest = r.weights.amax(-1);
  if (c_.inner().scores_bounded) {
    EXPECT_LT(largest.min().item<double>(), 1 - 1e-6) << "said to be bounded";
  } else {
    EXPECT_GT(largest.min().item<double>(), 1 - 1e-9);
  }
}

TEST_P(ContractValues, OneKeyTakesTheWholeWeightBitForBit) {  // U9
  if (c_.capabilities().unnormalised) GTEST_SKIP() << "the weight of a single key need not be one";
  p_.mask.keep = bools({2, 1, 4, 5}, [](auto b, auto, auto t, auto s) { return s == t + b; });  // within a window of 1
  const auto r = run(*mechanism_, p_);
  EXPECT_TRUE(same(r.weights, p_.mask.keep.to(at::kDouble).expand_as(r.weights)));
}

TEST_P(ContractValues, TheContextOfOneKeyIsItsValueBitForBit) {  // U9
  if (c_.capabilities().unnormalised) GTEST_SKIP() << "the weight of a single key need not be one";
  if (c_.projected()) GTEST_SKIP() << "the context is mapped or added to";
  p_.mask.keep = bools({2, 1, 4, 5}, [](auto b, auto, auto t, auto s) { return s == t + b; });  // within a window of 1
  const auto r = run(*mechanism_, p_);
  const auto chosen = p_.mask.keep.to(at::kLong).argmax(-1).expand({-1, z_.heads, -1}).unsqueeze(-1).expand({-1, -1, -1, z_.value_size});
  EXPECT_TRUE(same(r.context, p_.values.gather(2, chosen)));
}

TEST_P(ContractValues, ShiftingTheScoresOfARowChangesNothing) {  // U11
  if (c_.capabilities().stops) GTEST_SKIP() << "a constant moves every probability of stopping";
  p_.mask.keep = some_keys(4);
  const auto before = run(*mechanism_, p_);
  p_.mask.bias = wave({z_.batch, z_.heads, z_.queries, 1}, 0.6) * 40;
  const auto after = run(*mechanism_, p_);
  EXPECT_TRUE(close(after.weights, before.weights, 1e-12));
  EXPECT_TRUE(close(after.context, before.context, 1e-12));
  if (c_.is_softmax()) {
    EXPECT_TRUE(close(after.lse, before.lse + p_.mask.bias.squeeze(-1), 1e-12));
  }
}

TEST_P(ContractValues, ContextIsInTheHullOfTheValues) {  // U12
  if (c_.projected()) GTEST_SKIP() << "the context is mapped or added to";
  if (c_.capabilities().unnormalised) GTEST_SKIP() << "weights do not sum to one";
  p_.mask.keep = some_keys(3);
  const auto r = run(*mechanism_, p_);
  const auto hidden = p_.mask.keep.logical_not().unsqueeze(-1);  // [B, 1, T, S, 1]
  const auto spread = p_.values.unsqueeze(2);                    // [B, H, 1, S, Dv]
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(r.context.ge(spread.masked_fill(hidden, infinity).amin(3) - 1e-12).all().item<bool>());
  EXPECT_TRUE(r.context.le(spread.masked_fill(hidden, -infinity).amax(3) + 1e-12).all().item<bool>());
}

TEST_P(ContractValues, ContextIsLinearInTheValues) {  // U12
  if (c_.capabilities().adds_query) GTEST_SKIP() << "a rectified layer stands behind the sum of the values";
  const auto with = [&](const at::Tensor& values) {
    auto p = p_;
    p.values = values;
    return run(*mechanism_, p).context;
  };
  const auto u = p_.values, v = wave(u.sizes(), 7.7);
  // Affine, since a layer may add a bias: 0.25 + 0.75 = 1.
  EXPECT_TRUE(close(with(0.25 * u + 0.75 * v), 0.25 * with(u) + 0.75 * with(v), 1e-12));
  EXPECT_FALSE(close(with(v), with(u), 1e-3));
}

}  // namespace
}  // namespace attend::testing
