// Steps over one source against the plain composition, whose gradients autograd adds up step by step.
#include "attend/ops/additive_steps.h"

#include <torch/csrc/autograd/autograd.h>

#include "attend/ops/draws.h"
#include "attend/ops/dropout.h"
#include "support/gradcheck.h"

namespace attend::testing {
namespace {

constexpr std::int64_t kBatch = 2, kHeads = 2, kKeys = 5, kSize = 7, kValueSize = 3, kFeatures = 2;

struct Sourced {
  at::Tensor key, value, energy, feature_weights;  // leaves

  AdditiveSourceParts parts() const {
    return {.key = key, .value = value, .energy = energy, .feature_weights = feature_weights, .scale = 0.9};
  }
  std::vector<at::Tensor> leaves() const {
    return feature_weights.defined() ? std::vector{key, value, energy, feature_weights} : std::vector{key, value, energy};
  }
  std::vector<at::Tensor> gradients() const {
    std::vector<at::Tensor> all;
    for (const auto& x : leaves()) all.push_back(gradient_of(x).clone());
    for (const auto& x : leaves()) x.mutable_grad() = at::Tensor();
    return all;
  }
};
Sourced sourced(bool features, at::ScalarType type = at::kDouble) {
  const auto made = [&](at::IntArrayRef sizes, double phase) { return leaf(wave(sizes, phase).to(type)); };
  Sourced s{made({kBatch, kHeads, kKeys, kSize}, 0.4), made({kBatch, kHeads, kKeys, kValueSize}, 1.3), made({kHeads, kSize}, 2.1), {}};
  if (features) s.feature_weights = made({kHeads, kFeatures, kSize}, 0.2);
  return s;
}
at::Tensor query_of(std::int64_t t, std::int64_t rows = 1, at::ScalarType type = at::kDouble) {
  return leaf(wave({kBatch, kHeads, rows, kSize}, 0.7 * static_cast<double>(t)).to(type));
}
at::Tensor features_of(std::int64_t t, std::int64_t rows = 1) {
  return leaf(wave({kBatch, kHeads, rows, kKeys, kFeatures}, 0.3 + 1.1 * static_cast<double>(t)));
}

at::Tensor plain_scores(const AdditiveSourceParts& p, const at::Tensor& query, const at::Tensor& features) {
  auto sums = query.unsqueeze(3) + p.key.unsqueeze(2);  // [B, H, R, S, E]
  if (features.defined()) sums = sums + at::matmul(features, p.feature_weights.unsqueeze(1));
  const auto hidden = p.score == kernels::ScoreKind::kRelu ? sums.relu() : sums.tanh();
  return p.scale * at::matmul(hidden, p.energy.view({1, kHeads, 1, kSize, 1})).squeeze(-1);  // [B, H, R, S]
}

// The contexts of steps, each of which sees in its features the weights of the step before.
struct Decoder {
  const AdditiveSource* source;  // null: the plain composition
  AdditiveSourceParts parts;

