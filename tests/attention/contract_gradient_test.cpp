// The contract of every mechanism, part 3 (U4): gradients against central differences, for every input and parameter.
#include <gtest/gtest-spi.h>

#include "attend/attention/grouped_query.h"
#include "attention/cases.h"
#include "support/gradcheck.h"

namespace attend::testing {
namespace {

class ContractGradient : public ::testing::TestWithParam<Case> {
 protected:
  const Case& c_ = GetParam();

  void expect_good_gradients(const Sizes& z, const Mask& mask, bool bias) {
    const auto mechanism = build(c_, z);
    auto p = problem(c_, z);
    p.mask = mask;
    p.query = leaf(p.query), p.keys = leaf(p.keys), p.values = leaf(p.values);
    NamedTensors leaves{{"query", p.query}, {"keys", p.keys}, {"values", p.values}};
    if (bias) {
      p.mask.bias = leaf(mask.bias);
      leaves.emplace_back("bias", p.mask.bias);
    }
    for (const auto& item : mechanism->named_parameters()) leaves.emplace_back(item.key(), item.value());
    expect_gradients([&] { return mixed_loss(run(*mechanism, p)); }, leaves);
  }
};
INSTANTIATE_TEST_SUITE_P(Registry, ContractGradient, ::testing::ValuesIn(all_cases()), CaseName());

TEST_P(ContractGradient, WithoutMask) {
  expect_good_gradients({.batch = 1, .heads = 2, .key_heads = 2, .queries = 2, .keys = 3}, {}, false);
}

TEST_P(ContractGradient, OfOneOfEverything) { expect_good_gradients({1, 1, 1, 1, 1, 1, 1, 1}, {.bias = wave({1, 1, 1, 1})}, true); }

TEST_P(ContractGradient, WithEveryKindOfMask) {
  auto bias = wave({2, 3, 1}, 0.3);  // per head, broadcast over B and S
  bias.select(0, 1).select(0, 2).fill_(-std::numeric_limits<double>::infinity());
  expect_good_gradients({.batch = 2, .heads = 2, .key_heads = 2, .queries = 3, .keys = 3},
                        {.keep = bools({2, 1, 3, 3}, [](auto b, auto, auto t, auto s) { return (b + t + s) % 4 != 1; }),
                         .bias = bias,
                         .key_lengths = lengths({3, 2}),
                         .causal = !c_.capabilities().not_causal},
                        true);
}

TEST_P(ContractGradient, WithSharedKeyHeads) {
  if (c_.makes_heads()) GTEST_SKIP() << "makes its own heads";
  expect_good_gradients({.batch = 1, .heads = 4, .key_heads = 2, .queries = 2, .keys = 3, .query_size = 3}, {}, false);
}

// Grouped heads are full heads with repeated keys and values; a key head collects the gradients of its group.
TEST_P(ContractGradient, SharedKeyHeadsEqualRepeatedOnes) {
  if (c_.makes_heads()) GTEST_SKIP() << "makes its own heads";
  for (const std::int64_t key_heads : {1, 2}) {
    const Sizes z{.heads = 4, .key_heads = key_heads};
    const auto group = 4 / key_heads;
    const auto mechanism = build(c_, z);
    auto grouped = problem(c_, z);
    auto full = grouped;
    grouped.keys = leaf(grouped.keys), grouped.values = leaf(grouped.values);
    full.keys = leaf(grouped.keys.repeat_interleave(group, 1)), full.values = leaf(grouped.values.repeat_interleave(group, 1));
    grouped.mask = full.mask = {.key_lengths = lengths({5, 3}), .causal = !c_.capabilities().not_causal};
    const auto a = run(*mechanism, grouped), b = run(*mechanism, full);
    expect_same(a, b, 1e-14);
    mixed_loss(a).backward();
    mixed_loss(b).backward();
    const auto summed = [&](const at::Tensor& g) { return g.view({2, key_heads, group, z.keys, -1}).sum(2); };
    EXPECT_TRUE(close(gradient_of(grouped.keys), summed(gradient_of(full.keys)), 1e-12));
    EXPECT_TRUE(close(gradient_of(grouped.values), summed(gradient_of(full.values)), 1e-12));
  }
}

// All elements of a leaf are checked together: any single one that autograd misses a little of is found all the same, and named.
TEST(ExpectGradients, FindsAnyWrongElement) {
  const auto x = leaf(wave({4, 6}, 0.3));
  for (std::int64_t wrong = -1; wrong < x.numel(); ++wrong) {
    const auto loss = [&] {
      const auto all = (x * x.sin() * wave({4, 6}, 1.1)).sum();
      return wrong < 0 ? all : all + 1e-3 * x.detach().flatten()[wrong];
    };
    ::testing::TestPartResultArray failures;
    {
      const ::testing::ScopedFakeTestPartResultReporter heard(::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD,
                                                              &failures);
      expect_gradients(loss, {{"x", x}});
    }
    ASSERT_EQ(failures.size(), wrong < 0 ? 0 : 2);
    if (wrong >= 0) {
      EXPECT_PRED_FORMAT2(::testing::IsSubstring, fmt::format("gradient of x, element {}", wrong), failures.GetTestPartResult(1).message());
    }
  }
}

}  // namespace
}  // namespace attend::testing
