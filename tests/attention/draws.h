#pragma once
// What hard, hard_st, gumbel and gumbel_st share: they draw one key from the same distribution.
#include "attend/attention/gumbel.h"
#include "attend/attention/hard.h"
#include "attention/single_head.h"

namespace attend::testing {

/// The mechanism over `dot`, in training, every draw hard.
inline std::shared_ptr<Mechanism> make_drawing(const char* name, std::int64_t keys, MechanismOptions o = {}) {
  o.of<SoftShareOptions>().share = 0;
  auto mechanism = make_filled(name, of_scores(o, keys));
  mechanism->train();
  return mechanism;
}

inline MechanismOptions at_temperature(double temperature) {
  MechanismOptions o;
  o.of<GumbelOptions>().temperature = temperature;
  return o;
}

/// 10⁵ draws from four weights, one of the five keys being hidden: Pearson's χ² stays under the 99.9 % point of three degrees of freedom.
inline void expect_draws_follow_the_weights(const char* name, const MechanismOptions& o = {}) {
  constexpr std::int64_t kDraws = 100000;
  const auto mechanism = make_drawing(name, 5, o);
  auto p = of_scores(at::tensor({0.3, -1.2, 9.0, 1.1, 0.0}, at::kDouble).expand({1, 1, kDraws, 5}), wave({1, 1, 5, 2}));
  p.mask.keep = bools({1, 1, 1, 5}, [](auto, auto, auto, auto s) { return s != 2; });
  at::manual_seed(20);
  const auto r = run(*mechanism, p);
  const auto expected = r.weights[0][0][0] * kDraws;  // [S]
  const auto counts = at::bincount(r.extras.at("choice").value.flatten(), {}, 5).to(at::kDouble);
  EXPECT_EQ(counts[2].item<double>(), 0) << "a hidden key was drawn";
  const auto terms = (counts - expected).square() / expected.masked_fill(expected.eq(0), 1.0);
  EXPECT_LT(terms.sum().item<double>(), 16.27) << name;
  EXPECT_TRUE(same(r.extras.at("choice").value, mixing({name, &find_mechanism(name), {}}, r).argmax(-1)));
}

/// The shapes of the extras, and what they hold in empty rows: items 0 (no key) and 1 (two keys, its last query padding).
inline void expect_extras_of_a_draw(const char* name) {
  MechanismOptions o;
  o.heads = 2;
  const auto mechanism = make_drawing(name, 4, o);
  auto p = of_scores(wave({2, 2, 3, 4}), wave({2, 2, 4, 3}, 0.5));
  p.mask = {.key_lengths = lengths({0, 2}), .query_lengths = lengths({3, 2})};
  for (const bool training : {true, false}) {
    SCOPED_TRACE(training ? "training" : "evaluation");
    mechanism->train(training);
    const auto r = run(*mechanism, p);
    const auto &choice = r.extras.at("choice").value, &log_prob = r.extras.at("log_prob").value;
    ASSERT_EQ(choice.sizes(), at::IntArrayRef({2, 2, 3}));
    EXPECT_EQ(choice.scalar_type(), at::kLong);
    ASSERT_EQ(log_prob.sizes(), at::IntArrayRef({2, 2, 3}));
    const auto live = bools({2, 2, 3, 1}, [](auto b, auto, auto t, auto) { return b == 1 && t < 2; }).squeeze(-1);
    EXPECT_TRUE(choice.ge(0).eq(live).all().item<bool>());
    EXPECT_TRUE(choice.masked_select(live).lt(2).all().item<bool>());
    EXPECT_TRUE(choice.masked_select(live.logical_not()).eq(-1).all().item<bool>());
    EXPECT_TRUE(all_zero(log_prob.masked_select(live.logical_not())));
    EXPECT_TRUE(all_zero(r.entropy.masked_select(live.logical_not())));
    EXPECT_TRUE(close(
        log_prob, (r.weights.gather(3, choice.clamp_min(0).unsqueeze(-1)).squeeze(-1)).masked_fill(live.logical_not(), 1.0).log(), 1e-14));
    if (const auto found = r.extras.find("sample"); found != r.extras.end()) {
      ASSERT_EQ(found->second.value.sizes(), at::IntArrayRef({2, 2, 3, 4}));
      EXPECT_TRUE(close(found->second.value.sum(-1), live.to(at::kDouble), 1e-14));
      EXPECT_TRUE(all_zero(found->second.value.masked_select(r.weights.eq(0))));
      EXPECT_TRUE(close(r.context, at::matmul(found->second.value, p.values), 1e-14));
    }
  }
}

}  // namespace attend::testing