  at::Tensor scores(const at::Tensor& query, const at::Tensor& features) const {
    return source ? source->scores(query, features) : plain_scores(parts, query, features);
  }
  at::Tensor mix(const at::Tensor& weights) const { return source ? source->mix(weights) : at::matmul(weights, parts.value); }
  std::vector<at::Tensor> contexts(const std::vector<at::Tensor>& queries) const {
    std::vector<at::Tensor> all;
    auto before = at::zeros({kBatch, kHeads, queries[0].size(2), kKeys}, queries[0].options().requires_grad(false)), total = before;
    for (const auto& query : queries) {
      const auto features = parts.feature_weights.defined() ? at::stack({before, total}, -1) : at::Tensor();  // [B, H, R, S, 2]
      before = at::softmax(scores(query, features), -1);
      total = total + before;
      all.push_back(mix(before));
    }
    return all;
  }
};
at::Tensor loss_of(const std::vector<at::Tensor>& contexts, double phase = 0.6) {
  auto loss = at::zeros({}, contexts[0].options());
  for (const auto& context : contexts) loss = loss + (context * wave(context.sizes(), phase += 0.3).to(context.scalar_type())).sum();
  return loss;
}
std::vector<at::Tensor> queries_of(std::int64_t steps, std::int64_t rows = 1) {
  std::vector<at::Tensor> all;
  for (std::int64_t t = 0; t < steps; ++t) all.push_back(query_of(t, rows));
  return all;
}
std::vector<at::Tensor> gradients_of(const std::vector<at::Tensor>& leaves) {
  std::vector<at::Tensor> all;
  for (const auto& x : leaves) all.push_back(gradient_of(x).clone());
  for (const auto& x : leaves) x.mutable_grad() = at::Tensor();
  return all;
}
void expect_all_close(const std::vector<at::Tensor>& got, const std::vector<at::Tensor>& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(close(got[i], expected[i], tolerance)) << "tensor " << i;
}

TEST(AdditiveSource, GradientsMatchCentralDifferences) {
  for (const bool featured : {true, false}) {
    const auto s = sourced(featured);
    const auto queries = queries_of(3, 2);
    const auto features = features_of(1, 2);
    expect_gradients(
        [&] {
          const AdditiveSource source(s.parts());
          auto loss = loss_of(Decoder{&source, s.parts()}.contexts(queries));
          if (featured) loss = loss + (source.scores(queries[0], features) * wave({kBatch, kHeads, 2, kKeys}, 0.8)).sum();
          return loss;
        },
        featured ? NamedTensors{{"key", s.key},
                                {"value", s.value},
                                {"energy", s.energy},
                                {"feature weights", s.feature_weights},
                                {"query", queries[1]},
                                {"features", features}}
                 : NamedTensors{{"key", s.key}, {"value", s.value}, {"energy", s.energy}, {"query", queries[1]}});
  }
}

TEST(AdditiveSource, ManyStepsAreThePlainComposition) {
  for (const bool featured : {true, false})
    for (const std::int64_t steps : {1, 63, 64, 65, 130}) {
      SCOPED_TRACE(steps);
      const auto s = sourced(featured);
      const auto queries = queries_of(steps);
      const AdditiveSource source(s.parts());
      const auto ours = Decoder{&source, s.parts()}.contexts(queries);
      const auto plain = Decoder{nullptr, s.parts()}.contexts(queries);
      expect_all_close(ours, plain, 1e-13);
      loss_of(ours).backward();
      const auto of_source = s.gradients(), of_queries = gradients_of(queries);
      loss_of(plain).backward();
      expect_all_close(of_source, s.gradients(), 1e-11);
      expect_all_close(of_queries, gradients_of(queries), 1e-12);
    }
}

// Losses of some steps alone, a graph that is kept for several passes, and passes that are given up half-way.
TEST(AdditiveSource, EveryPassHandsInItsOwnRecords) {
  const auto s = sourced(true);
  const auto queries = queries_of(70);
  const AdditiveSource source(s.parts());
  const auto ours = Decoder{&source, s.parts()}.contexts(queries), plain = Decoder{nullptr, s.parts()}.contexts(queries);
  const auto both = [&](const auto& pass) {
    pass(ours);
    const auto got = s.gradients();
    gradients_of(queries);
    pass(plain);
    expect_all_close(got, s.gradients(), 1e-11);
    gradients_of(queries);
  };
  const auto some = [](const std::vector<at::Tensor>& all) { return std::vector{all[3], all[17], all[67]}; };
  both([&](const auto& contexts) { loss_of(some(contexts)).backward({}, /*retain_graph=*/true); });
  both([&](const auto& contexts) {
    loss_of(contexts).backward({}, true);
    loss_of(contexts).backward({}, true);
  });
  both([&](const auto& contexts) {
    loss_of(some(contexts), 0.1).backward({}, true);
    loss_of(contexts, 0.2).backward({}, true);
  });
  // A pass that fails before it arrives at the source leaves nothing behind.
  const auto failing = ours[20].clone();
  auto armed = std::make_shared<bool>(true);
  queries[4].register_hook([armed](const at::Tensor& gradient) {
    if (*armed) throw std::runtime_error("given up");
    return gradient;
  });
  EXPECT_THROW(failing.sum().backward({}, true), std::exception);
  *armed = false;
  s.gradients(), gradients_of(queries);
  both([&](const auto& contexts) { loss_of(contexts).backward({}, true); });
  // Only what is asked for: the queries alone, then the energy alone.
  const auto of_queries = torch::autograd::grad({loss_of(ours)}, {queries[0], queries[69]}, {}, true);
  expect_all_close(of_queries, torch::autograd::grad({loss_of(plain)}, {queries[0], queries[69]}, {}, true), 1e-12);
  expect_all_close(torch::autograd::grad({loss_of(ours)}, {s.energy}, {}, true),
                   torch::autograd::grad({loss_of(plain)}, {s.energy}, {}, true), 1e-11);
  for (const auto& x : s.leaves()) EXPECT_FALSE(x.grad().defined());
}

TEST(AdditiveSource, SeveralDecodersShareOneSource) {
  const auto s = sourced(true);
  const auto few = queries_of(5), beams = queries_of(3, 4);
  const AdditiveSource source(s.parts());
  const auto pass = [&](const AdditiveSource* given) {
    const Decoder decoder{given, s.parts()};
    // In turns, of different numbers of rows.
    auto loss = loss_of(decoder.contexts({few[0], few[1]})) + loss_of(decoder.contexts(beams), 0.9);
    loss = loss + loss_of(decoder.contexts({few[2], few[3], few[4]}), 1.7);
    loss.backward();
    gradients_of(few), gradients_of(beams);
    return s.gradients();
  };
  expect_all_close(pass(&source), pass(nullptr), 1e-12);
  expect_all_close(pass(&source), pass(nullptr), 1e-12);  // steps that are taken after a way back
}

TEST(AdditiveSource, WithoutAGradientNothingIsFollowed) {
  const auto s = sourced(true);
  const AdditiveSource source(s.parts());
  EXPECT_TRUE(source.tracked());
  {
    const at::NoGradGuard no_grad;
    EXPECT_FALSE(source.scores(query_of(0), features_of(0)).requires_grad());
    EXPECT_TRUE(source.current());
  }
  const auto without = [&] {
    const at::NoGradGuard no_grad;
    return std::make_unique<AdditiveSource>(s.parts());
  }();
  EXPECT_FALSE(without->current());
  const Decoder decoder{&source, s.parts()};
  decoder.contexts(queries_of(3));  // whose graph is dropped
  for (const auto& x : s.leaves()) EXPECT_FALSE(x.grad().defined());
  auto fixed = s;
  for (auto* x : {&fixed.key, &fixed.value, &fixed.energy, &fixed.feature_weights}) *x = x->detach();
  const AdditiveSource still(fixed.parts());
  EXPECT_FALSE(still.tracked());
  const auto q = query_of(0), x = features_of(0);
  still.scores(q, x).sum().backward();
  const auto ours = gradients_of({q, x});
  plain_scores(fixed.parts(), q, x).sum().backward();
  expect_all_close(ours, gradients_of({q, x}), 1e-13);
}

// attend() is fused_attention(), with every statistic that has a gradient.
TEST(AdditiveSource, AStepIsFusedAttention) {
  for (const auto score : {kernels::ScoreKind::kTanh, kernels::ScoreKind::kRelu})
    for (const double reach : {1.0, 30.0})
      for (const double rate : {0.0, 0.4}) {
        auto s = sourced(false, at::kFloat);
        s.key = leaf(s.key.detach() * reach);
        auto biased = wave({1, kHeads, 2, kKeys}, 0.5).to(at::kFloat);
        biased.select(3, 2).fill_(-std::numeric_limits<float>::infinity());
        const auto bias = leaf(biased);
        FusedAttentionOptions o;
        o.bias = bias;
        o.score = score, o.scale = 0.9, o.energy = s.energy;
        o.key_lengths = at::tensor({5, 4}, at::kLong);
        o.query_lengths = at::tensor({2, 1}, at::kLong);
        o.lse = o.entropy = o.maximum = o.column_sums = true;
        const auto detached = [](const at::Tensor& x) { return x.detach(); };
        auto parts = s.parts();
        parts.score = score, parts.key_lengths = o.key_lengths;
        parts.packed = pack_source(detached(s.key), detached(s.value), o, kHeads, /*both_ways=*/true);
        if (rate > 0) {
          const Draws draws(3, 1, {5, 6});
          o.drop_rate = rate;
          o.drop_keys = dropout_row_keys({kBatch, kHeads, 2, kKeys}, 7);
        }
        const AdditiveSource source(parts);
        std::vector<at::Tensor> queries{query_of(0, 2, at::kFloat), query_of(1, 2, at::kFloat), query_of(2, 2, at::kFloat)};
        const auto pass = [&](const auto& call) {
          at::Tensor loss = at::zeros({}, at::kFloat);
          std::vector<at::Tensor> all;
          for (const auto& query : queries) {
            const auto out = call(query);
            double phase = 0.2;
            for (const auto& x : {out.context, out.lse.masked_fill(out.lse.isinf(), 0.0), out.entropy, out.maximum, out.column_sums}) {
              loss = loss + (x * wave(x.sizes(), phase += 0.9).to(at::kFloat)).sum();
              all.push_back(x.detach());
            }
          }
          loss.backward();
          for (auto& x : s.gradients()) all.push_back(x);
          for (auto& x : gradients_of(queries)) all.push_back(x);
          for (auto& x : gradients_of({bias})) all.push_back(x);
          return all;
        };
        const auto ours = pass([&](const at::Tensor& q) { return source.attend(q, o); });
        const auto fused = pass([&](const at::Tensor& q) { return fused_attention(q, s.key, s.value, o); });
        for (std::size_t i = 0; i < ours.size(); ++i)
          EXPECT_TRUE(close(ours[i], fused[i], i < 15 ? 0 : 2e-5 + 2e-6 * fused[i].abs().max().item<double>()))
              << i << " reach " << reach << " rate " << rate;
      }
}

// Products of the tables' entries that are far from 1, whose product in turn no float holds.
TEST(AdditiveSource, GradientsOfFarQueriesAreNumbers) {
  auto s = sourced(false, at::kFloat);
  s.key = leaf(s.key.detach() * 8);
  auto parts = s.parts();
  FusedAttentionOptions o;
  o.score = kernels::ScoreKind::kTanh, o.scale = 0.9, o.energy = s.energy.detach();
  parts.packed = pack_source(s.key.detach(), s.value.detach(), o, kHeads, /*both_ways=*/true);
  const auto query = leaf(query_of(0, 2, at::kFloat).detach() * 40);
  const auto pass = [&](const at::Tensor& contexts) {
    loss_of({contexts}).backward();
    auto all = s.gradients();
    all.push_back(gradients_of({query})[0]);
    return all;
  };
  const AdditiveSource source(parts);
  expect_all_close(pass(source.attend(query, {}).context), pass(at::matmul(at::softmax(plain_scores(parts, query, {}), -1), s.value)),
                   1e-5);
}

TEST(AdditiveSource, BitsDoNotDependOnThreads) {
  const auto s = sourced(true);
  const auto run = [&](int threads) {
    at::set_num_threads(threads);
    const AdditiveSource source(s.parts());
    loss_of(Decoder{&source, s.parts()}.contexts(queries_of(6, 2))).backward();
    at::set_num_threads(1);
    return s.gradients();
  };
  const auto one = run(1);
  for (const int threads : {2, 3, 4}) expect_all_close(run(threads), one, 0);
}

TEST(AdditiveSource, SaysWhatDoesNotFit) {
  const auto s = sourced(true);
  const AdditiveSource source(s.parts());
  const auto x = features_of(0);
  expect_error(ErrorKind::kShape, {"additive_steps", "[B=2, H=2, R, E=7]", "[2, 2, 1, 6]"}, [&] {
    source.scores(at::zeros({2, 2, 1, 6}, at::kDouble), x);
  });
  expect_error(ErrorKind::kShape, {"features must be", "[2, 2, 1, 5, 2]", "none"}, [&] { source.scores(query_of(0), {}); });
  expect_error(ErrorKind::kShape, {"weights must be", "S=5", "[2, 2, 1, 4]"}, [&] { source.mix(at::zeros({2, 2, 1, 4}, at::kDouble)); });
  expect_error(ErrorKind::kValue, {"attend() knows no features"}, [&] { source.attend(query_of(0), {}); });
  auto parts = s.parts();
  parts.energy = parts.energy.to(at::kFloat);
  expect_error(ErrorKind::kValue, {"all be float32 or all float64", "Float"}, [&] { const AdditiveSource wrong(parts); });
  const auto q = query_of(0);
  const auto scores = source.scores(q, x);
  expect_error(ErrorKind::kUnsupported, {"create_graph", "plain composition"},
               [&] { torch::autograd::grad({scores.sum()}, {q}, {}, /*retain_graph=*/true, /*create_graph=*/true); });
  {
    const at::NoGradGuard no_grad;
    s.energy.mul_(2);
  }
  EXPECT_FALSE(source.current());
  expect_error(ErrorKind::kValue, {"the energy was changed in place"}, [&] { scores.sum().backward(); });
}

}  // namespace
}  // namespace attend::testing
