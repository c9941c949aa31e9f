// What mechanisms tell of their scores for a trace: the scores themselves, and the steps that lead to them.
#include <gtest/gtest.h>

#include <cmath>

#include "attend/attention/additive.h"
#include "attend/attention/concat.h"
#include "attend/attention/mechanism.h"
#include "attend/attention/multi_head.h"
#include "support/tensors.h"

namespace attend::testing {
namespace {

constexpr std::int64_t kB = 2, kH = 3, kT = 4, kS = 5, kD = 6;

struct Call {
  at::Tensor query = wave({kB, kH, kT, kD}), keys = wave({kB, kH, kS, kD}, 0.4), values = wave({kB, kH, kS, kD}, 1.9);
  std::shared_ptr<Mechanism> mechanism;
  Memory memory;
  Call(const std::string& name, const Mask& mask, MechanismOptions options = {}) {
    options.heads = kH;
    options.query_size = options.key_size = kD;
    mechanism = make_mechanism(name, options);
    fill_parameters(*mechanism);
    memory = mechanism->prepare(keys, values, mask);
  }
  at::Tensor scores() const { return mechanism->attend(query, memory, nullptr, {.scores = true}).scores; }
  at::Tensor part(const std::string& name) const {
    for (const auto& part : mechanism->parts(query, memory))
      if (part.name == name) return part.value;
    throw std::logic_error("no part " + name);
  }
};

const char* const kScored[] = {"dot", "scaled_dot", "general", "additive", "concat", "cosine"};

TEST(Scores, TheirSoftmaxIsTheWeightsAndHiddenOnesAreMinusInfinity) {
  for (const auto* name : kScored) {
    SCOPED_TRACE(name);
    const Call call(
        name, {.bias = wave({kT, kS}, 0.2), .key_lengths = at::tensor({5, 3}, at::kLong), .query_lengths = at::tensor({4, 2}, at::kLong)});
    const auto r = call.mechanism->attend(call.query, call.memory, nullptr, Request::everything());
    EXPECT_TRUE(close(at::softmax(r.scores[0], -1), r.weights[0], 1e-12));
    EXPECT_TRUE(close(at::softmax(r.scores[1].narrow(1, 0, 2), -1), r.weights[1].narrow(1, 0, 2), 1e-12));
    EXPECT_TRUE(at::isneginf(r.scores[1].narrow(2, 3, 2)).all().item<bool>());
    EXPECT_TRUE(at::isneginf(r.scores[1].narrow(1, 2, 2)).all().item<bool>());
    EXPECT_TRUE(all_finite(r.scores[0]));
  }
}

TEST(Scores, AreNotReturnedUnasked) {
  const Call call("dot", {});
  EXPECT_FALSE(call.mechanism->attend(call.query, call.memory, nullptr, {.weights = true}).scores.defined());
}

TEST(Parts, LeadToTheScores) {
  const Call scaled("scaled_dot", {});
  EXPECT_TRUE(close(scaled.part("q·k") / std::sqrt(6.0), scaled.scores(), 1e-12));
  const Call general("general", {});
  EXPECT_TRUE(close(at::matmul(general.part("Wᵀ q"), general.keys.mT()), general.scores(), 1e-12));
  const Call cosine("cosine", {});
  EXPECT_TRUE(close(cosine.part("g").unsqueeze(-1) * cosine.part("cosine"), cosine.scores(), 1e-12));
  EXPECT_LE(cosine.part("cosine").abs().max().item<double>(), 1 + 1e-12);
}

// Σ_e v[e] tanh(a[t, e] + b[s, e]) from the parts so named.
at::Tensor network(const Call& call, const char* query, const char* key, const char* energy, const char* hidden) {
  const auto sum = call.part(query).unsqueeze(3) + call.part(key).unsqueeze(2);  // [B, H, T, S, E]
  EXPECT_TRUE(close(at::tanh(sum), call.part(hidden), 1e-12));
  return (call.part(hidden) * call.part(energy).view({1, kH, 1, 1, -1})).sum(-1);
}

TEST(Parts, OfTheAdditiveFamily) {
  const Call additive("additive", {});
  EXPECT_TRUE(close(network(additive, "W q", "U k", "v", "tanh(W q + U k)"), additive.scores(), 1e-12));
  const Call normed("additive", {}, {.bias = true, .own = OptionSet().set(&AdditiveOptions::normed, true)});
  EXPECT_TRUE(close(network(normed, "W q", "U k + b", "g v/|v|", "tanh(W q + U k + b)"), normed.scores(), 1e-12));
  const Call concat("concat", {});
  EXPECT_TRUE(close(network(concat, "W_q q", "W_k k", "v", "tanh(W [q; k])"), concat.scores(), 1e-12));
  const Call plain("concat", {}, {.own = OptionSet().set(&ConcatOptions::plain_source, true)});
  EXPECT_TRUE(close(network(plain, "W q", "k", "v", "tanh(W q + k)"), plain.scores(), 1e-12));
  EXPECT_TRUE(same(plain.part("k"), plain.keys));
}

TEST(Parts, OfHeads) {
  const auto mechanism = make_mechanism("multi_head", {.heads = 2, .query_size = 6, .key_size = 6});
  fill_parameters(*mechanism);
  const auto states = wave({1, 1, 5, 6}), query = wave({1, 1, 4, 6}, 2.2);
  const auto memory = mechanism->prepare(states, states, {});
  const auto r = mechanism->attend(query, memory, nullptr, Request::everything());
  std::map<std::string, at::Tensor> parts;
  for (const auto& part : mechanism->parts(query, memory)) parts[part.name] = part.value;
  EXPECT_TRUE(close(parts.at("q·k") / std::sqrt(3.0), r.scores, 1e-12));
  EXPECT_TRUE(close(at::matmul(parts.at("q = W_q query"), memory.keys().mT()), parts.at("q·k"), 1e-12));
  EXPECT_TRUE(close(parts.at("context"), at::matmul(r.weights, memory.values()), 1e-12));  // [1, 2, 4, 3], before W_o
}

}  // namespace
}  // namespace attend::testing
