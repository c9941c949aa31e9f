#include "attend/attention/grouped_query.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

const MechanismOptions kGroupedOptions{
    .heads = 4, .query_size = 8, .key_size = 6, .bias = true, .own = OptionSet().set(&GroupedQueryOptions::key_heads, 2)};
const Problem kGroupedProblem{wave({2, 1, 3, 8}), wave({2, 1, 5, 6}, 0.5), wave({2, 1, 5, 6}, 0.9), {.key_lengths = lengths({5, 3})}};

MechanismOptions grouped(std::int64_t key_heads) {
  auto o = kGroupedOptions;
  o.of<GroupedQueryOptions>().key_heads = key_heads;
  return o;
}

// Rows of Hk key heads of size D as those of H heads: head h has the rows of head h / (H/Hk).
at::Tensor repeated(const at::Tensor& weight, std::int64_t key_heads) {
  const auto by_head = weight.detach().unflatten(0, {key_heads, -1});  // [Hk, D, N] or [Hk, D]
  return by_head.repeat_interleave(4 / key_heads, 0).flatten(0, 1);
}

TEST(GroupedQuery, ParametersKeepTheirNamesAndShapes) {
  const auto mechanism = make_filled("grouped_query", kGroupedOptions);
  EXPECT_EQ(parameter_names(*mechanism), std::vector<std::string>({"query_weight", "key_weight", "value_weight", "output_weight",
                                                                   "query_bias", "key_bias", "value_bias", "output_bias"}));
  const auto w = mechanism->named_parameters();
  EXPECT_EQ(w["query_weight"].sizes(), at::IntArrayRef({8, 8}));
  EXPECT_EQ(w["key_weight"].sizes(), at::IntArrayRef({4, 6}));
  EXPECT_EQ(w["value_weight"].sizes(), at::IntArrayRef({4, 6}));
  EXPECT_EQ(w["output_weight"].sizes(), at::IntArrayRef({8, 8}));
}

// The gradient of a shared row is the sum over its group.
TEST(GroupedQuery, EqualsMultiHeadWithRepeatedRows) {
  for (const std::int64_t key_heads : {1, 2, 4}) {
    SCOPED_TRACE(key_heads);
    const auto shared = make_filled("grouped_query", grouped(key_heads));
    const auto full = make_filled("multi_head", kGroupedOptions);
    const auto w = shared->named_parameters();
    for (const char* name : {"query_weight", "output_weight", "query_bias", "output_bias"}) set_parameter(*full, name, w[name].detach());
    for (const char* name : {"key_weight", "value_weight", "key_bias", "value_bias"})
      set_parameter(*full, name, repeated(w[name], key_heads));
    const auto a = run(*shared, kGroupedProblem), b = run(*full, kGroupedProblem);
    expect_same(a, b, 1e-13);
    mixed_loss(a).backward();
    mixed_loss(b).backward();
    for (const char* name : {"key_weight", "value_weight", "key_bias", "value_bias"}) {
      const auto of_heads = full->named_parameters()[name].grad().unflatten(0, {key_heads, 4 / key_heads, 2});
      EXPECT_TRUE(close(w[name].grad(), of_heads.sum(1).flatten(0, 1), 1e-12)) << name;
    }
  }
}

TEST(GroupedQuery, FourHeadsReadKeyHeadsZeroZeroOneOne) {  // not 0, 1, 0, 1
  auto o = kGroupedOptions;
  o.bias = false;
  const auto mechanism = make_filled("grouped_query", o);
  auto keys = mechanism->named_parameters()["key_weight"].detach().clone();
  keys.narrow(0, 2, 2).zero_();  // key head 1 knows nothing: its readers look everywhere alike
  set_parameter(*mechanism, "key_weight", keys);
  auto p = kGroupedProblem;
  p.mask = {};
  const auto w = run(*mechanism, p).weights;  // [B, H, T, S]
  for (std::int64_t h = 0; h < 4; ++h) {
    const auto uniform = close(w.select(1, h), at::full({2, 3, 5}, 0.2, at::kDouble), 1e-3);
    EXPECT_EQ(bool(uniform), h >= 2) << "head " << h;
  }
}

TEST(GroupedQuery, SharesByDefaultAmongTwoHeadsOrAll) {
  for (const auto& [heads, rows] : {std::pair<std::int64_t, std::int64_t>{4, 4}, {2, 4}, {1, 8}}) {
    auto o = grouped(0);
    o.heads = heads;
    EXPECT_EQ(make_mechanism("grouped_query", o)->named_parameters()["key_weight"].size(0), rows) << heads << " heads";
  }
  MechanismOptions odd{.heads = 3, .query_size = 6, .key_size = 6};
  EXPECT_EQ(make_mechanism("grouped_query", odd)->named_parameters()["key_weight"].size(0), 2);
}

TEST(GroupedQuery, MistakesAreNamed) {
  expect_error(ErrorKind::kValue, {"grouped_query", "4 heads", "key heads", "3"}, [] { make_mechanism("grouped_query", grouped(3)); });
}

}  // namespace
}  // namespace attend::testing
