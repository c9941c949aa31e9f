#include "attend/attention/additive_relu.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

const MechanismOptions kReluOptions{.heads = 2, .query_size = 4, .key_size = 3, .own = OptionSet().set(&EnergyOptions::size, 5)};
const Problem kReluProblem{wave({2, 2, 3, 4}), wave({2, 2, 7, 3}, 0.5), wave({2, 2, 7, 2}, 0.9), {}};

TEST(AdditiveRelu, ParametersKeepTheirNamesAndShapes) {
  const auto mechanism = make_filled("additive_relu", kReluOptions);
  EXPECT_EQ(parameter_names(*mechanism),
            std::vector<std::string>({"score.query_weight", "score.key_weight", "score.energy", "score.bias"}));
  EXPECT_EQ(mechanism->named_parameters()["score.bias"].sizes(), at::IntArrayRef({2, 5}));
}

TEST(AdditiveRelu, EqualsItsFormula) {
  const auto mechanism = make_filled("additive_relu", kReluOptions);
  const auto w = mechanism->named_parameters();
  const auto q = at::einsum("bhtq,heq->bhte", {kReluProblem.query, w["score.query_weight"]});
  const auto k = at::einsum("bhsd,hed->bhse", {kReluProblem.keys, w["score.key_weight"]});
  const auto hidden = (q.unsqueeze(3) + k.unsqueeze(2) + w["score.bias"].view({2, 1, 1, 5})).clamp_min(0);
  EXPECT_TRUE(close(run(*mechanism, kReluProblem).scores, at::einsum("bhtse,he->bhts", {hidden, w["score.energy"]}), 1e-13));
}

TEST(AdditiveRelu, IsHomogeneousWithoutBias) {
  const auto mechanism = make_filled("additive_relu", kReluOptions);
  const auto scaled = [&](double by) {
    auto p = kReluProblem;
    p.query = p.query * by, p.keys = p.keys * by;
    return run(*mechanism, p).scores;
  };
  EXPECT_FALSE(close(scaled(3), 3 * scaled(1), 1e-3)) << "the bias does not scale";
  set_parameter(*mechanism, "score.bias", at::zeros({2, 5}));
  for (const double by : {0.0, 0.25, 3.0, 1e4}) EXPECT_TRUE(close(scaled(by), by * scaled(1), 1e-12 * (1 + by))) << by;
}

// Units that are all inactive are dead for good: the same score for every key, and no gradient to learn from.
TEST(AdditiveRelu, InactiveUnitsGiveUniformWeightsAndNoGradient) {
  const auto mechanism = make_filled("additive_relu", kReluOptions);
  set_parameter(*mechanism, "score.bias", at::full({2, 5}, -100.0));
  const auto r = run(*mechanism, kReluProblem);
  EXPECT_TRUE(close(r.weights, at::full({2, 2, 3, 7}, 1.0 / 7, at::kDouble), 1e-15));
  mixed_loss(r).backward();
  for (const auto& item : mechanism->named_parameters()) EXPECT_TRUE(all_zero(gradient_of(item.value()))) << item.key();
}

TEST(AdditiveRelu, StartsWithABiasAboveZero) {
  EXPECT_TRUE(make_mechanism("additive_relu", kReluOptions)->named_parameters()["score.bias"].gt(0).all().item<bool>());
}

}  // namespace
}  // namespace attend::testing
