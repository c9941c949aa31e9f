#include "attend/attention/hard.h"

#include "attention/draws.h"

namespace attend::testing {
namespace {

MechanismOptions hard_options(double soft_share, std::int64_t keys, const char* test = "argmax") {
  MechanismOptions o;
  o.of<SoftShareOptions>().share = soft_share;
  o.of<HardOptions>().test = test;
  return of_scores(o, keys);
}

TEST(Hard, DrawsFollowTheWeights) { expect_draws_follow_the_weights("hard"); }

TEST(Hard, ExtrasNameTheChoice) { expect_extras_of_a_draw("hard"); }

TEST(Hard, EvaluationReadsTheBestPosition) {
  const auto mechanism = make_filled("hard", hard_options(0.5, 3));
  const auto p = of_scores(at::tensor({-0.5, 2.0, 0.25, 1.0, -3.0, 1.0}, at::kDouble).view({1, 1, 2, 3}), wave({1, 1, 3, 2}));
  const auto r = run(*mechanism, p);
  EXPECT_TRUE(same(r.extras.at("choice").value.flatten(), lengths({1, 0}))) << "ties choose the lowest index";
  EXPECT_TRUE(same(r.context[0][0], p.values[0][0].index_select(0, lengths({1, 0}))));
  EXPECT_TRUE(close(r.weights, at::softmax(p.query, -1), 1e-15)) << "the weights are p, not the choice";
  EXPECT_TRUE(close(r.extras.at("log_prob").value, r.weights.amax(-1).log(), 1e-15));
  EXPECT_EQ(r.extras.count("was_soft") + r.extras.count("reward_baseline"), 0U);
}

TEST(Hard, EvaluationMayBeSoftOrADraw) {
  const auto p = of_scores(wave({1, 1, 300, 3}), wave({1, 1, 3, 2}));
  const auto soft = run(*make_filled("hard", hard_options(0.5, 3, "soft")), p);
  EXPECT_TRUE(close(soft.context, at::matmul(soft.weights, p.values), 1e-15));
  const auto drawn = run(*make_filled("hard", hard_options(0.5, 3, "sample")), p);
  const auto& choice = drawn.extras.at("choice").value;
  EXPECT_TRUE(same(drawn.context[0][0], p.values[0][0].index_select(0, choice.flatten())));
  EXPECT_FALSE(same(choice, drawn.weights.argmax(-1))) << "nothing was drawn";
  expect_error(ErrorKind::kUnknownName, {"hard", "hard_test", "mean", "argmax"},
               [] { make_mechanism("hard", hard_options(0.5, 3, "mean")); });
}

// ∂ ln p(z) / ∂e = onehot(z) − p; nothing at a hidden key.
TEST(Hard, LogProbabilityHasTheScoreFunctionAsGradient) {
  const auto mechanism = make_drawing("hard", 4);
  auto p = of_scores(leaf(wave({2, 1, 5, 4})), wave({2, 1, 4, 2}));
  p.mask.key_lengths = lengths({4, 3});
  const auto r = run(*mechanism, p);
  r.extras.at("log_prob").value.sum().backward();
  const auto chosen = at::zeros_like(r.weights).scatter(3, r.extras.at("choice").value.unsqueeze(-1), 1.0);
  EXPECT_TRUE(close(p.query.grad(), chosen - r.weights, 1e-14));
}

TEST(Hard, DrawItselfHasNoGradient) {
  const auto mechanism = make_drawing("hard", 4);
  auto p = of_scores(leaf(wave({1, 1, 5, 4})), leaf(wave({1, 1, 4, 2})));
  const auto r = run(*mechanism, p);
  r.context.sum().backward();
  EXPECT_TRUE(all_zero(gradient_of(p.query)));
  const auto times = at::bincount(r.extras.at("choice").value.flatten(), {}, 4).to(at::kDouble);
  EXPECT_TRUE(same(p.values.grad()[0][0], times.unsqueeze(1).expand({4, 2})));
}

TEST(Hard, EntropyHasItsOwnGradient) {
  const auto mechanism = make_drawing("hard", 4);
  const auto p = of_scores(leaf(wave({1, 1, 3, 4})), wave({1, 1, 4, 2}));
  const auto r = run(*mechanism, p);
  r.entropy.sum().backward();
  const auto w = r.weights.detach();
  EXPECT_TRUE(close(p.query.grad(), -w * (w.log() + r.entropy.detach().unsqueeze(-1)), 1e-14));
}

TEST(Hard, ShareOfExamplesAttendsSoftlyInAllTheirSteps) {
  constexpr std::int64_t kExamples = 20000;
  const auto p = of_scores(wave({kExamples, 1, 2, 3}), wave({kExamples, 1, 3, 2}));
  for (const double share : {0.0, 0.3, 1.0}) {
    SCOPED_TRACE(share);
    const auto mechanism = make_filled("hard", hard_options(share, 3));
    mechanism->train();
    at::manual_seed(4);
    const auto r = run(*mechanism, p);
    const auto& was_soft = r.extras.at("was_soft").value;  // [B, T]
    ASSERT_EQ(was_soft.sizes(), at::IntArrayRef({kExamples, 2}));
    EXPECT_TRUE(same(was_soft.select(1, 0), was_soft.select(1, 1)));
    EXPECT_NEAR(was_soft.to(at::kDouble).mean().item<double>(), share, 4 * std::sqrt(share * (1 - share) / kExamples));
    const auto soft = was_soft.view({kExamples, 1, 2, 1});
    const auto picked = p.values.gather(2, r.extras.at("choice").value.unsqueeze(-1).expand({-1, -1, -1, 2}));
    EXPECT_TRUE(close(r.context, at::where(soft, at::matmul(r.weights, p.values), picked), 1e-14));
    const auto& log_prob = r.extras.at("log_prob").value;
    EXPECT_TRUE(log_prob.eq(0).eq(soft.squeeze(-1)).all().item<bool>()) << "a soft step has no score term";
  }
}

TEST(Hard, StepsWithAStateKeepTheirExamplesSoft) {
  const auto mechanism = make_filled("hard", hard_options(0.5, 3));
  mechanism->train();
  const auto p = of_scores(wave({64, 1, 1, 3}), wave({64, 1, 3, 2}));
  const auto memory = mechanism->prepare(p.keys, p.values, {});
  const auto state = mechanism->start(memory, 1);
  const auto first = mechanism->attend(p.query, memory, state.get(), {}).extras.at("was_soft").value;
  EXPECT_TRUE(first.any().item<bool>() && !first.all().item<bool>());
  for (int step = 0; step < 3; ++step)
    EXPECT_TRUE(same(mechanism->attend(p.query, memory, state.get(), {}).extras.at("was_soft").value, first));
}

TEST(Hard, BaselineIsABufferThatTravelsWithTheModel) {
  const auto mechanism = make_drawing("hard", 3);
  EXPECT_TRUE(parameter_names(*mechanism).empty());
  const auto buffer = mechanism->named_buffers()["reward_baseline"];
  const auto extra = run(*mechanism, of_scores(wave({1, 1, 2, 3}), wave({1, 1, 3, 2}))).extras.at("reward_baseline").value;
  EXPECT_EQ(extra.sizes(), at::IntArrayRef({512}));
  EXPECT_FALSE(extra.requires_grad());
  EXPECT_EQ(extra.data_ptr(), buffer.data_ptr()) << "training moves it where the model will save it";
}

// A decoder in miniature over S = 3 keys and T = 2 steps: ln p(y_0 | z_0) and ln p(y_1 | z_0, z_1) of the contexts [2, Dv].
at::Tensor step_log_likelihoods(const at::Tensor& contexts, const at::Tensor& theta) {
  const auto a = (contexts[0] * theta).sum(), b = (contexts[1] * theta.flip(0)).sum() * (1 + a);
  return at::log_sigmoid(at::stack({a, b}));
}

struct Path {
  Result result;
  double probability = 0;
};

struct Enumeration {
  at::Tensor e = leaf(wave({1, 1, 2, 3}, 0.4)), values = leaf(wave({1, 1, 3, 2}, 1.5)), theta = leaf(at::tensor({0.9, -1.7}, at::kDouble));
  std::map<std::vector<std::int64_t>, Path> paths;

