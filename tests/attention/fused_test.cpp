// The fused implementation against the plain composition, which is its oracle: every mask, every score that is a product.
#include "attend/attention/gumbel.h"
#include "attend/ops/draws.h"
#include "attention/cases.h"

namespace attend::testing {
namespace {

std::vector<Case> fused_cases() {
  std::vector<Case> cases;
  for (const auto* name : {"scaled_dot", "dot", "general", "cosine", "additive", "additive_relu", "concat", "soft_psi"})
    cases.push_back({name, &find_mechanism(name), {}});
  for (const auto* scheme : {"rotary", "alibi", "relative_bias"}) {
    cases.push_back({std::string("scaled_dot_") + scheme, &find_mechanism("scaled_dot"), {}});
    cases.back().options.position = scheme;
  }
  cases.push_back({"scaled_dot_tempered", &find_mechanism("scaled_dot"), {}});
  cases.back().options.of<WeightOptions>().temperature = 0.5;
  for (const auto* name : {"scaled_dot", "dot", "general"}) {
    cases.push_back({std::string(name) + "_capped", &find_mechanism(name), {}});
    cases.back().options.of<SoftCapOptions>().cap = 0.7;
    cases.back().options.of<WeightOptions>().temperature = name == std::string("dot") ? 0.5 : 1;
  }
  for (const auto* name : {"local_m", "local_p"})
    for (const auto* score : {"scaled_dot", "additive"})
      for (const auto* kind : {"", "_renormalised", "_scaled", "_tempered"}) {
        if (std::string(kind) == "_renormalised" && std::string(name) == "local_m") continue;
        if (std::string(kind) == "_scaled" && std::string(name) == "local_p") continue;
        Case c{std::string(name) + "_" + score + kind, &find_mechanism(name), {}};
        c.options.of<InnerScoreOptions>().score = score;
        c.options.of<LocalOptions>().window = 2;
        c.options.of<LocalPOptions>().renormalise = std::string(kind) == "_renormalised";
        if (std::string(kind) == "_scaled") c.options.of<CentreOptions>().centre = "scaled";
        if (std::string(kind) == "_tempered") c.options.of<WeightOptions>().temperature = 0.5;
        cases.push_back(c);
      }
  return cases;
}

class Fused : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Scores, Fused, ::testing::ValuesIn(fused_cases()), CaseName());

Problem in_float(Problem p) {
  for (auto* x : {&p.query, &p.keys, &p.values}) *x = leaf(x->to(at::kFloat));
  if (p.mask.bias.defined()) p.mask.bias = p.mask.bias.to(at::kFloat);
  return p;
}

TEST_P(Fused, AgreesWithThePlainComposition) {
  const auto& c = GetParam();
  for (const auto& z :
       {Sizes{.heads = 4, .key_heads = 4, .queries = 5, .keys = 5}, Sizes{.heads = 4, .key_heads = 2, .queries = 7, .keys = 4},
        Sizes{.heads = 2, .key_heads = 1, .queries = 26, .keys = 33}}) {
    const auto mechanism = std::dynamic_pointer_cast<ScoredAttention>(build(c, z));
    mechanism->to(at::kFloat);
    for (const auto& [name, mask] : all_masks(c, z)) {
      if (c.options.of<WeightOptions>().temperature != 1 && mask.bias.defined()) continue;
      if (mask.causal && c.options.of<CentreOptions>().centre == "scaled") continue;
      SCOPED_TRACE(fmt::format("{} T={} S={}", name, z.queries, z.keys));
      auto base = problem(c, z);
      base.mask = mask;
      const auto ours = in_float(base), oracle = in_float(base);
      const Request request{.lse = true, .entropy = true, .maximum = true, .column_sums = true};
      const auto memory = mechanism->prepare(ours.keys, ours.values, ours.mask),
                 again = mechanism->prepare(oracle.keys, oracle.values, oracle.mask);
      const auto fused = mechanism->attend(ours.query, memory, nullptr, request);
      ASSERT_EQ(fused.by, "fused");
      const auto plain = mechanism->attend_plainly(oracle.query, again, nullptr, request);
      EXPECT_TRUE(close(fused.context, plain.context, 3e-6));
      EXPECT_TRUE(close(fused.lse, plain.lse, 1e-5));
      EXPECT_TRUE(close(fused.entropy, plain.entropy, 1e-5));
      mixed_loss(fused).backward();
      const auto weight = mechanism->parameters().size() > 0 ? gradient_of(mechanism->parameters()[0]).clone() : at::Tensor();
      for (auto& x : mechanism->parameters()) x.mutable_grad() = at::Tensor();
      mixed_loss(plain).backward();
      EXPECT_TRUE(close(ours.query.grad(), gradient_of(oracle.query), 2e-5));
      EXPECT_TRUE(close(ours.keys.grad(), gradient_of(oracle.keys), 2e-5));
      EXPECT_TRUE(close(ours.values.grad(), gradient_of(oracle.values), 2e-5));
      if (weight.defined()) {
        EXPECT_TRUE(close(weight, gradient_of(mechanism->parameters()[0]), 5e-5));
      }
      for (auto& x : mechanism->parameters()) x.mutable_grad() = at::Tensor();

      const at::NoGradGuard no_grad;
      Request sums{.weights = true, .maximum = true, .column_sums = true, .top = 6, .pool_rows = 3, .pool_keys = 2};
      sums.rows = at::tensor({0, 4}, at::kLong);
      const auto seen = mechanism->attend(ours.query, memory, nullptr, sums),
                 told = mechanism->attend_plainly(ours.query, memory, nullptr, sums);
      ASSERT_EQ(seen.by, "fused");
      EXPECT_TRUE(close(seen.maximum, told.maximum, 2e-6));
      EXPECT_TRUE(close(seen.column_sums, told.column_sums, 1e-5));
      EXPECT_TRUE(same(seen.argmax, told.argmax));
      EXPECT_TRUE(close(seen.weights, told.weights, 2e-6));
      EXPECT_TRUE(close(seen.top_weights, told.top_weights, 2e-6));
      EXPECT_TRUE(same(seen.top_keys.lt(0), told.top_keys.lt(0)));
      const auto named = told.weights.gather(3, seen.top_keys.clamp_min(0)).masked_fill(seen.top_keys.lt(0), 0.0);  // [B, H, T, K]
      EXPECT_TRUE(close(named, told.top_weights, 2e-6));  // keys of nearly equal weights may change places
      EXPECT_TRUE(close(seen.pooled_mean, told.pooled_mean, 2e-6));
      EXPECT_TRUE(close(seen.pooled_max, told.pooled_max, 2e-6));
      EXPECT_TRUE(close(seen.rows, told.rows, 2e-6));
    }
  }
}

// Mechanisms that choose a key: the fused kernel draws what the plain composition draws.
struct Choice {
  std::string name, score, mode;  // mode: train, argmax, sample or soft
};
void PrintTo(const Choice& c, std::ostream* out) { *out << c.name << "_" << c.score << "_" << c.mode; }
class FusedChoice : public ::testing::TestWithParam<Choice> {};
std::vector<Choice> choices() {
  std::vector<Choice> all;
  for (const auto* name : {"hard", "hard_st", "gumbel", "gumbel_st"})
    for (const auto* score : {"scaled_dot", "additive"})
      for (const auto* mode : {"train", "argmax", "sample", "soft"}) all.push_back({name, score, mode});
  return all;
}
INSTANTIATE_TEST_SUITE_P(Mechanisms, FusedChoice, ::testing::ValuesIn(choices()), ::testing::PrintToStringParamName());

TEST_P(FusedChoice, DrawsWhatThePlainCompositionDraws) {
  const auto& [name, score, mode] = GetParam();
  const Sizes z{.heads = 4, .key_heads = 2, .queries = 26, .keys = 33};
  Case c{name, &find_mechanism(name), {}};
  c.options.of<InnerScoreOptions>().score = score;
  c.options.of<GumbelOptions>().temperature = 0.6;
  if (mode != "train") c.options.of<HardOptions>().test = mode;
  const auto mechanism = std::dynamic_pointer_cast<ScoredAttention>(build(c, z));
  mechanism->to(at::kFloat);
  if (mode == "train") mechanism->train();
  for (const auto& [what, mask] : all_masks(c, z)) {
    SCOPED_TRACE(what);
    auto base = problem(c, z);
    base.mask = mask;
    const auto ours = in_float(base), oracle = in_float(base);
    const Request request{.lse = true, .entropy = true, .maximum = true, .column_sums = true};
    const auto attended = [&](const Problem& p, bool plainly) {
      const Draws draws(3, 1, {5, 6});
      const auto memory = mechanism->prepare(p.keys, p.values, p.mask);
      const auto state = mechanism->start(memory, z.queries);
      return plainly ? mechanism->attend_plainly(p.query, memory, state.get(), request)
                     : mechanism->attend(p.query, memory, state.get(), request);
    };
    const auto fused = attended(ours, false), plain = attended(oracle, true);
    ASSERT_EQ(fused.by, "fused");
    EXPECT_TRUE(same(fused.extras.at("choice").value, plain.extras.at("choice").value));
    EXPECT_TRUE(close(fused.extras.at("log_prob").value, plain.extras.at("log_prob").value, 1e-5));
    EXPECT_EQ(fused.extras.contains("was_soft"), plain.extras.contains("was_soft"));
    EXPECT_TRUE(close(fused.context, plain.context, 3e-6));
    EXPECT_TRUE(close(fused.lse, plain.lse, 1e-5));
    EXPECT_TRUE(close(fused.entropy, plain.entropy, 1e-5));
    EXPECT_TRUE(close(fused.column_sums, plain.column_sums, 1e-5));
    const auto loss = [&](const Result& r) {
      const auto& log_prob = r.extras.at("log_prob").value;
      return mixed_loss(r) + (log_prob * wave(log_prob.sizes(), 0.7)).sum();
    };
    loss(fused).backward();
    const auto weight = mechanism->parameters().size() > 0 ? gradient_of(mechanism->parameters()[0]).clone() : at::Tensor();
    for (auto& x : mechanism->parameters()) x.mutable_grad() = at::Tensor();
    loss(plain).backward();
    EXPECT_TRUE(close(ours.query.grad(), gradient_of(oracle.query), 3e-5));
    EXPECT_TRUE(close(ours.keys.grad(), gradient_of(oracle.keys), 3e-5));
    EXPECT_TRUE(close(gradient_of(ours.values), gradient_of(oracle.values), 3e-5));
    if (weight.defined()) {
      EXPECT_TRUE(close(weight, gradient_of(mechanism->parameters()[0]), 1e-4));
    }
    for (auto& x : mechanism->parameters()) x.mutable_grad() = at::Tensor();
  }
}

// Normalisers that give weights of 0; those of local_m see a window alone.
class FusedSparse : public ::testing::TestWithParam<Case> {};
std::vector<Case> sparse_cases() {
  std::vector<Case> cases;
  for (const auto* normaliser : {"entmax15", "sparsemax"})
    for (const auto* name : {"scaled_dot", "general", "additive", "local_m", "local_p"}) {
      Case c{std::string(name) + "_" + normaliser, &find_mechanism(name), {}};
      c.options.of<WeightOptions>().normaliser = normaliser;
      c.options.of<LocalOptions>().window = 3;
      c.options.of<LocalPOptions>().renormalise = true;
      if (c.name == "scaled_dot_sparsemax") c.options.of<WeightOptions>().temperature = 0.3;
      if (c.name == "scaled_dot_entmax15") c.options.of<SoftCapOptions>().cap = 0.9;
      cases.push_back(c);
    }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Normalisers, FusedSparse, ::testing::ValuesIn(sparse_cases()), CaseName());

TEST_P(FusedSparse, AgreesWithThePlainComposition) {
  const auto& c = GetParam();
  const Sizes z{.heads = 4, .key_heads = 2, .queries = 26, .keys = 33};
  const auto mechanism = std::dynamic_pointer_cast<ScoredAttention>(build(c, z));
  mechanism->to(at::kFloat);
  for (const auto& [name, mask] : all_masks(c, z)) {
    if (c.options.of<WeightOptions>().temperature != 1 && mask.bias.defined()) continue;
    SCOPED_TRACE(name);
    auto base = problem(c, z);
    base.query = base.query * 3;  // so that some weights are 0
    base.mask = mask;
    const auto ours = in_float(base), oracle = in_float(base);
    const auto memory = mechanism->prepare(ours.keys, ours.values, ours.mask),
               again = mechanism->prepare(oracle.keys, oracle.values, oracle.mask);
    const auto fused = mechanism->attend(ours.query, memory, nullptr, {}),
               plain = mechanism->attend_plainly(oracle.query, again, nullptr, {});
    ASSERT_EQ(fused.by, "fused");
    EXPECT_EQ(fused.kind, WeightKind::kSparse);
    EXPECT_TRUE(close(fused.context, plain.context, 5e-6));
    mixed_loss(fused).backward();
    const auto weight = mechanism->parameters().size() > 0 ? gradient_of(mechanism->parameters()[0]).clone() : at::Tensor();
    for (auto& x : mechanism->parameters()) x.mutable_grad() = at::Tensor();
    mixed_loss(plain).backward();
    EXPECT_TRUE(close(ours.query.grad(), gradient_of(oracle.query), 3e-5));
    EXPECT_TRUE(close(ours.keys.grad(), gradient_of(oracle.keys), 3e-5));
    EXPECT_TRUE(close(ours.values.grad(), gradient_of(oracle.values), 3e-5));
    if (weight.defined()) {
      EXPECT_TRUE(close(weight, gradient_of(mechanism->parameters()[0]), 1e-4));
    }
    for (auto& x : mechanism->parameters()) x.mutable_grad() = at::Tensor();

    const at::NoGradGuard no_grad;
    const Request request{.weights = true, .entropy = true, .maximum = true, .column_sums = true, .top = 6, .pool_rows = 3, .pool_keys = 2};
    const auto seen = mechanism->attend(ours.query, memory, nullptr, request),
               told = mechanism->attend_plainly(ours.query, memory, nullptr, request);
    ASSERT_EQ(seen.by, "fused");
    EXPECT_FALSE(seen.lse.defined());
    EXPECT_GT(told.weights.eq(0).sum().item<std::int64_t>(), 0);
    EXPECT_TRUE(close(seen.entropy, told.entropy, 1e-5));
    EXPECT_TRUE(close(seen.maximum, told.maximum, 3e-6));
    EXPECT_TRUE(close(seen.column_sums, told.column_sums, 1e-5));
    EXPECT_TRUE(close(seen.weights, told.weights, 3e-6));
    EXPECT_TRUE(close(seen.top_weights, told.top_weights, 3e-6));
    EXPECT_TRUE(close(seen.pooled_max, told.pooled_max, 3e-6));
  }
}

// In training: the plain composition drops the same weights.
TEST(FusedDropout, DropsWhatThePlainCompositionDrops) {
  const Sizes z{.batch = 2, .heads = 4, .key_heads = 2, .queries = 9, .keys = 12};
  Case c{"scaled_dot", &find_mechanism("scaled_dot"), {}};
  c.options.of<WeightDropoutOptions>().dropout = 0.4;
  const auto mechanism = std::dynamic_pointer_cast<ScoredAttention>(build(c, z));
  mechanism->to(at::kFloat);
  mechanism->train();
  const auto base = problem(c, z);
  const auto ours = in_float(base), oracle = in_float(base);
  const auto attended = [&](const Problem& p, bool plainly) {
    const Draws draws(3, 1, {5, 6});
    const auto memory = mechanism->prepare(p.keys, p.values, p.mask);
    return plainly ? mechanism->attend_plainly(p.query, memory, nullptr, {}) : mechanism->attend(p.query, memory, nullptr, {});
  };
  const auto fused = attended(ours, false), plain = attended(oracle, true);
  ASSERT_EQ(fused.by, "fused");
  EXPECT_TRUE(close(fused.context, plain.context, 3e-6));
  mixed_loss(fused).backward();
  mixed_loss(plain).backward();
  EXPECT_TRUE(close(ours.query.grad(), oracle.query.grad(), 2e-5));
  EXPECT_TRUE(close(ours.keys.grad(), oracle.keys.grad(), 2e-5));
  EXPECT_TRUE(close(ours.values.grad(), oracle.values.grad(), 2e-5));
}

TEST(FusedReasons, SaysWhyItDeclines) {
  Sizes z;
  const auto reason = [&](const char* name, const std::function<void(MechanismOptions&)>& change, const Mask& mask, const Request& request,
                          at::ScalarType type = at::kFloat) {
    Case c{name, &find_mechanism(name), {}};
    change(c.options);
    const auto mechanism = std::dynamic_pointer_cast<ScoredAttention>(build(c, z));
    mechanism->to(type);
    const auto p = problem(c, z);
    const auto memory = mechanism->prepare(p.keys.to(type), p.values.to(type), mask);
    const auto query = p.query.to(type);
    for (const auto& [who, why] : reasons_against({*mechanism, query, memory, nullptr, request}))
      if (who == "fused") return why;
    return std::string();
  };
  const auto as_it_is = [](MechanismOptions&) {};
  EXPECT_EQ(reason("scaled_dot", as_it_is, {}, {}), "");
  z.keys = 257;
  z.queries = 8;
  EXPECT_EQ(reason("scaled_dot", as_it_is, {}, {}), "");
  z = {};
  EXPECT_EQ(reason("coverage", as_it_is, {}, {}), "it is no softmax over plain products or additive scores");
  EXPECT_EQ(reason("local_rnn", as_it_is, {}, {}), "it is no softmax over plain products or additive scores");
  EXPECT_EQ(reason("local_m", as_it_is, {}, {}), "");
  const auto tempered = [](MechanismOptions& o) {
    o.of<LocalPOptions>().renormalise = true;
    o.of<WeightOptions>().temperature = 2;
  };
  EXPECT_EQ(reason("local_p", tempered, {}, {}), "its temperature divides more than products");
  EXPECT_EQ(reason("hard", as_it_is, {}, {}), "");
  EXPECT_EQ(reason("gumbel", as_it_is, {}, {}), "");
  EXPECT_EQ(reason("scaled_dot", as_it_is, {}, {}, at::kDouble), "float64 is left to the plain composition");
  EXPECT_EQ(reason("scaled_dot", as_it_is, {}, {.scores = true}), "scores are asked for");
  EXPECT_EQ(reason("scaled_dot", as_it_is, {}, {.top = 17}), "more than 16 weights a row are asked for");
  EXPECT_EQ(reason("general", as_it_is, {}, {.top = 2}), "it has no gradients of single weights and blocks of them");
  EXPECT_EQ(reason("scaled_dot", [](MechanismOptions& o) { o.of<WeightOptions>().normaliser = "sparsemax"; }, {}, {}), "");
  const auto other = [](MechanismOptions& o) {
    o.of<WeightOptions>().normaliser = "entmax";
    o.of<WeightOptions>().alpha = 1.3;
  };
  EXPECT_EQ(reason("scaled_dot", other, {}, {}), "its normaliser is none of softmax, entmax15 and sparsemax");
  const auto entmax15 = [](MechanismOptions& o) { o.of<WeightOptions>().normaliser = "entmax15"; };
  EXPECT_EQ(reason("general", entmax15, {}, {.entropy = true}), "statistics of sparse weights have no gradients");
  EXPECT_EQ(reason("hard", entmax15, {}, {}), "it chooses by sparse weights");
  EXPECT_EQ(reason("local_p", entmax15, {}, {}), "its Gaussian multiplies sparse weights");
  EXPECT_EQ(reason("local_m", entmax15, {}, {}), "");
  EXPECT_EQ(reason("scaled_dot", [](MechanismOptions& o) { o.position = "relative"; }, {}, {}), "its positions take part in the products");
  EXPECT_EQ(reason("scaled_dot", as_it_is, {.bias = at::zeros({3, 5}, at::kBFloat16)}, {}), "its bias is not float32");
}

}  // namespace
}  // namespace attend::testing
