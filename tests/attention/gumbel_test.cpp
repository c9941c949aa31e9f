#include "attend/attention/gumbel.h"

#include "attend/ops/draws.h"
#include "attention/draws.h"

namespace attend::testing {
namespace {

Problem gumbel_problem() {
  auto p = of_scores(leaf(wave({2, 1, 5, 4})), leaf(wave({2, 1, 4, 2}, 0.5)));
  p.mask.key_lengths = lengths({4, 3});
  return p;
}

TEST(Gumbel, DrawsFollowTheWeightsAtEveryTemperature) {
  for (const double temperature : {0.1, 1.0, 20.0}) {
    SCOPED_TRACE(temperature);
    expect_draws_follow_the_weights("gumbel", at_temperature(temperature));
  }
}

TEST(Gumbel, ExtrasNameTheChoice) { expect_extras_of_a_draw("gumbel"); }

// The noise is drawn again from the same seed; gradients flow through the blurred weights.
TEST(Gumbel, EqualsItsFormula) {
  for (const double temperature : {0.3, 2.0}) {
    SCOPED_TRACE(temperature);
    const auto p = gumbel_problem();
    const auto mechanism = make_drawing("gumbel", 4, at_temperature(temperature));
    at::manual_seed(5);
    const auto r = run(*mechanism, p);
    at::manual_seed(5);
    const auto noise = -(-uniform_draws(draw_keys(/*place=*/0, 2), {1, 5, 4}).log()).log();
    const auto e = leaf(p.query), values = leaf(p.values);
    const auto hidden = at::arange(4, at::kLong).view({1, 1, 1, 4}).ge(p.mask.key_lengths.view({2, 1, 1, 1}));
    const auto log_p = at::log_softmax(e.masked_fill(hidden, -std::numeric_limits<double>::infinity()), -1);
    const auto y = at::softmax((log_p + noise) / temperature, -1);
    EXPECT_TRUE(close(r.extras.at("sample").value, y, 1e-13));
    EXPECT_TRUE(same(r.extras.at("choice").value, y.argmax(-1)));
    const auto context = at::matmul(y, values), upstream = wave(context.sizes(), 0.2);
    EXPECT_TRUE(close(r.context, context, 1e-13));
    (r.context * upstream).sum().backward();
    (context * upstream).sum().backward();
    EXPECT_TRUE(close(p.query.grad(), e.grad(), 1e-12));
    EXPECT_TRUE(close(p.values.grad(), values.grad(), 1e-12));
  }
}

TEST(Gumbel, ColdIsOneHotAndHotIsUniformWhereAllowed) {
  const auto p = gumbel_problem();
  at::manual_seed(9);
  const auto cold = run(*make_drawing("gumbel", 4, at_temperature(1e-3)), p);
  const auto one_hot = at::zeros_like(cold.weights).scatter(3, cold.extras.at("choice").value.unsqueeze(-1), 1.0);
  EXPECT_TRUE(close(cold.extras.at("sample").value, one_hot, 1e-6));
  const auto hot = run(*make_drawing("gumbel", 4, at_temperature(1e3)), p).extras.at("sample").value;
  EXPECT_TRUE(close(hot[0], at::full({1, 5, 4}, 0.25, at::kDouble), 5e-3));
  EXPECT_TRUE(close(hot[1].narrow(2, 0, 3), at::full({1, 5, 3}, 1.0 / 3, at::kDouble), 5e-3));
  EXPECT_TRUE(all_zero(hot[1].narrow(2, 3, 1))) << "no heat reaches a hidden key";
}

TEST(Gumbel, EvaluationIsThatOfHard) {
  const auto p = gumbel_problem();
  expect_same(run(*make_filled("gumbel", of_scores({}, 4)), p), run(*make_filled("hard", of_scores({}, 4)), p));
}

}  // namespace
}  // namespace attend::testing