  // The mechanism's own calls, drawn until each of the nine paths has come once.
  Enumeration() {
    const auto mechanism = make_drawing("hard", 3);
    const auto p = of_scores(e, values);
    for (std::uint64_t seed = 0; paths.size() < 9 && seed < 2000; ++seed) {
      at::manual_seed(seed);
      auto r = run(*mechanism, p);
      const auto choice = r.extras.at("choice").value.flatten();
      const double probability = r.extras.at("log_prob").value.sum().exp().item<double>();
      paths.try_emplace({choice[0].item<std::int64_t>(), choice[1].item<std::int64_t>()}, Path{std::move(r), probability});
    }
  }

  std::vector<at::Tensor> leaves() const { return {e, values, theta}; }

  // Gradients of L = Σ_z p(z) ln p(y | z), summed over all paths by its definition.
  std::vector<at::Tensor> exact() const {
    const auto p = at::softmax(e, -1)[0][0];  // [T, S]
    auto bound = at::zeros({}, at::kDouble);
    for (std::int64_t i = 0; i < 3; ++i)
      for (std::int64_t j = 0; j < 3; ++j)
        bound = bound + p[0][i] * p[1][j] * step_log_likelihoods(at::stack({values[0][0][i], values[0][0][j]}), theta).sum();
    return torch::autograd::grad({bound}, leaves());
  }

