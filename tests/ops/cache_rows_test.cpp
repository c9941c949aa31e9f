// Keys and values that lie among those of other items, as the hypotheses of a beam share a cache.
#include "attend/ops/fused_attention.h"
#include "support/tensors.h"

namespace attend::testing {
namespace {

at::Tensor steps_of_cosine(at::IntArrayRef sizes, double step) {
  std::int64_t numbers = 1;
  for (const auto n : sizes) numbers *= n;
  return at::cos(at::arange(numbers, at::kDouble) * step).view(sizes);
}

struct Cache {
  at::Tensor keys, values, rows, own_keys, own_values;
  // R rows of S positions; B items whose positions lie in any of them.
  Cache(at::ScalarType type, std::int64_t items, std::int64_t all, std::int64_t positions)
      : keys(steps_of_cosine({all, 2, positions, 24}, 1.3).to(type)),
        values(steps_of_cosine({all, 2, positions, 37}, 0.7).to(type)),
        rows(at::arange(items * positions, at::kInt).mul(7).remainder(all).to(at::kInt).view({items, positions})) {
    const auto at = at::arange(positions, at::kLong);
    own_keys = keys.transpose(1, 2).index({rows.to(at::kLong), at}).transpose(1, 2).contiguous();
    own_values = values.transpose(1, 2).index({rows.to(at::kLong), at}).transpose(1, 2).contiguous();
  }
};

TEST(CacheRows, ChangeNoBit) {
  for (const auto type : {at::kFloat, at::kBFloat16, at::kDouble})
    for (const std::int64_t queries : {1, 3, 8}) {
      const Cache cache(type, 5, 3, 71);
      const auto query = steps_of_cosine({5, 4, queries, 24}, 0.9).to(type);
      FusedAttentionOptions o;
      o.scale = 0.3;
      o.right = 0;
      o.key_lengths = at::tensor({71, 40, 0, 1, 66}, at::kLong);
      o.lse = o.entropy = o.column_sums = true;
      o.top = 3;
      const auto expected = fused_attention(query, cache.own_keys, cache.own_values, o);
      o.cache_rows = cache.rows;
      const auto found = fused_attention(query, cache.keys, cache.values, o);
      EXPECT_TRUE(at::equal(found.context, expected.context)) << type << ' ' << queries;
      EXPECT_TRUE(at::equal(found.lse, expected.lse));
      EXPECT_TRUE(at::equal(found.entropy, expected.entropy));
      EXPECT_TRUE(at::equal(found.column_sums, expected.column_sums));
      EXPECT_TRUE(at::equal(found.top_keys, expected.top_keys));
      EXPECT_GT(expected.context.abs().max().item<double>(), 0.1);
    }
}

TEST(CacheRows, WhatIsHiddenMayBeAnything) {
  Cache cache(at::kFloat, 2, 2, 20);
  FusedAttentionOptions o;
  o.key_lengths = at::tensor({20, 9}, at::kLong);
  o.cache_rows = at::zeros({2, 20}, at::kInt);
  o.cache_rows[1].fill_(1);
  const auto query = steps_of_cosine({2, 2, 1, 24}, 0.9).to(at::kFloat);
  const auto before = fused_attention(query, cache.keys, cache.values, o).context;
  cache.keys[1].narrow(1, 9, 11).fill_(NAN);
  cache.values[1].narrow(1, 9, 11).fill_(NAN);
  EXPECT_TRUE(at::equal(fused_attention(query, cache.keys, cache.values, o).context, before));
}

TEST(CacheRows, AreRefusedWhereTheyCannotBe) {
  const Cache cache(at::kFloat, 2, 3, 10);
  const auto query = steps_of_cosine({2, 2, 1, 24}, 0.9).to(at::kFloat);
  FusedAttentionOptions o;
  o.cache_rows = cache.rows.to(at::kLong);
  expect_error(ErrorKind::kShape, {"cache rows", "int32 [B=2, S=10]"}, [&] { fused_attention(query, cache.keys, cache.values, o); });
  o.cache_rows = cache.rows.clone().fill_(3);
  expect_error(ErrorKind::kValue, {"cache rows", "0 to 2", "got 3"}, [&] { fused_attention(query, cache.keys, cache.values, o); });
  o.cache_rows = cache.rows;
  expect_error(ErrorKind::kValue, {"up to 8 queries", "T=9"}, [&] {
    fused_attention(steps_of_cosine({2, 2, 9, 24}, 1).to(at::kFloat), cache.keys, cache.values, o);
  });
  expect_error(ErrorKind::kUnsupported, {"no gradients"},
               [&] { fused_attention(query.clone().set_requires_grad(true), cache.keys, cache.values, o); });
}

}  // namespace
}  // namespace attend::testing
