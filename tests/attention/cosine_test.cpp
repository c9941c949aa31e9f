#include "attend/attention/cosine.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

const MechanismOptions kCosineOptions{.heads = 2, .query_size = 3, .key_size = 3};
const Problem kCosineProblem{wave({2, 2, 3, 3}), wave({2, 2, 7, 3}, 0.5), wave({2, 2, 7, 2}, 0.9), {}};

TEST(Cosine, ParametersKeepTheirNamesShapesAndStart) {
  const auto fresh = make_mechanism("cosine", kCosineOptions);
  EXPECT_EQ(parameter_names(*fresh), std::vector<std::string>({"score.log_gain"}));
  EXPECT_TRUE(close(fresh->named_parameters()["score.log_gain"], at::full({2}, std::log(10.0)), 1e-6));
}

TEST(Cosine, EqualsItsFormula) {
  const auto mechanism = make_filled("cosine", kCosineOptions);
  const auto unit = [](const at::Tensor& x) { return x / x.square().sum(-1, true).sqrt(); };
  const auto gain = mechanism->named_parameters()["score.log_gain"].exp().view({1, 2, 1, 1});
  EXPECT_TRUE(close(energies(run(*mechanism, kCosineProblem)),
                    gain * at::matmul(unit(kCosineProblem.query), unit(kCosineProblem.keys).mT()), 1e-13));
}

TEST(Cosine, IsInvariantToPositiveScaling) {
  const auto mechanism = make_filled("cosine", kCosineOptions);
  auto p = kCosineProblem;
  p.query = p.query * 1234.5;
  p.keys = p.keys * (wave({2, 2, 7, 1}) + 1.5);  // every key by its own factor
  expect_same(run(*mechanism, p), run(*mechanism, kCosineProblem), 1e-13);
}

TEST(Cosine, GradientIsOrthogonalToTheQuery) {  // q · ∂e/∂q = 0
  const auto mechanism = make_filled("cosine", kCosineOptions);
  auto p = kCosineProblem;
  p.query = leaf(p.query), p.keys = leaf(p.keys);
  mixed_loss(run(*mechanism, p)).backward();
  EXPECT_TRUE(close((p.query * p.query.grad()).sum(-1), at::zeros({2, 2, 3}, at::kDouble), 1e-13));
  EXPECT_TRUE(close((p.keys * p.keys.grad()).sum(-1), at::zeros({2, 2, 7}, at::kDouble), 1e-13));
  EXPECT_GT(p.query.grad().abs().max().item<double>(), 1e-3);
}

TEST(Cosine, ZeroVectorsScoreZeroWithAFiniteGradient) {
  const auto mechanism = make_filled("cosine", kCosineOptions);
  auto p = kCosineProblem;
  p.query = p.query.clone(), p.keys = p.keys.clone();
  p.query.select(2, 0).zero_();
  p.keys.select(2, 3).zero_();
  p.query = leaf(p.query), p.keys = leaf(p.keys);
  const auto r = run(*mechanism, p);
  EXPECT_TRUE(close(r.weights.select(2, 0), at::full({2, 2, 7}, 1.0 / 7, at::kDouble), 1e-14));
  EXPECT_TRUE(close(energies(r).select(3, 3), at::zeros({2, 2, 3}, at::kDouble), 1e-13));
  mixed_loss(r).backward();
  EXPECT_TRUE(all_finite(p.query.grad()));
  EXPECT_TRUE(all_finite(p.keys.grad()));
}

TEST(Cosine, LargestWeightHasABound) {  // e^{2g} / (e^{2g} + n − 1), reached by one equal and n − 1 opposite keys
  const auto mechanism = make_filled("cosine", {.query_size = 3, .key_size = 3});
  set_parameter(*mechanism, "score.log_gain", at::zeros({1}));
  const auto q = wave({1, 1, 1, 3});
  const auto bound = std::exp(2.0) / (std::exp(2.0) + 6);
  const auto best = run(*mechanism, {q, at::cat({q, (-q).expand({1, 1, 6, 3})}, 2), wave({1, 1, 7, 1}), {}});
  EXPECT_NEAR(best.weights.max().item<double>(), bound, 1e-13);
  const auto other = run(*mechanism, {q * 1e5, wave({1, 1, 7, 3}), wave({1, 1, 7, 1}), {}});
  EXPECT_LT(other.weights.max().item<double>(), bound);
}

TEST(Cosine, GainIsClampedAtAHundred) {
  const auto mechanism = make_filled("cosine", kCosineOptions);
  set_parameter(*mechanism, "score.log_gain", at::full({2}, std::log(100.0)));
  const auto at_limit = run(*mechanism, kCosineProblem);
  set_parameter(*mechanism, "score.log_gain", at::full({2}, 50.0));
  expect_same(run(*mechanism, kCosineProblem), at_limit, 1e-12);
}

}  // namespace
}  // namespace attend::testing
