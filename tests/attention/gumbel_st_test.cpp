#include "attend/attention/gumbel_st.h"

#include "attention/draws.h"

namespace attend::testing {
namespace {

TEST(GumbelSt, DrawsFollowTheWeightsAtEveryTemperature) {
  for (const double temperature : {0.1, 20.0}) expect_draws_follow_the_weights("gumbel_st", at_temperature(temperature));
}

TEST(GumbelSt, ExtrasNameTheChoice) { expect_extras_of_a_draw("gumbel_st"); }

// One-hot forward; the gradient of the scores is that of `gumbel` for the same noise, that of the values the draw's.
TEST(GumbelSt, ForwardIsTheDrawAndBackwardIsGumbel) {
  const auto upstream = wave({2, 1, 5, 2}, 0.2);
  const auto once = [&](const char* name) {
    auto p = of_scores(leaf(wave({2, 1, 5, 4})), leaf(wave({2, 1, 4, 2}, 0.5)));
    p.mask.key_lengths = lengths({4, 3});
    const auto mechanism = make_drawing(name, 4, at_temperature(0.7));
    at::manual_seed(6);
    const auto r = run(*mechanism, p);
    (r.context * upstream).sum().backward();
    return std::tuple(r, p.query.grad(), p.values.grad());
  };
  const auto [st, of_scores_st, of_values_st] = once("gumbel_st");
  const auto [blurred, of_scores_blurred, of_values_blurred] = once("gumbel");
  EXPECT_TRUE(same(st.extras.at("choice").value, blurred.extras.at("choice").value));
  const auto one_hot = at::zeros_like(st.weights).scatter(3, st.extras.at("choice").value.unsqueeze(-1), 1.0);
  EXPECT_TRUE(same(st.extras.at("sample").value, one_hot));
  EXPECT_TRUE(close(of_scores_st, of_scores_blurred, 1e-14));
  EXPECT_GT(of_scores_st.abs().max().item<double>(), 1e-3);
  EXPECT_TRUE(close(of_values_st, at::matmul(one_hot.mT(), upstream), 1e-14));
}

TEST(GumbelSt, EvaluationIsThatOfHard) {
  const auto p = of_scores(wave({2, 1, 7, 4}), wave({2, 1, 4, 2}, 0.5));
  expect_same(run(*make_filled("gumbel_st", of_scores({}, 4)), p), run(*make_filled("hard", of_scores({}, 4)), p));
}

}  // namespace
}  // namespace attend::testing
