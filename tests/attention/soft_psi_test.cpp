#include "attend/attention/soft_psi.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

// The query is [h_{t−1}; h_t; q_t] of sizes 3, 3, 2.
constexpr std::int64_t kState = 3, kQuery = 2, kJoined = 2 * kState + kQuery;
const MechanismOptions kPsiOptions{.query_size = kJoined, .key_size = 4, .own = OptionSet().set(&EnergyOptions::size, 5)};
const Problem kPsiProblem{wave({2, 1, 3, kJoined}), wave({2, 1, 7, 4}, 0.5), wave({2, 1, 7, 4}, 0.9), {.key_lengths = lengths({7, 4})}};

TEST(SoftPsi, EqualsItsFormula) {
  const auto mechanism = make_filled("soft_psi", kPsiOptions);
  EXPECT_EQ(parameter_names(*mechanism),
            std::vector<std::string>({"score.query_weight", "score.key_weight", "score.energy", "score.bias"}));
  const auto w = mechanism->named_parameters();
  const auto part = [&](std::int64_t at, std::int64_t size) {  // W_p h_{t−1}, W_n h_t, W_q q
    return at::matmul(kPsiProblem.query.narrow(3, at, size), w["score.query_weight"][0].narrow(1, at, size).t());
  };
  const auto state = part(0, kState) + part(kState, kState) + part(2 * kState, kQuery) + w["score.bias"][0];  // [B, 1, T, E]
  const auto source = at::matmul(kPsiProblem.keys, w["score.key_weight"][0].t());                             // [B, 1, S, E]
  const auto e = at::matmul((state.unsqueeze(3) + source.unsqueeze(2)).tanh(), w["score.energy"][0]);
  auto p = kPsiProblem;
  p.mask = {};
  const auto r = run(*mechanism, p);
  EXPECT_TRUE(close(r.scores, e, 1e-13));
  EXPECT_TRUE(close(r.context, at::matmul(at::softmax(e, -1), p.values), 1e-13));
}

// For fixed states, an appended source changes no energy: the mass Σ exp e never falls, old weights shrink by one factor.
TEST(SoftPsi, LongerSourcesAreOrdered) {
  const auto mechanism = make_filled("soft_psi", kPsiOptions);
  const auto of_length = [&](std::int64_t n) {
    return run(*mechanism, {kPsiProblem.query, kPsiProblem.keys.narrow(2, 0, n), kPsiProblem.values.narrow(2, 0, n), {}});
  };
  const auto first = of_length(1);
  for (std::int64_t n = 1; n < 7; ++n) {
    SCOPED_TRACE(n);
    const auto shorter = of_length(n), longer = of_length(n + 1);
    EXPECT_TRUE(close(longer.scores.narrow(3, 0, n), shorter.scores, 1e-15)) << "an energy reads no other source";
    EXPECT_TRUE(longer.lse.ge(shorter.lse).all().item<bool>() && longer.lse.ge(first.lse).all().item<bool>());
    const auto old = longer.weights.narrow(3, 0, n) / (1 - longer.weights.narrow(3, n, 1));
    EXPECT_TRUE(close(old, shorter.weights, 1e-14));
  }
}

// With the columns of one input alone it is additive attention: on q, with `before` timing, with `after` timing.
TEST(SoftPsi, LimitsAreAdditive) {
  struct Part {
    const char* name;
    std::int64_t at, size;
  };
  for (const auto& [name, at, size] : {Part{"W_q", 2 * kState, kQuery}, Part{"W_p", 0, kState}, Part{"W_n", kState, kState}}) {
    SCOPED_TRACE(name);
    const auto psi = make_filled("soft_psi", kPsiOptions);
    const auto w = psi->named_parameters();
    auto alone = at::zeros({1, 5, kJoined}, at::kDouble);
    alone.narrow(2, at, size).copy_(w["score.query_weight"].detach().narrow(2, at, size));
    set_parameter(*psi, "score.query_weight", alone);
    const auto additive =
        make_filled("additive", {.query_size = size, .key_size = 4, .bias = true, .own = OptionSet().set(&EnergyOptions::size, 5)});
    set_parameter(*additive, "score.query_weight", alone.narrow(2, at, size));
    for (const char* same_name : {"score.key_weight", "score.energy", "score.bias"})
      set_parameter(*additive, same_name, w[same_name].detach());
    auto p = kPsiProblem;
    p.query = p.query.narrow(3, at, size);
    expect_same(run(*psi, kPsiProblem), run(*additive, p), 1e-14);
  }
}

}  // namespace
}  // namespace attend::testing
