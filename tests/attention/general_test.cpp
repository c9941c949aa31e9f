#include "attend/attention/general.h"
#include "attend/attention/dot.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

const Problem kGeneralProblem{wave({2, 2, 3, 3}), wave({2, 2, 5, 3}, 0.5), wave({2, 2, 5, 4}, 0.9), {}};
const MechanismOptions kSquare{.heads = 2, .query_size = 3, .key_size = 3};

at::Tensor identities(double scale) { return at::eye(3, at::kDouble).mul(scale).expand({2, 3, 3}); }

TEST(General, ParametersKeepTheirNamesAndShapes) {
  const auto mechanism = make_filled("general", {.heads = 2, .query_size = 4, .key_size = 3});
  EXPECT_EQ(parameter_names(*mechanism), std::vector<std::string>({"score.weight"}));
  EXPECT_EQ(mechanism->named_parameters()["score.weight"].sizes(), at::IntArrayRef({2, 4, 3}));
}

TEST(General, IdentityGivesDot) {
  const auto mechanism = make_filled("general", kSquare);
  set_parameter(*mechanism, "score.weight", identities(1));
  expect_same(run(*mechanism, kGeneralProblem), run(*make_filled("dot", kSquare), kGeneralProblem), 1e-14);
}

TEST(General, IdentityOverRootDGivesScaledDot) {
  const auto mechanism = make_filled("general", kSquare);
  set_parameter(*mechanism, "score.weight", identities(1 / std::sqrt(3.0)));
  expect_same(run(*mechanism, kGeneralProblem), run(*make_filled("scaled_dot", kSquare), kGeneralProblem), 1e-14);
}

TEST(General, RootDividesItsScoresByTheRootOfD) {
  auto root = kSquare;
  root.of<ScalingOptions>().scaling = "root";
  const auto plain = energies(run(*make_filled("general", kSquare), kGeneralProblem));
  EXPECT_TRUE(close(energies(run(*make_filled("general", root), kGeneralProblem)), plain / std::sqrt(3.0), 1e-14));
}

// W is not symmetric: the query stands on its left, the key on its right, and each head has its own.
TEST(General, QueryStandsLeftOfTheMatrix) {
  const auto mechanism = make_filled("general", {.heads = 2, .query_size = 4, .key_size = 3});
  const Problem p{wave({2, 2, 3, 4}), kGeneralProblem.keys, kGeneralProblem.values, {}};
  const auto w = mechanism->named_parameters()["score.weight"];
  EXPECT_TRUE(close(energies(run(*mechanism, p)), at::einsum("bhtq,hqd,bhsd->bhts", {p.query, w, p.keys}), 1e-13));
}

TEST(General, ProductOfTwoMatricesIsOneHeadsProjections) {
  const auto a = wave({2, 5, 3}, 1.1), b = wave({2, 5, 3}, 2.2);  // W = AᵀB: queries through A, keys through B
  const auto mechanism = make_filled("general", kSquare);
  set_parameter(*mechanism, "score.weight", at::matmul(a.mT(), b));
  const auto dot = make_filled("dot", {.heads = 2, .query_size = 5, .key_size = 5});
  auto projected = kGeneralProblem;
  projected.query = at::matmul(kGeneralProblem.query, a.mT());
  projected.keys = at::matmul(kGeneralProblem.keys, b.mT());
  expect_same(run(*mechanism, kGeneralProblem), run(*dot, projected), 1e-12);
}

TEST(General, KeysAreProjectedOnceASource) {
  const auto mechanism = make_filled("general", {.heads = 2, .query_size = 4, .key_size = 3});
  const auto memory = mechanism->prepare(kGeneralProblem.keys, kGeneralProblem.values, {});
  EXPECT_EQ(memory.keys().size(-1), 4);  // W k
}

}  // namespace
}  // namespace attend::testing
