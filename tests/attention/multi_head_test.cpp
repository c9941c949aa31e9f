#include "attend/attention/multi_head.h"
#include "attend/attention/additive.h"
#include "attend/attention/score.h"

#include <torch/nn/modules/activation.h>

#include "attention/single_head.h"

namespace attend::testing {
namespace {

const MechanismOptions kMultiHeadOptions{.heads = 2, .query_size = 6, .key_size = 6, .bias = true};
const Problem kMultiHeadProblem{wave({2, 1, 3, 6}), wave({2, 1, 5, 6}, 0.5), wave({2, 1, 5, 6}, 0.9), {}};
const std::vector<std::string> kWeights = {"query_weight", "key_weight", "value_weight", "output_weight"};
const std::vector<std::string> kBiases = {"query_bias", "key_bias", "value_bias", "output_bias"};

MechanismOptions without_bias(std::int64_t heads = 2) {
  auto o = kMultiHeadOptions;
  o.bias = false;
  o.heads = heads;
  return o;
}

TEST(MultiHead, ParametersKeepTheirNamesAndShapes) {
  MechanismOptions o{.heads = 2, .query_size = 4, .key_size = 3, .value_size = 5, .output_size = 6, .bias = true};
  const auto mechanism = make_filled("multi_head", o);
  auto names = kWeights;
  names.insert(names.end(), kBiases.begin(), kBiases.end());
  EXPECT_EQ(parameter_names(*mechanism), names);
  const auto w = mechanism->named_parameters();
  EXPECT_EQ(w["query_weight"].sizes(), at::IntArrayRef({6, 4}));
  EXPECT_EQ(w["key_weight"].sizes(), at::IntArrayRef({6, 3}));
  EXPECT_EQ(w["value_weight"].sizes(), at::IntArrayRef({6, 5}));
  EXPECT_EQ(w["output_weight"].sizes(), at::IntArrayRef({6, 6}));
  o.of<InnerScoreOptions>().score = "additive", o.bias = false;
  names = kWeights;
  for (const char* name : {"query_weight", "key_weight", "energy"}) names.push_back(std::string("inner.score.") + name);
  EXPECT_EQ(parameter_names(*make_filled("multi_head", o)), names);
}

TEST(MultiHead, OneIdentityHeadIsScaledDot) {
  const auto mechanism = make_filled("multi_head", without_bias(1));
  for (const auto& name : kWeights) set_parameter(*mechanism, name, at::eye(6));
  const auto scaled_dot = make_filled("scaled_dot", {.query_size = 6, .key_size = 6});
  auto p = kMultiHeadProblem;
  p.mask = {.key_lengths = lengths({5, 2})};
  expect_same(run(*mechanism, p), run(*scaled_dot, p), 1e-13);
}

TEST(MultiHead, HeadsAreSingleHeadsOnSlices) {
  for (const char* inner : {"scaled_dot", "dot", "cosine"}) {  // scores whose parameters are equal in every head, or none
    auto o = without_bias(3);
    o.of<InnerScoreOptions>().score = inner;
    const auto mechanism = make_filled("multi_head", o);
    auto p = kMultiHeadProblem;
    p.mask = {.causal = true};
    if (std::string(inner) == "cosine") set_parameter(*mechanism, "inner.score.log_gain", at::full({3}, 0.5));
    const auto whole = run(*mechanism, p);
    const auto w = mechanism->named_parameters();
    const auto single = make_filled(inner, {.query_size = 2, .key_size = 2});
    if (std::string(inner) == "cosine") set_parameter(*single, "score.log_gain", at::full({1}, 0.5));
    std::vector<at::Tensor> contexts;
    for (std::int64_t h = 0; h < 3; ++h) {
      const auto slice = [&](const at::Tensor& x, const char* name) { return at::matmul(x, w[name].narrow(0, 2 * h, 2).t()); };
      const auto r = run(*single, {slice(p.query, "query_weight"), slice(p.keys, "key_weight"), slice(p.values, "value_weight"), p.mask});
      EXPECT_TRUE(close(whole.weights.narrow(1, h, 1), r.weights, 1e-13)) << inner << ", head " << h;
      contexts.push_back(r.context);
    }
    EXPECT_TRUE(close(whole.context, at::matmul(at::cat(contexts, -1), w["output_weight"].t()), 1e-12)) << inner;
  }
}

TEST(MultiHead, PermutingHeadsWithTheColumnsOfTheOutputChangesNothing) {
  auto o = kMultiHeadOptions;
  o.heads = 3;
  const auto mechanism = make_filled("multi_head", o);
  const auto before = run(*mechanism, kMultiHeadProblem);
  const auto units = at::tensor({4, 5, 0, 1, 2, 3}, at::kLong);  // heads 2, 0, 1
  const auto w = mechanism->named_parameters();
  for (const char* name : {"query_weight", "key_weight", "value_weight", "query_bias", "key_bias", "value_bias"})
    set_parameter(*mechanism, name, w[name].index_select(0, units));
  set_parameter(*mechanism, "output_weight", w["output_weight"].index_select(1, units));
  const auto after = run(*mechanism, kMultiHeadProblem);
  EXPECT_TRUE(close(after.context, before.context, 1e-13));
  EXPECT_TRUE(close(after.weights, before.weights.index_select(1, at::tensor({2, 0, 1}, at::kLong)), 1e-14));
}

// Both masks of the library's module mean the opposite of keep: true = ignore. The C++ form adds its attn_mask to the scores even when
// it is bool, so that one is given as 0 and −inf.
TEST(MultiHead, EqualsTheLibrarysModuleWithInvertedMasks) {
  const auto mechanism = make_filled("multi_head", kMultiHeadOptions);
  torch::nn::MultiheadAttention reference(torch::nn::MultiheadAttentionOptions(6, 2));
  reference->to(at::kDouble);
  const auto w = mechanism->named_parameters();
  reference->in_proj_weight.set_data(at::cat({w["query_weight"], w["key_weight"], w["value_weight"]}).detach());
  reference->in_proj_bias.set_data(at::cat({w["query_bias"], w["key_bias"], w["value_bias"]}).detach());
  reference->out_proj->weight.set_data(w["output_weight"].detach());
  reference->out_proj->bias.set_data(w["output_bias"].detach());
  const auto keep = bools({1, 1, 3, 5}, [](auto, auto, auto t, auto s) { return s <= t + 2; });
  const auto present = bools({2, 1, 1, 5}, [](auto b, auto, auto, auto s) { return s != b + 2; });
  auto p = kMultiHeadProblem;
  p.query = leaf(p.query), p.keys = leaf(p.keys), p.values = leaf(p.values);
  p.mask = {.keep = keep.logical_and(present)};
  const auto r = run(*mechanism, p);
  const auto sequence_first = [](const at::Tensor& x) { return x.squeeze(1).transpose(0, 1); };
  const auto hidden = at::zeros({3, 5}, at::kDouble).masked_fill(keep.view({3, 5}).logical_not(), -std::numeric_limits<double>::infinity());
  const auto [output, weights] = reference->forward(sequence_first(p.query), sequence_first(p.keys), sequence_first(p.values),
                                                    present.view({2, 5}).logical_not(), true, hidden, false);
  EXPECT_TRUE(close(sequence_first(r.context), output, 1e-6));
  EXPECT_TRUE(close(r.weights, weights, 1e-6));
  r.context.square().sum().backward();
  const auto ours = std::vector{p.query.grad().clone(), p.keys.grad().clone(), p.values.grad().clone()};
  for (auto* x : {&p.query, &p.keys, &p.values}) x->mutable_grad() = at::Tensor();
  output.square().sum().backward();
  EXPECT_TRUE(close(ours[0], p.query.grad(), 1e-6) && close(ours[1], p.keys.grad(), 1e-6) && close(ours[2], p.values.grad(), 1e-6));
  EXPECT_TRUE(
      close(at::cat({w["query_weight"].grad(), w["key_weight"].grad(), w["value_weight"].grad()}), reference->in_proj_weight.grad(), 1e-6));
  EXPECT_TRUE(close(w["output_weight"].grad(), reference->out_proj->weight.grad(), 1e-6));
}

TEST(MultiHead, ScalesByTheSizeOfAHead) {  // √D, not √N
  const auto mechanism = make_filled("multi_head", without_bias(3));
  const auto w = mechanism->named_parameters();
  const auto heads = [&](const at::Tensor& x, const char* name) { return at::matmul(x, w[name].t()).view({2, -1, 3, 2}).transpose(1, 2); };
  const auto e =
      at::matmul(heads(kMultiHeadProblem.query, "query_weight"), heads(kMultiHeadProblem.keys, "key_weight").mT()) / std::sqrt(2.0);
  EXPECT_TRUE(close(energies(run(*mechanism, kMultiHeadProblem)), e, 1e-12));
}

TEST(MultiHead, EmptyItemGivesTheOutputBiasAlone) {
  const auto mechanism = make_filled("multi_head", kMultiHeadOptions);
  auto p = kMultiHeadProblem;
  p.mask = {.key_lengths = lengths({0, 5})};
  const auto r = run(*mechanism, p);
  EXPECT_TRUE(same(r.context[0], mechanism->named_parameters()["output_bias"].expand({1, 3, 6})));
  r.context[0].sum().backward();
  for (const auto& item : mechanism->named_parameters())
    EXPECT_TRUE(item.key() == "output_bias" ? same(item.value().grad(), at::full({6}, 3.0, at::kDouble)) : all_zero(item.value().grad()))
        << item.key();
}

TEST(MultiHead, MasksMayDifferByHead) {
  const auto mechanism = make_filled("multi_head", kMultiHeadOptions);
  auto p = kMultiHeadProblem;
  p.mask = {.keep = bools({1, 2, 1, 5}, [](auto, auto h, auto, auto s) { return (s < 2) == (h == 0); })};
  const auto r = run(*mechanism, p);
  EXPECT_TRUE(all_zero(r.weights.select(1, 0).narrow(2, 2, 3)));
  EXPECT_TRUE(all_zero(r.weights.select(1, 1).narrow(2, 0, 2)));
}

TEST(MultiHead, MistakesAreNamed) {
  const auto make = [](MechanismOptions o) { return [o] { make_mechanism("multi_head", o); }; };
  expect_error(ErrorKind::kValue, {"multi_head", "6", "multiple of the 4 heads"}, make(without_bias(4)));
  auto nested = kMultiHeadOptions;
  nested.of<InnerScoreOptions>().score = "multi_head";
  expect_error(ErrorKind::kValue, {"multi_head: multi_head cannot run inside a head", "local_m"}, make(nested));
  nested.of<InnerScoreOptions>().score = "skaled_dot";
  expect_error(ErrorKind::kUnknownName, {"scaled_dot"}, make(nested));
}

// A head with a score of its own is a head of an attention that has it in all heads.
TEST(MultiHeadScores, AHeadIsThatOfItsOwnScore) {
  const std::vector<std::string> names{"scaled_dot", "additive", "cosine"};
  MechanismOptions o{.heads = 3, .query_size = 6, .key_size = 5, .output_size = 6, .own = OptionSet().set(&EnergyOptions::size, 4)};
  o.of<MultiHeadOptions>().head_scores = names;
  const auto mixed = make_mechanism("multi_head", o);
  fill_parameters(*mixed);
  o.of<MultiHeadOptions>().head_scores.clear();
  const auto keys = wave({2, 1, 4, 5}, 0.4), query = wave({2, 1, 3, 6}, 1.1);
  const Mask mask{.key_lengths = at::tensor({4, 2}, at::kLong)};
  const auto of = [&](const Mechanism& m) { return m.attend(query, m.prepare(keys, keys, mask), nullptr, {.weights = true}).weights; };
  const auto weights = of(*mixed);
  auto own = mixed->named_parameters();
  for (std::size_t h = 0; h < names.size(); ++h) {
    o.of<InnerScoreOptions>().score = names[h];
    const auto plain = make_mechanism("multi_head", o);
    fill_parameters(*plain);
    for (auto& p : plain->named_parameters()) {
      const auto inner = std::string("inner.score.");
      if (!p.key().starts_with(inner)) {
        p.value().set_data(own[p.key()].detach().clone());
      } else {  // every head of the plain one as that head
        const auto& from = own[fmt::format("inner.score.head_{}.{}", h, p.key().substr(inner.size()))];
        p.value().set_data(from.detach().expand_as(p.value()).clone());
      }
    }
    const auto head = static_cast<std::int64_t>(h);
    EXPECT_TRUE(close(weights.select(1, head), of(*plain).select(1, head), 1e-12)) << names[h];
  }
  o.of<MultiHeadOptions>().head_scores = {"dot"};
  EXPECT_ERROR(make_mechanism("multi_head", o), kValue, "1 scores for 3 heads");
  o.of<MultiHeadOptions>().head_scores = {"dot", "local_m", "dot"};
  EXPECT_ERROR(make_mechanism("multi_head", o), kValue, "local_m, which is more than a score");
}

}  // namespace
}  // namespace attend::testing