  // Σ_z p(z) times the gradient of ℓ + Σ_t sg(reward_t) ln p_t(z_t), the negative of what training minimises.
  std::vector<at::Tensor> expected(const std::function<at::Tensor(const at::Tensor&)>& reward) const {
    std::vector<at::Tensor> sum;
    for (const auto& [choice, path] : paths) {
      const auto ell = step_log_likelihoods(path.result.context[0][0], theta);  // [T]
      const auto surrogate = ell.sum() + (reward(ell.detach()) * path.result.extras.at("log_prob").value[0][0]).sum();
      const auto gradients = torch::autograd::grad({surrogate}, leaves(), {}, /*retain_graph=*/true);
      for (std::size_t i = 0; i < gradients.size(); ++i) {
        if (i == sum.size()) sum.push_back(at::zeros_like(gradients[i]));
        sum[i] += gradients[i] * path.probability;
      }
    }
    return sum;
  }
};

void expect_equal_gradients(const std::vector<at::Tensor>& got, const std::vector<at::Tensor>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(close(got[i], expected[i], 1e-10)) << "leaf " << i;
}

TEST(Hard, SurrogateIsUnbiasedForAnyBaseline) {
  const Enumeration nine;
  ASSERT_EQ(nine.paths.size(), 9U);
  double total = 0;
  for (const auto& [choice, path] : nine.paths) total += path.probability;
  EXPECT_NEAR(total, 1, 1e-14);
  const auto exact = nine.exact();
  EXPECT_GT(exact[0].abs().max().item<double>(), 1e-2);
  for (const double b : {0.0, -3.5, 12.0}) {
    SCOPED_TRACE(b);
    expect_equal_gradients(nine.expected([b](const at::Tensor& ell) { return (ell.sum() - b).expand({2}); }), exact);
    // Reward to go: Σ_{t' ≥ t}, a baseline of its own for every step.
    expect_equal_gradients(nine.expected([b](const at::Tensor& ell) {
      return ell.flip(0).cumsum(0).flip(0) - at::stack({ell.new_full({}, b), ell.new_full({}, 1 - b)});
    }),
                           exact);
  }
  // What it must not be: the reward of the step alone, which does not see that z_0 changes y_1.
  EXPECT_FALSE(close(nine.expected([](const at::Tensor& ell) { return ell; })[0], exact[0], 1e-4));
}

}  // namespace
}  // namespace attend::testing
