#include "attend/attention/hard_st.h"

#include "attention/draws.h"

namespace attend::testing {
namespace {

TEST(HardSt, DrawsFollowTheWeights) { expect_draws_follow_the_weights("hard_st"); }

TEST(HardSt, ExtrasNameTheChoice) { expect_extras_of_a_draw("hard_st"); }

TEST(HardSt, ForwardIsHardForTheSameDraw) {
  const auto p = of_scores(wave({2, 1, 7, 4}), wave({2, 1, 4, 2}, 0.5));
  const auto st = make_drawing("hard_st", 4), hard = make_drawing("hard", 4);
  at::manual_seed(11);
  const auto a = run(*st, p);
  at::manual_seed(11);
  const auto b = run(*hard, p);
  expect_same(a, b);
  for (const char* name : {"choice", "log_prob"}) EXPECT_TRUE(same(a.extras.at(name).value, b.extras.at(name).value)) << name;
  EXPECT_EQ(a.extras.count("reward_baseline"), 0U) << "its gradient needs no reward";
  const auto one_hot = at::zeros_like(a.weights).scatter(3, a.extras.at("choice").value.unsqueeze(-1), 1.0);
  EXPECT_TRUE(same(a.extras.at("sample").value, one_hot)) << "one-hot bit for bit, without the rounding of o − p + p";
}

// The gradient of the scores is that of Σ_s p_s (upstream · v_s); that of the values is the draw's.
TEST(HardSt, BackwardIsSoft) {
  const auto upstream = wave({2, 1, 5, 2}, 0.2);
  auto p = of_scores(leaf(wave({2, 1, 5, 4})), leaf(wave({2, 1, 4, 2}, 0.5)));
  p.mask.key_lengths = lengths({4, 3});
  const auto r = run(*make_drawing("hard_st", 4), p);
  (r.context * upstream).sum().backward();
  auto q = of_scores(leaf(p.query), p.values.detach());
  q.mask = p.mask;
  const auto soft = run(*make_filled("soft", of_scores({}, 4)), q);
  (soft.weights * at::matmul(upstream, q.values.mT())).sum().backward();
  EXPECT_TRUE(close(p.query.grad(), q.query.grad(), 1e-14));
  EXPECT_GT(p.query.grad().abs().max().item<double>(), 1e-2);
  EXPECT_TRUE(close(p.values.grad(), at::matmul(r.extras.at("sample").value.detach().mT(), upstream), 1e-14));
}

TEST(HardSt, EvaluationIsThatOfHard) {
  const auto p = of_scores(wave({2, 1, 7, 4}), wave({2, 1, 4, 2}, 0.5));
  expect_same(run(*make_filled("hard_st", of_scores({}, 4)), p), run(*make_filled("hard", of_scores({}, 4)), p));
}

}  // namespace
}  // namespace attend::testing
