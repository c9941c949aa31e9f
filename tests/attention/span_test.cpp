// What a call sees beside its mask travels as data that no kernel has to read T·S numbers of.
#include "attend/attention/span.h"

#include "attend/attention/local_m.h"
#include "attend/attention/local_p.h"
#include "attend/attention/positions.h"
#include "attention/single_head.h"

namespace attend::testing {
namespace {

constexpr std::int64_t kSpanQueries = 37, kSpanKeys = 41;

/// What the mechanism says that one call sees.
Span span_of(const std::string& name, const MechanismOptions& o, const Mask& mask = {}) {
  const auto mechanism = make_filled(name, o);
  const auto& scored = dynamic_cast<const ScoredAttention&>(*mechanism);
  const auto keys = wave({2, 2, kSpanKeys, 4});
  const auto memory = scored.prepare(keys, keys, mask);
  return scored.span_of(wave({2, 2, kSpanQueries, 4}, 0.5), memory, nullptr);
}

MechanismOptions of_two_heads(std::int64_t window = 3) {
  return {.heads = 2, .query_size = 4, .key_size = 4, .own = OptionSet().set(&LocalOptions::window, window)};
}

MechanismOptions with_position(const std::string& scheme) {
  auto o = of_two_heads();
  o.position = scheme;
  o.of<RelativeBiasOptions>().buckets = 8;
  o.of<RelativeBiasOptions>().farthest = 9;
  return o;
}

TEST(Span, OfAnOrdinaryScoreIsEmpty) {
  const auto span = span_of("scaled_dot", of_two_heads());
  EXPECT_FALSE(span.window.centre.defined() || span.slopes.defined() || span.by_distance.defined());
  EXPECT_GT(span.reach, kSpanKeys);
}

TEST(Span, OfAWindowIsACentreForEachQuery) {
  const auto local = span_of("local_m", of_two_heads());
  ASSERT_TRUE(local.window.centre.defined());
  EXPECT_TRUE(same(local.window.centre, at::arange(kSpanQueries, at::kLong).unsqueeze(0)));
  EXPECT_EQ(local.window.radius, 3);
  EXPECT_EQ(local.window.deviation, 0);

  auto o = of_two_heads();
  o.of<LocalPOptions>().renormalise = true;
  const auto predicted = span_of("local_p", o);
  ASSERT_TRUE(predicted.window.centre.defined());
  EXPECT_EQ(predicted.window.centre.sizes(), (at::IntArrayRef{2, 2, kSpanQueries}));
  EXPECT_TRUE(predicted.window.centre.requires_grad());
  EXPECT_EQ(predicted.window.deviation, 1.5);
  EXPECT_TRUE(predicted.window.renormalised);
}

TEST(Span, OfDistancesIsATableOrSlopes) {
  const auto alibi = span_of("scaled_dot", with_position("alibi"), {.causal = true});
  EXPECT_TRUE(same(alibi.slopes, alibi_slopes(2)));
  EXPECT_TRUE(same(alibi.steps, (at::arange(kSpanQueries, at::kLong) + (kSpanKeys - kSpanQueries)).expand({1, kSpanQueries})));
  const auto biased = span_of("scaled_dot", with_position("relative_bias"));
  EXPECT_EQ(biased.by_distance.sizes(), (at::IntArrayRef{2, 2 * 9 + 1}));
  EXPECT_TRUE(biased.by_distance.requires_grad());
}

TEST(Span, HasLessThanEveryPairOfPositions) {
  for (const auto& span : {span_of("local_m", of_two_heads()), span_of("local_p", of_two_heads()),
                           span_of("scaled_dot", with_position("alibi")), span_of("scaled_dot", with_position("relative_bias"))}) {
    for (const auto& part : {span.window.centre, span.slopes, span.by_distance, span.steps})
      if (part.defined()) {
        EXPECT_LT(part.numel(), kSpanQueries * kSpanKeys / 4) << shape_text(part);
      }
  }
}

// Distances beyond the table's ends count as its ends; those within have a number of their own.
TEST(Span, ATableIsClippedAtItsEnds) {
  Span span;
  span.by_distance = at::tensor({10.0, 20.0, 30.0, 40.0, 50.0}, at::kDouble).view({1, 5});  // −2 to 2
  span.steps = at::tensor({3}, at::kLong).view({1, 1});
  const auto sum = with_distances(at::zeros({1, 1, 1, 8}, at::kDouble), span);
  EXPECT_TRUE(same(sum.flatten(), at::tensor({10.0, 10.0, 20.0, 30.0, 40.0, 50.0, 50.0, 50.0}, at::kDouble)));
  span.slopes = at::tensor({0.5}, at::kDouble);
  EXPECT_TRUE(same(with_distances(at::zeros({1, 1, 1, 8}, at::kDouble), span).flatten() - sum.flatten(),
                   at::tensor({-1.5, -1.0, -0.5, 0.0, -0.5, -1.0, -1.5, -2.0}, at::kDouble)));
}

TEST(Span, AWindowHidesWhatIsFartherThanItsRadius) {
  const AttentionWindow window{.centre = at::tensor({2.5}, at::kDouble).view({1, 1}), .radius = 2};
  EXPECT_TRUE(same(outside_window(window, 7).flatten(), at::tensor({1, 0, 0, 0, 0, 1, 1}, at::kLong).to(at::kBool)));
}

}  // namespace
}  // namespace attend::testing
