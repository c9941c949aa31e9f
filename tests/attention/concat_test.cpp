#include "attend/attention/concat.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

const MechanismOptions kConcatOptions{.heads = 2, .query_size = 4, .key_size = 3, .own = OptionSet().set(&EnergyOptions::size, 5)};
const Problem kConcatProblem{wave({2, 2, 3, 4}), wave({2, 2, 7, 3}, 0.5), wave({2, 2, 7, 2}, 0.9), {.key_lengths = lengths({7, 4})}};

TEST(Concat, ParametersKeepTheirNamesAndShapes) {
  const auto mechanism = make_filled("concat", kConcatOptions);
  EXPECT_EQ(parameter_names(*mechanism), std::vector<std::string>({"score.weight", "score.energy"}));
  EXPECT_EQ(mechanism->named_parameters()["score.weight"].sizes(), at::IntArrayRef({2, 5, 7}));
  EXPECT_EQ(mechanism->named_parameters()["score.energy"].sizes(), at::IntArrayRef({2, 5}));
}

TEST(Concat, EqualsAdditiveBitForBitForTheJoinedMatrix) {
  for (const std::int64_t heads : {1, 2}) {
    auto o = kConcatOptions;
    o.heads = heads;
    const auto additive = make_filled("additive", o), concat = make_filled("concat", o);
    const auto w = additive->named_parameters();
    set_parameter(*concat, "score.weight", at::cat({w["score.query_weight"], w["score.key_weight"]}, 2));
    set_parameter(*concat, "score.energy", w["score.energy"]);
    auto p = kConcatProblem;
    for (auto* x : {&p.query, &p.keys, &p.values}) *x = x->narrow(1, 0, heads);
    expect_same(run(*concat, p), run(*additive, p));
  }
}

TEST(Concat, EqualsTheJoinedVectorsOfItsFormula) {
  const auto mechanism = make_filled("concat", kConcatOptions);
  auto p = kConcatProblem;
  p.mask = {};
  const auto w = mechanism->named_parameters();
  const auto joined = at::cat({p.query.unsqueeze(3).expand({-1, -1, -1, 7, -1}), p.keys.unsqueeze(2).expand({-1, -1, 3, -1, -1})}, -1);
  const auto expected =
      at::einsum("bhtse,he->bhts", {at::einsum("bhtsj,hej->bhtse", {joined, w["score.weight"]}).tanh(), w["score.energy"]});
  EXPECT_TRUE(close(energies(run(*mechanism, p)), expected, 1e-13));
}

TEST(Concat, PlainSourceLeavesTheKeyUnprojected) {
  MechanismOptions o{
      .heads = 2, .query_size = 4, .key_size = 3, .own = OptionSet().set(&EnergyOptions::size, 3).set(&ConcatOptions::plain_source, true)};
  const auto mechanism = make_filled("concat", o);
  auto p = kConcatProblem;
  p.mask = {};
  const auto w = mechanism->named_parameters();
  ASSERT_EQ(w["score.weight"].sizes(), at::IntArrayRef({2, 3, 4}));
  const auto hidden = (at::matmul(p.query, w["score.weight"].mT()).unsqueeze(3) + p.keys.unsqueeze(2)).tanh();
  EXPECT_TRUE(close(energies(run(*mechanism, p)), at::einsum("bhtse,he->bhts", {hidden, w["score.energy"]}), 1e-13));
  // It is additive with U = I.
  auto same_sizes = o;
  same_sizes.of<ConcatOptions>().plain_source = false;
  const auto additive = make_filled("additive", same_sizes);
  set_parameter(*additive, "score.query_weight", w["score.weight"]);
  set_parameter(*additive, "score.key_weight", at::eye(3, at::kDouble).expand({2, 3, 3}));
  set_parameter(*additive, "score.energy", w["score.energy"]);
  expect_same(run(*mechanism, kConcatProblem), run(*additive, kConcatProblem), 1e-13);
}

TEST(Concat, PlainSourceNeedsAnEnergyOfTheKeysSize) {
  expect_error(ErrorKind::kValue, {"concat: concat_plain_source", "D=3", "5"}, [] {
    make_mechanism(
        "concat",
        {.query_size = 4, .key_size = 3, .own = OptionSet().set(&EnergyOptions::size, 5).set(&ConcatOptions::plain_source, true)});
  });
  EXPECT_NO_THROW(make_mechanism("concat", {.query_size = 4, .key_size = 3, .own = OptionSet().set(&ConcatOptions::plain_source, true)}));
}

TEST(Concat, SharesPlainKeysAmongHeads) {
  const auto mechanism = make_filled("concat", {.heads = 4,
                                                .query_size = 4,
                                                .key_size = 3,
                                                .own = OptionSet().set(&EnergyOptions::size, 3).set(&ConcatOptions::plain_source, true)});
  Problem grouped{wave({2, 4, 3, 4}), kConcatProblem.keys, kConcatProblem.values, kConcatProblem.mask}, full = grouped;
  full.keys = grouped.keys.repeat_interleave(2, 1), full.values = grouped.values.repeat_interleave(2, 1);
  expect_same(run(*mechanism, grouped), run(*mechanism, full), 1e-14);
}

}  // namespace
}  // namespace attend::testing
