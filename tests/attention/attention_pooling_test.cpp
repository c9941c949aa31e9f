#include "attend/attention/attention_pooling.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

const MechanismOptions kPoolingOptions{
    .heads = 2, .query_size = 1, .key_size = 3, .own = OptionSet().set(&EnergyOptions::size, 5).set(&PoolingOptions::rows, 4)};
const Problem kPoolingProblem{
    at::zeros({2, 2, 4, 1}, at::kDouble), wave({2, 2, 7, 3}, 0.5), wave({2, 2, 7, 2}, 0.9), {.key_lengths = lengths({7, 4})}};

TEST(AttentionPooling, ParametersKeepTheirNamesAndShapes) {
  const auto mechanism = make_filled("attention_pooling", kPoolingOptions);
  EXPECT_EQ(parameter_names(*mechanism), std::vector<std::string>({"score.key_weight", "score.bias", "score.queries"}));
  const auto w = mechanism->named_parameters();
  EXPECT_EQ(w["score.key_weight"].sizes(), at::IntArrayRef({2, 5, 3}));
  EXPECT_EQ(w["score.bias"].sizes(), at::IntArrayRef({2, 5}));
  EXPECT_EQ(w["score.queries"].sizes(), at::IntArrayRef({2, 4, 5}));
}

TEST(AttentionPooling, EqualsItsFormula) {
  const auto mechanism = make_filled("attention_pooling", kPoolingOptions);
  auto p = kPoolingProblem;
  p.mask = {};
  const auto w = mechanism->named_parameters();
  const auto hidden = (at::einsum("bhsd,hed->bhse", {p.keys, w["score.key_weight"]}) + w["score.bias"].view({1, 2, 1, 5})).tanh();
  const auto a = at::softmax(at::einsum("bhse,hre->bhrs", {hidden, w["score.queries"]}), -1);
  const auto r = run(*mechanism, p);
  EXPECT_TRUE(close(r.weights, a, 1e-14));
  EXPECT_TRUE(close(r.context, at::matmul(a, p.values), 1e-14));
}

TEST(AttentionPooling, ReadsABag) {
  const auto mechanism = make_filled("attention_pooling", kPoolingOptions);
  auto p = kPoolingProblem;
  p.mask = {};
  const auto before = run(*mechanism, p);
  const auto order = at::tensor({4, 0, 6, 2, 1, 5, 3}, at::kLong);
  p.keys = p.keys.index_select(2, order), p.values = p.values.index_select(2, order);
  EXPECT_TRUE(close(run(*mechanism, p).context, before.context, 1e-14));
}

TEST(AttentionPooling, ZeroQueriesGiveTheMeanOfWhatIsThere) {
  const auto mechanism = make_filled("attention_pooling", kPoolingOptions);
  set_parameter(*mechanism, "score.queries", at::zeros({2, 4, 5}));
  const auto r = run(*mechanism, kPoolingProblem);
  for (const std::int64_t b : {0, 1}) {
    const auto mean = kPoolingProblem.values[b].narrow(1, 0, b == 0 ? 7 : 4).mean(1, /*keepdim=*/true);  // [H, 1, Dv]
    EXPECT_TRUE(close(r.context[b], mean.expand({2, 4, 2}), 1e-15));
  }
}

TEST(AttentionPooling, RowsAreItsOwnQueriesAndTheCallersAreNotRead) {
  const auto mechanism = make_filled("attention_pooling", kPoolingOptions);
  auto p = kPoolingProblem;
  const auto whole = run(*mechanism, p);
  p.query = at::full({2, 2, 2, 1}, std::numeric_limits<double>::quiet_NaN(), at::kDouble).requires_grad_(true);
  const auto r = run(*mechanism, p);
  EXPECT_TRUE(close(r.weights, whole.weights.narrow(2, 0, 2), 1e-15));
  EXPECT_FALSE(close(whole.weights.select(2, 0), whole.weights.select(2, 1), 1e-3)) << "every row has a query of its own";
  r.context.sum().backward();
  EXPECT_TRUE(all_zero(gradient_of(p.query)));
  EXPECT_TRUE(all_zero(mechanism->named_parameters()["score.queries"].grad().narrow(1, 2, 2))) << "rows that were not asked for";
}

TEST(AttentionPooling, MistakesAreNamed) {
  const auto mechanism = make_filled("attention_pooling", kPoolingOptions);
  auto p = kPoolingProblem;
  p.query = at::zeros({2, 2, 5, 1}, at::kDouble);
  expect_error(ErrorKind::kShape, {"attention_pooling", "5 rows", "4 learned", "pooling_rows"}, [&] { run(*mechanism, p); });
  p = kPoolingProblem;
  p.mask.causal = true;
  expect_error(ErrorKind::kUnsupported, {"attention_pooling", "causal"}, [&] { run(*mechanism, p); });
}

}  // namespace
}  // namespace attend::testing
