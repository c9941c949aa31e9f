// The contract of every mechanism, part 4: padding, batches, steps, empty sizes, number formats, repetition and errors.
#include "attention/cases.h"

namespace attend::testing {
namespace {

class ContractCalls : public ::testing::TestWithParam<Case> {
 protected:
  const Case& c_ = GetParam();
};
INSTANTIATE_TEST_SUITE_P(Registry, ContractCalls, ::testing::ValuesIn(all_cases()), CaseName());

// A library's matrix product may choose another order for another shape.
constexpr double kEightUlp = 8 * 2.220446049250313e-16;

Result rows_of(const Result& r, std::int64_t batch, std::int64_t queries, std::int64_t keys) {
  const auto cut = [&](const at::Tensor& x) { return x.narrow(0, batch, 1).narrow(2, 0, queries); };
  return {.context = cut(r.context),
          .weights = cut(r.weights).narrow(3, 0, keys),
          .lse = r.lse.defined() ? cut(r.lse) : r.lse,
          .entropy = cut(r.entropy)};
}

// U10: every item of a padded batch is what it is alone; the padding holds NaN.
TEST_P(ContractCalls, PaddingAndBatchChangeNothing) {
  struct Shape {
    bool causal, given_queries;
    std::int64_t queries[2], keys[2];
  };
  const Shape shapes[] = {{false, false, {4, 4}, {6, 3}},  // cross attention, padded source
                          {false, true, {4, 2}, {3, 6}},   // both padded
                          {true, true, {4, 2}, {6, 3}},    // causal cross attention: the diagonal is the item's own
                          {true, true, {5, 2}, {3, 3}},    // causal with T > S
                          {true, false, {6, 4}, {6, 4}}};  // causal self attention by the key lengths alone
  for (const auto& shape : shapes) {
    if (shape.causal && c_.capabilities().not_causal) continue;
    const Sizes z{.queries = std::max(shape.queries[0], shape.queries[1]), .keys = std::max(shape.keys[0], shape.keys[1])};
    const auto mechanism = build(c_, z);
    auto batch = problem(c_, z);
    batch.mask.key_lengths = lengths({shape.keys[0], shape.keys[1]});
    if (shape.given_queries) batch.mask.query_lengths = lengths({shape.queries[0], shape.queries[1]});
    batch.mask.causal = shape.causal;
    auto padded = batch;
    for (auto* x : {&padded.query, &padded.keys, &padded.values}) *x = x->clone();
    for (int b = 0; b < 2; ++b) {
      const double nan = std::numeric_limits<double>::quiet_NaN();
      padded.query[b].narrow(1, shape.queries[b], z.queries - shape.queries[b]).fill_(nan);
      padded.keys[b].narrow(1, shape.keys[b], z.keys - shape.keys[b]).fill_(nan);
      padded.values[b].narrow(1, shape.keys[b], z.keys - shape.keys[b]).fill_(nan);
    }
    const auto all = run(*mechanism, padded);
    EXPECT_TRUE(all_finite(all.context));
    for (int b = 0; b < 2; ++b) {
      SCOPED_TRACE(fmt::format("item {}: T={}, S={}, causal={}", b, shape.queries[b], shape.keys[b], shape.causal));
      const Problem alone{batch.query.narrow(0, b, 1).narrow(2, 0, shape.queries[b]),
                          batch.keys.narrow(0, b, 1).narrow(2, 0, shape.keys[b]),
                          batch.values.narrow(0, b, 1).narrow(2, 0, shape.keys[b]),
                          {.causal = shape.causal}};
      expect_same(rows_of(all, b, shape.queries[b], shape.keys[b]), run(*mechanism, alone), kEightUlp * 4);
      EXPECT_TRUE(all_zero(all.weights[b].narrow(2, shape.keys[b], z.keys - shape.keys[b])));
    }
  }
}

TEST_P(ContractCalls, TheFutureChangesNoEarlierRow) {  // U13
  if (c_.capabilities().not_causal) GTEST_SKIP() << "takes no causal mask";
  for (const std::int64_t queries : {5, 3}) {
    const Sizes z{.queries = queries, .keys = 5};
    const auto mechanism = build(c_, z);
    auto p = problem(c_, z);
    p.mask.causal = true;
    const auto before = run(*mechanism, p);
    p.keys = p.keys.clone(), p.values = p.values.clone();
    p.keys.narrow(2, 3, 2).add_(5);
    p.values.narrow(2, 3, 2).add_(5);
    const auto after = run(*mechanism, p);
    const auto past = 3 - (z.keys - queries);  // rows that see at most keys 0 to 2
    EXPECT_TRUE(same(after.context.narrow(2, 0, past), before.context.narrow(2, 0, past)));
    EXPECT_FALSE(close(after.context.narrow(2, past, 1), before.context.narrow(2, past, 1), 1e-3));
  }
}

TEST_P(ContractCalls, ACausalMaskIsTakenOrRefused) {
  const Sizes z;
  auto p = problem(c_, z);
  p.mask.causal = true;
  if (c_.capabilities().not_causal)
    expect_error(ErrorKind::kUnsupported, {std::string(c_.entry->name) + ":", "causal"}, [&] { run(*build(c_, z), p); });
  else
    EXPECT_NO_THROW(run(*build(c_, z), p));
}

TEST_P(ContractCalls, StepsEqualOnePass) {  // U13: the memory grows by one key a step, as in a decoder's cache
  if (c_.capabilities().not_causal) GTEST_SKIP() << "takes no causal mask";
  const Sizes z{.queries = 5, .keys = 5};
  const auto mechanism = build(c_, z);
  auto p = problem(c_, z);
  p.mask.causal = true;
  const auto whole = run(*mechanism, p);
  Memory memory;
  std::unique_ptr<State> state;
  for (std::int64_t t = 0; t < z.queries; ++t) {
    SCOPED_TRACE(fmt::format("step {}", t));
    auto mask = p.mask;
    mask.first_key = t;
    const auto next = mechanism->prepare(p.keys.narrow(2, t, 1), p.values.narrow(2, t, 1), mask);
    memory.append(next, z.queries);
    if (t == 0) state = mechanism->start(memory, 1);
    const auto step = mechanism->attend(p.query.narrow(2, t, 1), memory, state.get(), Request::everything());
    const auto row = [&](const at::Tensor& x) { return x.narrow(2, t, 1); };
    const Result expected{.context = row(whole.context),
                          .weights = row(whole.weights).narrow(3, 0, t + 1),
                          .lse = whole.lse.defined() ? row(whole.lse) : whole.lse,
                          .entropy = row(whole.entropy)};
    expect_same(step, expected, 1e-13);
  }
}

TEST_P(ContractCalls, CopiesOfAMemoryGrowApart) {
  if (c_.capabilities().not_causal) GTEST_SKIP() << "takes no causal mask";
  at::NoGradGuard no_grad;
  const Sizes z{.queries = 4, .keys = 4};
  const auto mechanism = build(c_, z);
  auto p = problem(c_, z);
  const auto step = [&](std::int64_t t, double scale) {
    return mechanism->prepare(p.keys.narrow(2, t, 1) * scale, p.values.narrow(2, t, 1) * scale, {.causal = true, .first_key = t});
  };
  Memory one;
  for (std::int64_t t = 0; t < 3; ++t) one.append(step(t, 1), z.keys);
  Memory other = one;
  one.append(step(3, 1), z.keys);
  const auto keys = one.keys().clone(), values = one.values().clone();
  other.append(step(3, 2), z.keys);
  EXPECT_TRUE(same(one.keys(), keys));
  EXPECT_TRUE(same(one.values(), values));
  EXPECT_TRUE(same(other.values().narrow(2, 0, 3), values.narrow(2, 0, 3)));
  EXPECT_FALSE(same(other.values().narrow(2, 3, 1), values.narrow(2, 3, 1)));
}

TEST_P(ContractCalls, ChunksOfQueriesEqualOnePass) {  // bottom-right: the last two queries alone see what they saw among all five
  if (c_.capabilities().not_causal) GTEST_SKIP() << "takes no causal mask";
  if (c_.stateful()) GTEST_SKIP() << "the state of the earlier queries is needed";
  const Sizes z{.queries = 5, .keys = 7};
  const auto mechanism = build(c_, z);
  auto p = problem(c_, z);
  p.mask.causal = true;
  const auto whole = run(*mechanism, p);
  p.query = p.query.narrow(2, 3, 2);
  const auto tail = run(*mechanism, p);
  EXPECT_TRUE(close(tail.context, whole.context.narrow(2, 3, 2), 1e-13));
  EXPECT_TRUE(close(tail.weights, whole.weights.narrow(2, 3, 2), 1e-13));
}

TEST_P(ContractCalls, ExtremesStayFinite) {  // U14
  const Sizes z;
  const auto mechanism = build(c_, z);
  const auto finite = [&](const Problem& p) {
    auto q = p;
    q.query = leaf(p.query), q.keys = leaf(p.keys), q.values = leaf(p.values);
    const auto r = run(*mechanism, q);
    EXPECT_TRUE(all_finite(r.context) && all_finite(r.weights) && all_finite(r.entropy));
    EXPECT_TRUE(!r.lse.defined() || all_finite(r.lse));
    const auto sums = r.weights.sum(-1);
    EXPECT_TRUE(c_.capabilities().unnormalised ? sums.le(1 + 1e-5).all().item<bool>()
                                               : bool(close(sums, at::ones({2, 3, 3}, at::kDouble), 1e-5)));
    mixed_loss(r).backward();
    for (const auto& x : {q.query, q.keys, q.values}) EXPECT_TRUE(all_finite(gradient_of(x)));
  };
  auto p = problem(c_, z);
  auto large = p;
  large.query = p.query * 1e4;
  finite(large);
  auto biased = p;
  biased.mask.bias = wave({z.queries, z.keys}).sign() * 1e4;
  finite(biased);
  auto constant = p;
  constant.keys = at::full_like(p.keys, 1e4);
  finite(constant);
  auto nothing = p;
  nothing.query = at::zeros_like(p.query), nothing.keys = at::zeros_like(p.keys), nothing.values = at::zeros_like(p.values);
  finite(nothing);
  mechanism->to(at::kFloat);
  for (auto* x : {&large, &constant}) finite({x->query.to(at::kFloat), x->keys.to(at::kFloat), x->values.to(at::kFloat), x->mask});
}

Problem in(const Problem& p, at::ScalarType dtype) { return {p.query.to(dtype), p.keys.to(dtype), p.values.to(dtype), p.mask}; }

TEST_P(ContractCalls, Float32StaysNearFloat64) {
  const Sizes z{.queries = 7, .keys = 11, .query_size = 13, .key_size = 13};
  const auto mechanism = build(c_, z);
  auto p = problem(c_, z);
  p.mask = {.key_lengths = lengths({11, 4}), .causal = !c_.capabilities().not_causal};
  const auto exact = run(*mechanism, p);
  mechanism->to(at::kFloat);
  const auto r = run(*mechanism, in(p, at::kFloat));
  EXPECT_EQ(r.context.scalar_type(), at::kFloat);
  expect_same(r, exact, 2e-5);
}

// Parameters in bfloat16 or left in float32 (mixed precision): both must run.
TEST_P(ContractCalls, HalfPrecisionIsFiniteAndNear) {
  const Sizes z;
  const auto exact_mechanism = build(c_, z);
  auto p = problem(c_, z);
  p.mask = {.key_lengths = lengths({5, 0})};
  const auto exact = run(*exact_mechanism, p);
  for (const auto dtype : {at::kHalf, at::kBFloat16})
    for (const auto parameters : {at::kBFloat16, at::kFloat}) {
      SCOPED_TRACE(fmt::format("{}, parameters {}", c10::toString(dtype), c10::toString(parameters)));
      const auto mechanism = build(c_, z);
      mechanism->to(parameters);
      const auto r = run(*mechanism, in(p, dtype));
      EXPECT_EQ(r.context.scalar_type(), dtype);
      EXPECT_EQ(r.weights.scalar_type(), at::kFloat);
      const bool fine = dtype == at::kHalf && parameters == at::kFloat;
      EXPECT_TRUE(close(r.weights, exact.weights, fine ? 0.02 : 0.15));
      if (!c_.picks() && !c_.capabilities().stops) {  // a choice may change altogether
        EXPECT_TRUE(close(r.context, exact.context, fine ? 0.02 : 0.2));
      }
      auto huge = in(p, dtype);
      // A layer that adds a map of the query has no room in float16 for one of its largest numbers.
      if (!c_.capabilities().adds_query) huge.query = wave(p.query.sizes()).sign().mul(6e4).to(dtype);
      huge.keys = wave(p.keys.sizes()).sign().mul(6e4).to(dtype);
      const auto extreme = run(*mechanism, huge);
      EXPECT_TRUE(all_finite(extreme.context) && all_finite(extreme.weights) && all_finite(extreme.entropy));
    }
}

// A call turns no weights: what comes in another width than theirs is refused by name.
TEST_P(ContractCalls, AnotherWidthThanTheWeightsIsRefused) {
  const Sizes z;
  const auto mechanism = build(c_, z);
  if (mechanism->parameters().empty()) GTEST_SKIP() << "has no weights";
  const auto p = problem(c_, z);  // float64, as the weights are
  mechanism->to(at::kFloat);
  expect_error(ErrorKind::kValue, {"keys are Double", "weights Float", "to()"}, [&] { run(*mechanism, p); });
  mechanism->to(at::kDouble);
  auto narrow = p;
  narrow.query = p.query.to(at::kFloat);
  expect_error(ErrorKind::kValue, {"queries are Float", "weights Double"}, [&] { run(*mechanism, narrow); });
}

TEST_P(ContractCalls, EmptySizesGiveEmptyResults) {
  const std::array<std::int64_t, 3> empty[] = {{0, 3, 5}, {2, 0, 5}, {2, 3, 0}, {0, 0, 0}};
  for (const auto& [batch, queries, keys] : empty)
    for (const bool masked : {false, true}) {
      SCOPED_TRACE(fmt::format("B={} T={} S={} masked={}", batch, queries, keys, masked));
      const Sizes z{.batch = batch, .queries = queries, .keys = keys};
      const auto mechanism = build(c_, z);
      auto p = problem(c_, z);
      p.query = leaf(p.query), p.keys = leaf(p.keys), p.values = leaf(p.values);
      if (masked)
        p.mask = {.keep = at::ones({batch, 1, queries, keys}, at::kBool),
                  .bias = at::zeros({batch, 1, 1, keys}, at::kDouble),
                  .key_lengths = at::full({batch}, keys, at::kLong),
                  .query_lengths = at::full({batch}, queries, at::kLong),
                  .causal = !c_.capabilities().not_causal};
      const auto r = run(*mechanism, p);
      EXPECT_EQ(r.context.sizes(), at::IntArrayRef({batch, p.query.size(1), queries, mechanism->context_size(z.value_size)}));
      EXPECT_EQ(r.weights.sizes(), at::IntArrayRef({batch, z.heads, queries, keys}));
      if (c_.is_softmax()) {
        EXPECT_TRUE(same(r.lse, at::full({batch, z.heads, queries}, -std::numeric_limits<double>::infinity(), at::kDouble)));
      }
      EXPECT_TRUE(same(r.entropy, at::zeros({batch, z.heads, queries}, at::kDouble)));
      const bool adds_query = c_.capabilities().adds_query;  // what a layer adds after the context stays
      if (!parameter(*mechanism, "output_bias").defined() && !adds_query) {
        EXPECT_TRUE(all_zero(r.context));
      }
      mixed_loss(r).backward();
      EXPECT_TRUE(adds_query || all_zero(gradient_of(p.query)));
      EXPECT_TRUE(all_zero(gradient_of(p.keys)) && all_zero(gradient_of(p.values)));
    }
}

TEST_P(ContractCalls, TwoCallsGiveTheSameBits) {
  const Sizes z{.queries = 7, .keys = 13};
  const auto mechanism = build(c_, z);
  auto p = problem(c_, z);
  p.mask.causal = !c_.capabilities().not_causal;
  expect_same(run(*mechanism, p), run(*mechanism, p));
}

TEST_P(ContractCalls, ParametersByNameMakeTheSameMechanism) {
  const Sizes z;
  const auto a = build(c_, z), b = build(c_, z);
  for (const auto& item : b->named_parameters()) item.value().set_data(wave(item.value().sizes(), 5.5));
  const auto p = problem(c_, z);
  const auto saved = a->named_parameters();
  if (!saved.is_empty()) {
    const auto x = run(*a, p), y = run(*b, p);
    EXPECT_FALSE(close(x.scores, y.scores, 1e-6) && close(x.context, y.context, 1e-6));
  }
  for (auto& item : b->named_parameters()) {
    ASSERT_TRUE(saved.contains(item.key()));
    item.value().set_data(saved[item.key()].detach().clone());
  }
  EXPECT_EQ(b->named_parameters().size(), saved.size());
  expect_same(run(*b, p), run(*a, p));
}

TEST_P(ContractCalls, DropoutFollowsTheReturnedWeights) {
  if (c_.capabilities().stops) GTEST_SKIP() << "its weights themselves are drawn in training";
  const Sizes z{.queries = 7, .keys = 11};
  auto dropping = c_;
  dropping.options.of<WeightDropoutOptions>().dropout = 0.5;
  const auto mechanism = build(dropping, z);
  auto p = problem(c_, z);
  p.values = at::ones_like(p.values);
  p.mask.causal = !c_.capabilities().not_causal;
  const auto plain = run(*build(c_, z), p);
  expect_same(run(*mechanism, p), plain);  // off in evaluation
  mechanism->train();
  at::manual_seed(1);
  const auto r = run(*mechanism, p);
  EXPECT_TRUE(same(r.weights, plain.weights)) << "the weights returned are those before dropout";
  EXPECT_FALSE(close(r.context, plain.context, 1e-3)) << "dropout had no effect";
}

TEST_P(ContractCalls, DropoutScalesWhatItKeeps) {  // a weight of 1 becomes 0 or 1/(1 − p) = 2
  if (c_.capabilities().stops) GTEST_SKIP() << "its weights themselves are drawn in training";
  if (c_.projected()) GTEST_SKIP() << "the context is mapped or added to";
  auto dropping = c_;
  dropping.options.of<WeightDropoutOptions>().dropout = 0.5;
  at::manual_seed(1);
  const Sizes one_key{.queries = 31, .keys = 1};
  const auto q = problem(c_, one_key);
  const auto one = build(dropping, one_key);
  one->train();
  const auto of_one = run(*one, q);
  const auto ratio = of_one.context / (of_one.weights * q.values);  // the weight itself is 1 where Σ w = 1
  EXPECT_TRUE(close(ratio * (ratio - 2), at::zeros_like(ratio), 1e-13));
  EXPECT_GT(ratio.lt(1).sum().item<std::int64_t>(), 0);
  EXPECT_GT(ratio.gt(1).sum().item<std::int64_t>(), 0);
}

TEST_P(ContractCalls, WrongSizesAreNamed) {
  const Sizes z;
  const auto mechanism = build(c_, z);
  const auto p = problem(c_, z);
  const std::string who = std::string(c_.entry->name);
  const auto wrong = [&](const Problem& q, const std::vector<std::string>& fragments) {
    expect_error(ErrorKind::kShape, fragments, [&] { run(*mechanism, q); });
  };
  wrong({p.query, p.keys.select(1, 0), p.values, {}}, {who, "keys"});
  wrong({p.query, wave({2, p.keys.size(1), 5, 8}), p.values, {}}, {who, "keys", "3", "8"});
  wrong({p.query, p.keys, p.values.narrow(2, 0, 4), {}}, {who, "[2, ", "S"});
  wrong({wave({2, p.query.size(1), 3, 9}), p.keys, p.values, {}}, {who, "query", "9"});
  wrong({p.query.narrow(0, 0, 1), p.keys, p.values, {}}, {who, "query"});
  wrong({wave({2, 5, 3, p.query.size(3)}), p.keys, p.values, {}}, {who, "query"});
  wrong({p.query, wave({2, 2, 5, p.keys.size(3)}), wave({2, 2, 5, 2}), {}}, {who, "head"});
}

TEST_P(ContractCalls, WhatIsDeclaredUnsupportedThrows) {
  MechanismOptions o = c_.options;
  o.heads = 2, o.query_size = 4, o.key_size = 3;
  if (c_.equal_sizes())
    expect_error(ErrorKind::kShape,
                 {std::string(c_.entry->capabilities.wraps ? c_.options.of<InnerScoreOptions>().score : c_.entry->name) + ":", "same size",
                  "Dq=4", "D=3", "use general"},
                 [&] { c_.entry->make(o); });
  else
    EXPECT_NO_THROW(c_.entry->make(o));
  o.heads = 0;
  o.query_size = o.key_size = 4;
  expect_error(ErrorKind::kValue, {std::string(c_.entry->name) + ":", "heads", "0"}, [&] { c_.entry->make(o); });
  o.heads = 1;
  o.key_size = -1;
  o.query_size = c_.equal_sizes() ? -1 : 4;
  expect_error(ErrorKind::kValue, {std::string(c_.entry->name) + ":", "key size", "-1"}, [&] { c_.entry->make(o); });
}

TEST(Registry, NamesAreFoundAndWrongOnesHelped) {
  EXPECT_EQ(mechanism_names().size(), mechanisms().size());
  for (const auto& name : mechanism_names()) {
    const auto& entry = find_mechanism(name);
    EXPECT_EQ(entry.name, name);
    for (const auto text :
         {entry.sentence, entry.formula, entry.paper, entry.parameters, entry.cost, entry.range, entry.score, entry.source})
      EXPECT_FALSE(text.empty()) << name;
    EXPECT_TRUE(entry.make || !entry.used_by.empty()) << name;
  }
  expect_error(ErrorKind::kUnknownName, {"attention", "scaled_dott", "scaled_dot", "additive"}, [] { find_mechanism("scaled_dott"); });
}

}  // namespace
}  // namespace attend::testing
