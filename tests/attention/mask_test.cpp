// Masks: the allowed set against its definition, bottom-right alignment, broadcasting, visible positions, error texts.
#include "attend/attention/mask.h"

#include "attention/cases.h"

namespace attend::testing {
namespace {

const Case kAnyMask{"dot", &find_mechanism("dot"), {}};  // takes masks of every kind

at::Tensor full(const Mask& mask, const CallSizes& z) {
  const auto allowed = allowed_set(mask, z, "test");
  if (!allowed.defined()) return at::ones({z.batch, z.heads, z.queries, z.keys}, at::kBool);
  EXPECT_EQ(allowed.size(-1), z.keys);
  return allowed.expand({z.batch, z.heads, z.queries, z.keys});
}

at::Tensor grid(std::vector<std::vector<int>> rows) {
  auto x = at::zeros({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(rows[0].size())}, at::kBool);
  for (std::size_t t = 0; t < rows.size(); ++t)
    for (std::size_t s = 0; s < rows[t].size(); ++s) x[static_cast<std::int64_t>(t)][static_cast<std::int64_t>(s)] = rows[t][s] != 0;
  return x;
}

TEST(AllowedSet, EqualsItsDefinitionForEveryKindOfMask) {
  for (const auto& [queries, keys] : {std::pair<std::int64_t, std::int64_t>{3, 5}, {5, 3}, {4, 4}, {3, 11}})
    for (const auto& [name, mask] : all_masks(kAnyMask, {.queries = queries, .keys = keys})) {
      const CallSizes z{2, 3, queries, keys};
      EXPECT_TRUE(full(mask, z).equal(allowed_by_definition(mask, z))) << name << " T=" << queries << " S=" << keys;
      const auto empty = empty_rows(mask, z, "test");
      const auto rows = empty.defined() ? empty.expand({2, 3, queries}) : at::zeros({2, 3, queries}, at::kBool);  // [B, H, T]
      EXPECT_TRUE(rows.equal(allowed_by_definition(mask, z).any(-1).logical_not())) << name << " T=" << queries << " S=" << keys;
    }
}

TEST(AllowedSet, CausalIsAlignedBottomRight) {
  EXPECT_TRUE(full({.causal = true}, {1, 1, 2, 3})[0][0].equal(grid({{1, 1, 0}, {1, 1, 1}})));
  EXPECT_TRUE(full({.causal = true}, {1, 1, 3, 2})[0][0].equal(grid({{0, 0}, {1, 0}, {1, 1}})));
  EXPECT_TRUE(full({.causal = true}, {1, 1, 1, 4})[0][0].equal(grid({{1, 1, 1, 1}})));
  EXPECT_TRUE(full({.causal = true}, {1, 1, 3, 3})[0][0].equal(grid({{1, 0, 0}, {1, 1, 0}, {1, 1, 1}})));
}

TEST(AllowedSet, CausalFollowsTheLengthsOfEachItem) {
  const Mask mask{.key_lengths = lengths({3, 4}), .query_lengths = lengths({2, 4}), .causal = true};
  const auto a = full(mask, {2, 1, 4, 5});
  EXPECT_TRUE(a[0][0].equal(grid({{1, 1, 0, 0, 0}, {1, 1, 1, 0, 0}, {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}})));
  EXPECT_TRUE(a[1][0].equal(grid({{1, 0, 0, 0, 0}, {1, 1, 0, 0, 0}, {1, 1, 1, 0, 0}, {1, 1, 1, 1, 0}})));
}

TEST(AllowedSet, QueryLengthDefaultsToTheKeyLengthInCausalSelfAttentionOnly) {
  const auto self = full({.key_lengths = lengths({2}), .causal = true}, {1, 1, 3, 3});
  EXPECT_TRUE(self[0][0].equal(grid({{1, 0, 0}, {1, 1, 0}, {0, 0, 0}})));
  // Cross attention loses no row when T happens to equal S.
  const auto cross = full({.key_lengths = lengths({2})}, {1, 1, 3, 3});
  EXPECT_TRUE(cross[0][0].equal(grid({{1, 1, 0}, {1, 1, 0}, {1, 1, 0}})));
  // T given as query lengths wins.
  const auto given = full({.key_lengths = lengths({2}), .query_lengths = lengths({3}), .causal = true}, {1, 1, 3, 3});
  EXPECT_TRUE(given[0][0].equal(grid({{0, 0, 0}, {1, 0, 0}, {1, 1, 0}})));
}

TEST(AllowedSet, NothingHiddenNeedsNoTensor) {
  const CallSizes z{2, 3, 4, 5};
  EXPECT_FALSE(allowed_set({}, z, "test").defined());
  EXPECT_FALSE(allowed_set({.key_lengths = lengths({5, 5}), .query_lengths = lengths({4, 4})}, z, "test").defined());
  EXPECT_FALSE(allowed_set({.bias = wave({4, 5})}, z, "test").defined());
}

TEST(AllowedSet, KeepBroadcastsFromAnyShape) {
  const CallSizes z{2, 3, 4, 5};
  for (const auto& shape :
       std::vector<std::vector<std::int64_t>>{{5}, {1}, {4, 5}, {4, 1}, {3, 4, 5}, {3, 1, 1}, {2, 1, 1, 5}, {2, 3, 4, 5}, {1, 1, 4, 1}}) {
    const auto keep = wave(shape, 0.3).gt(0);
    EXPECT_TRUE(full({.keep = keep}, z).equal(keep.expand({2, 3, 4, 5}))) << shape_text(keep);
    const auto bias = at::zeros(shape, at::kDouble).masked_fill(keep.logical_not(), -std::numeric_limits<double>::infinity());
    EXPECT_TRUE(full({.bias = bias}, z).equal(keep.expand({2, 3, 4, 5}))) << shape_text(bias);
  }
}

TEST(AllowedSet, MistakesAreNamedWithACure) {
  const CallSizes z{2, 8, 5, 7};
  const auto wrong = [&](const Mask& mask, ErrorKind kind, const std::vector<std::string>& fragments) {
    expect_error(kind, fragments, [&] { allowed_set(mask, z, "additive"); });
  };
  wrong({.keep = at::ones({2, 7}, at::kBool)}, ErrorKind::kShape,
        {"additive: keep must broadcast to [B=2, H=8, T=5, S=7], got [2, 7]", "use keep.unsqueeze(1).unsqueeze(1)"});
  wrong({.keep = at::ones({2, 5, 7}, at::kBool)}, ErrorKind::kShape, {"got [2, 5, 7]", "use keep.unsqueeze(1)"});
  wrong({.keep = at::ones({6, 7}, at::kBool)}, ErrorKind::kShape, {"got [6, 7]"});
  wrong({.keep = at::ones({1, 2, 8, 5, 7}, at::kBool)}, ErrorKind::kShape, {"got [1, 2, 8, 5, 7]"});
  wrong({.keep = at::ones({5, 7})}, ErrorKind::kValue, {"additive: keep must be bool", "true = may attend", "Float"});
  wrong({.bias = at::ones({5, 6})}, ErrorKind::kShape, {"additive: bias must broadcast", "[5, 6]"});
  wrong({.bias = at::ones({5, 7}, at::kBool)}, ErrorKind::kValue, {"additive: bias must be floating point", "Bool", "keep"});
  wrong({.key_lengths = lengths({7, 7, 7})}, ErrorKind::kShape, {"additive: key lengths must be int64 [B=2]", "[3]"});
  wrong({.key_lengths = at::ones({2}, at::kInt)}, ErrorKind::kShape, {"key lengths must be int64", "Int", "to(at::kLong)"});
  wrong({.key_lengths = lengths({7, 8})}, ErrorKind::kValue, {"additive: key lengths must lie in 0 to 7", "8"});
  wrong({.key_lengths = lengths({-1, 7})}, ErrorKind::kValue, {"key lengths must lie in 0 to 7", "-1"});
  wrong({.query_lengths = lengths({5, 6})}, ErrorKind::kValue, {"additive: query lengths must lie in 0 to 5", "6"});
}

TEST(VisibleKeys, AreThoseThatSomeQuerySees) {
  for (const auto& [queries, keys] : {std::pair<std::int64_t, std::int64_t>{3, 5}, {5, 3}, {4, 4}})
    for (const auto& [name, mask] : all_masks(kAnyMask, {.queries = queries, .keys = keys})) {
      const CallSizes z{2, 3, queries, keys};
      const auto expected = allowed_by_definition(mask, z).any(2).any(1);
      const auto visible = visible_keys(mask, z, "test");
      const auto got = visible.defined() ? visible.expand({2, keys}) : at::ones({2, keys}, at::kBool);
      EXPECT_TRUE(got.equal(expected)) << name << " T=" << queries << " S=" << keys;
    }
}

TEST(ZeroHidden, ReplacesWhatMultiplicationCannot) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  auto x = wave({1, 2, 3, 2});
  x.select(2, 1).fill_(nan);
  const auto cleared = zero_hidden(x, lengths({1, 0, 1}).to(at::kBool).unsqueeze(0));
  EXPECT_TRUE(all_zero(cleared.select(2, 1)));
  EXPECT_TRUE(same(cleared.select(2, 2), x.select(2, 2)));
  EXPECT_TRUE(zero_hidden(x, {}).is_same(x));
}

}  // namespace
}  // namespace attend::testing
