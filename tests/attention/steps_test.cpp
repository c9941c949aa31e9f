// Mechanisms whose steps are taken by loops of their own, against the plain composition, which is their oracle.
#include <torch/csrc/autograd/autograd.h>

#include "attend/attention/history.h"
#include "attend/ops/draws.h"
#include "attention/cases.h"

namespace attend::testing {
namespace {

std::vector<Case> step_cases() {
  std::vector<Case> cases;
  const auto add = [&](const char* name, const char* what, const std::function<void(MechanismOptions&)>& change) {
    Case c{std::string(name) + what, &find_mechanism(name), {}};
    change(c.options);
    c.options.of<LocationSensitiveOptions>().width = 3;
    c.options.of<LocationSensitiveOptions>().filters = 2;
    cases.push_back(c);
  };
  const auto location = [](const char* input) { return [=](MechanismOptions& o) { o.of<LocationSensitiveOptions>().input = input; }; };
  add("coverage", "", [](MechanismOptions&) {});
  add("coverage", "_fertility", [](MechanismOptions& o) { o.of<CoverageOptions>().kind = "fertility"; });
  add("coverage", "_gru", [](MechanismOptions& o) { o.of<CoverageOptions>().kind = "gru", o.of<CoverageOptions>().size = 5; });
  add("coverage", "_normed", [](MechanismOptions& o) { o.bias = o.of<AdditiveOptions>().normed = true; });
  add("coverage", "_sparse", [](MechanismOptions& o) { o.of<WeightOptions>().normaliser = "sparsemax"; });
  add("coverage", "_tempered", [](MechanismOptions& o) { o.of<WeightOptions>().temperature = 0.5; });
  add("location_sensitive", "", location("previous"));
  add("location_sensitive", "_cumulative", location("cumulative"));
  add("location_sensitive", "_both", location("both"));
  add("location_sensitive", "_sharp", [](MechanismOptions& o) { o.of<LocationSensitiveOptions>().sharpening = 2; });
  add("location_sensitive", "_smooth", [](MechanismOptions& o) { o.of<LocationSensitiveOptions>().smoothing = true; });
  return cases;
}

class Steps : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Histories, Steps, ::testing::ValuesIn(step_cases()), CaseName());

Problem in_single(Problem p) {
  for (auto* x : {&p.query, &p.keys, &p.values}) *x = leaf(x->to(at::kFloat));
  if (p.mask.bias.defined()) p.mask.bias = p.mask.bias.to(at::kFloat);
  return p;
}
std::shared_ptr<ScoredAttention> single_precision(const Case& c, const Sizes& z) {
  auto mechanism = std::dynamic_pointer_cast<ScoredAttention>(build(c, z));
  mechanism->to(at::kFloat);
  return mechanism;
}
// Those of the parameters and of what went in; they are cleared.
std::vector<at::Tensor> all_gradients(const Mechanism& mechanism, const Problem& p) {
  auto leaves = mechanism.parameters();
  for (const auto& x : {p.query, p.keys, p.values}) leaves.push_back(x);
  std::vector<at::Tensor> gradients;
  for (const auto& x : leaves) gradients.push_back(gradient_of(x).clone()), x.mutable_grad() = at::Tensor();
  return gradients;
}
void expect_close(const std::vector<at::Tensor>& got, const std::vector<at::Tensor>& expected) {
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_TRUE(close(got[i], expected[i], 3e-5 + 1e-5 * expected[i].abs().max().item<double>())) << "gradient " << i;
}

TEST_P(Steps, AgreeWithThePlainComposition) {
  const auto& c = GetParam();
  for (const auto& z :
       {Sizes{}, Sizes{.heads = 4, .key_heads = 2, .queries = 4, .keys = 4}, Sizes{.heads = 2, .key_heads = 1, .keys = 37}}) {
    const auto mechanism = single_precision(c, z);
    for (const auto& [name, mask] : all_masks(c, z)) {
      if (!c.takes(mask)) continue;
      SCOPED_TRACE(fmt::format("{} T={} S={}", name, z.queries, z.keys));
      auto base = problem(c, z);
      base.mask = mask;
      const auto ours = in_single(base), oracle = in_single(base);
      const auto memory = mechanism->prepare(ours.keys, ours.values, ours.mask),
                 again = mechanism->prepare(oracle.keys, oracle.values, oracle.mask);
      const auto got = mechanism->attend(ours.query, memory, nullptr, Request::everything());
      ASSERT_EQ(got.by, "steps");
      const auto plain = mechanism->attend_plainly(oracle.query, again, nullptr, Request::everything());
      EXPECT_TRUE(close(got.context, plain.context, 3e-6));
      EXPECT_TRUE(close(got.weights, plain.weights, 3e-6));
      EXPECT_TRUE(close(got.scores, plain.scores, 1e-5));
      EXPECT_TRUE(close(got.lse, plain.lse, 1e-5));
      EXPECT_TRUE(close(got.entropy, plain.entropy, 1e-5));
      for (const auto& [what, extra] : plain.extras) EXPECT_TRUE(close(got.extras.at(what).value, extra.value, 1e-5)) << what;
      mixed_loss(got).backward();
      const auto gradients = all_gradients(*mechanism, ours);
      mixed_loss(plain).backward();
      expect_close(gradients, all_gradients(*mechanism, oracle));
    }
  }
}

// Hypotheses of a beam on chosen items of one memory, without gradients and with them.
TEST_P(Steps, OfChosenItemsAgreeToo) {
  const auto& c = GetParam();
  const Sizes z{.batch = 3, .heads = 2, .key_heads = 2, .queries = 4, .keys = 9};
  const auto mechanism = single_precision(c, z);
  auto base = problem(c, z);
  base.mask.key_lengths = lengths({9, 4, 7});
  for (const bool prepared_with : {false, true}) {
    const auto ours = in_single(base), oracle = in_single(base);
    const auto attended = [&](const Problem& p, bool plainly) {
      const auto memory = [&] {
        const at::AutoGradMode mode(prepared_with);
        return mechanism->prepare(p.keys, p.values, p.mask).select(lengths({2, 0}));
      }();
      const auto state = mechanism->start(memory, 4);
      const auto query = p.query.index_select(0, lengths({2, 0}));  // [2, H, 4, Dq]
      const auto step = [&](const at::Tensor& q) {
        const Request request{.weights = true};
        return plainly ? mechanism->attend_plainly(q, memory, state.get(), request) : mechanism->attend(q, memory, state.get(), request);
      };
      step(query);
      state->reorder(lengths({1, 1, 3, 0, 6, 4, 5, 5}), 4);
      return step(query.flip({2}));
    };
    const auto got = attended(ours, false), plain = attended(oracle, true);
    ASSERT_EQ(got.by, "steps");
    EXPECT_TRUE(close(got.context, plain.context, 3e-6));
    EXPECT_TRUE(close(got.weights, plain.weights, 3e-6));
    mixed_loss(got).backward();
    const auto gradients = all_gradients(*mechanism, ours);
    mixed_loss(plain).backward();
    expect_close(gradients, all_gradients(*mechanism, oracle));
  }
}

TEST(StepDropout, DropsWhatThePlainCompositionDrops) {
  const Sizes z{.queries = 4, .keys = 12};
  Case c{"coverage", &find_mechanism("coverage"), {}};
  c.options.of<WeightDropoutOptions>().dropout = 0.4;
  const auto mechanism = single_precision(c, z);
  mechanism->train();
  const auto ours = in_single(problem(c, z)), oracle = in_single(problem(c, z));
  const auto attended = [&](const Problem& p, bool plainly) {
    const Draws draws(3, 1, {5, 6});
    const auto memory = mechanism->prepare(p.keys, p.values, p.mask);
    return plainly ? mechanism->attend_plainly(p.query, memory, nullptr, {}) : mechanism->attend(p.query, memory, nullptr, {});
  };
  const auto got = attended(ours, false), plain = attended(oracle, true);
  EXPECT_TRUE(close(got.context, plain.context, 3e-6));
  mixed_loss(got).backward();
  const auto gradients = all_gradients(*mechanism, ours);
  mixed_loss(plain).backward();
  expect_close(gradients, all_gradients(*mechanism, oracle));
}

// Steps of plain additive scores, one call each: the gradient of the source comes from all of them.
TEST(AdditiveSteps, OfOneSourceAgreeWithThePlainComposition) {
  for (const auto* name : {"additive", "additive_relu", "concat"})
    for (const double dropout : {0.0, 0.3}) {
      SCOPED_TRACE(name);
      const Sizes z{.heads = 2, .key_heads = 2, .queries = 35, .keys = 11};
      Case c{name, &find_mechanism(name), {}};
      c.options.of<WeightDropoutOptions>().dropout = dropout;
      const auto mechanism = single_precision(c, z);
      mechanism->train();
      auto base = problem(c, z);
      base.mask.key_lengths = lengths({11, 6});
      const auto ours = in_single(base), oracle = in_single(base);
      const auto steps_of = [&](const Problem& p, bool plainly) {
        const Draws draws(3, 1, {5, 6});
        const auto memory = mechanism->prepare(p.keys, p.values, p.mask);
        auto loss = at::zeros({}, at::kFloat);
        for (std::int64_t t = 0; t < z.queries; ++t) {
          const auto query = p.query.narrow(2, t, 1);  // [B, H, 1, Dq]
          const Request request{.lse = true, .entropy = true};
          loss = loss + mixed_loss(plainly ? mechanism->attend_plainly(query, memory, nullptr, request)
                                           : mechanism->attend(query, memory, nullptr, request));
        }
        loss.backward();
        return all_gradients(*mechanism, p);
      };
      expect_close(steps_of(ours, false), steps_of(oracle, true));
    }
}

// NaN in keys and values that a mask hides from one row alone, and in the query of a row that sees nothing.
TEST(StepMasks, NotANumberBehindAMaskReachesNothing) {
  for (const auto* name : {"coverage", "location_sensitive", "additive"}) {
    SCOPED_TRACE(name);
    const Sizes z{.queries = 3, .keys = 7};
    const Case c{name, &find_mechanism(name), {}};
    const auto mechanism = single_precision(c, z);
    const auto run_with = [&](float hidden) {
      auto base = problem(c, z);
      base.mask.key_lengths = lengths({5, 7});
      base.mask.keep = bools({2, 1, 3, 7}, [](auto b, auto, auto t, auto s) { return s != 3 && !(b == 1 && t == 1); });
      base.keys.select(2, 3).fill_(hidden), base.values.select(2, 3).fill_(hidden);
      base.keys[0].narrow(1, 5, 2).fill_(hidden), base.values[0].narrow(1, 5, 2).fill_(hidden);
      if (c.stateful()) base.query[1].select(1, 1).fill_(hidden);
      const auto p = in_single(base);
      const auto memory = mechanism->prepare(p.keys, p.values, p.mask);
      auto loss = at::zeros({}, at::kFloat);
      std::vector<at::Tensor> seen;
      const auto r = mechanism->attend(p.query, memory, nullptr, {.lse = true});
      seen.push_back(r.context.detach());
      (r.context * wave(r.context.sizes(), 0.2).to(at::kFloat)).sum().backward();
      for (auto& x : all_gradients(*mechanism, p)) seen.push_back(x);
      return seen;
    };
    const auto clean = run_with(0.5F), wild = run_with(std::numeric_limits<float>::quiet_NaN());
    for (std::size_t i = 0; i < clean.size(); ++i) EXPECT_TRUE(close(wild[i], clean[i], 1e-5)) << i;
  }
}

TEST(StepReasons, SaysWhyTheyDecline) {
  const Sizes z;
  const auto reason = [&](const char* name, at::ScalarType type) {
    const Case c{name, &find_mechanism(name), {}};
    const auto mechanism = std::dynamic_pointer_cast<ScoredAttention>(build(c, z));
    mechanism->to(type);
    const auto p = problem(c, z);
    const auto memory = mechanism->prepare(p.keys.to(type), p.values.to(type), {});
    const auto query = p.query.to(type);
    const Request request{.scores = true};
    for (const auto& [who, why] : reasons_against({*mechanism, query, memory, nullptr, request}))
      if (who == "steps") return why;
    return std::string();
  };
  EXPECT_EQ(reason("coverage", at::kFloat), "");
  EXPECT_EQ(reason("coverage", at::kDouble), "float64 is left to the plain composition");
  EXPECT_EQ(reason("additive", at::kFloat), "its scores are not additive with a term of the steps before");
}

}  // namespace
}  // namespace attend::testing
