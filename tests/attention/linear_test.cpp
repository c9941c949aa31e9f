#include "attend/attention/linear.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

const MechanismOptions kLinearOptions{.heads = 2, .query_size = 3, .key_size = 3};

Problem linear_problem(std::int64_t queries, std::int64_t keys, const Mask& mask = {}) {
  return {wave({2, 2, queries, 3}), wave({2, 2, keys, 3}, 0.5), wave({2, 2, keys, 4}, 0.9), mask};
}

double feature(double x) { return x > 0 ? x + 1 : std::exp(x); }

// Eq. 4 and 5 in loops: weights of one item and head, all keys seen up to `last(t)`.
template <class Last>
at::Tensor by_hand(const Problem& p, std::int64_t b, std::int64_t h, const Last& last) {
  const auto q = p.query[b][h].contiguous(), k = p.keys[b][h].contiguous();
  auto weights = at::zeros({q.size(0), k.size(0)}, at::kDouble);  // [T, S]
  for (std::int64_t t = 0; t < q.size(0); ++t) {
    double total = 0;
    std::vector<double> products;
    for (std::int64_t s = 0; s <= last(t); ++s) {
      double product = 0;
      for (std::int64_t d = 0; d < q.size(1); ++d) product += feature(q[t][d].item<double>()) * feature(k[s][d].item<double>());
      products.push_back(product);
      total += product;
    }
    for (std::size_t s = 0; s < products.size(); ++s) weights[t][static_cast<std::int64_t>(s)] = products[s] / total;
  }
  return weights;
}

Request only_rows(std::vector<std::int64_t> rows) {
  Request request;
  request.rows = at::tensor(rows, at::kLong);
  return request;
}

TEST(Linear, IsItsFormulaByBothImplementations) {
  const auto mechanism = make_filled("linear", kLinearOptions);
  const auto p = linear_problem(4, 6);
  const auto sums = run(*mechanism, p, {}), plain = run(*mechanism, p, Request::everything());
  EXPECT_EQ(sums.by, "linear_sums");
  EXPECT_EQ(plain.by, "plain");
  for (std::int64_t b = 0; b < 2; ++b)
    for (std::int64_t h = 0; h < 2; ++h) {
      const auto weights = by_hand(p, b, h, [](auto) { return 5; });
      EXPECT_TRUE(close(plain.weights[b][h], weights, 1e-13));
      EXPECT_TRUE(close(sums.context[b][h], at::matmul(weights, p.values[b][h]), 1e-13));
    }
}

// More rows than a chunk, so that sums are carried from one to the next.
TEST(Linear, CausalRowsReadWhatCameBefore) {
  const auto mechanism = make_filled("linear", kLinearOptions);
  const auto p = linear_problem(131, 131, {.causal = true});
  auto asked = only_rows({0, 63, 64, 130});
  asked.lse = true;
  const auto sums = run(*mechanism, p, asked), plain = run(*mechanism, p, Request::everything());
  EXPECT_EQ(sums.by, "linear_sums");
  EXPECT_TRUE(close(sums.context, plain.context, 1e-12));
  EXPECT_TRUE(close(sums.lse, plain.lse, 1e-12));
  EXPECT_TRUE(close(sums.rows, plain.weights.index_select(2, asked.rows), 1e-13));
  EXPECT_TRUE(close(plain.weights[1][0], by_hand(p, 1, 0, [](auto t) { return t; }), 1e-13));
}

TEST(Linear, HiddenKeysAndEmptyRowsCountForNothing) {
  const auto mechanism = make_filled("linear", kLinearOptions);
  for (const bool causal : {false, true}) {
    auto p = linear_problem(5, 5, {.key_lengths = lengths({3, 0}), .causal = causal});
    p.keys[0].narrow(1, 3, 2).fill_(std::numeric_limits<double>::quiet_NaN());
    p.values[0].narrow(1, 3, 2).fill_(std::numeric_limits<double>::infinity());
    auto asked = only_rows({1, 4});
    asked.lse = true;
    asked.column_sums = !causal;
    const auto sums = run(*mechanism, p, asked), plain = run(*mechanism, p, Request::everything());
    EXPECT_EQ(sums.by, "linear_sums") << causal;
    EXPECT_TRUE(close(sums.context, plain.context, 1e-13));
    EXPECT_TRUE(same(sums.context[1], at::zeros({2, 5, 4}, at::kDouble)));
    EXPECT_TRUE(close(sums.lse.exp(), plain.lse.exp(), 1e-12));
    EXPECT_TRUE(close(sums.rows, plain.weights.index_select(2, asked.rows), 1e-13));
    if (!causal) {
      EXPECT_TRUE(close(sums.column_sums, plain.weights.sum(2), 1e-13));
    }
  }
}

TEST(Linear, GradientsAreThoseOfThePlainComposition) {
  for (const bool causal : {false, true}) {
    const auto mechanism = make_filled("linear", kLinearOptions);
    const auto gradients = [&](const Request& request) {
      auto p = linear_problem(70, 70, {.causal = causal});
      for (auto* x : {&p.query, &p.keys, &p.values}) *x = leaf(*x);
      const auto r = run(*mechanism, p, request);
      (r.context * wave(r.context.sizes().vec(), 0.3)).sum().backward();
      return std::tuple{p.query.grad(), p.keys.grad(), p.values.grad(), r.by};
    };
    const auto [q, k, v, by] = gradients({});
    const auto [q2, k2, v2, by2] = gradients(Request::everything());
    EXPECT_EQ(by, "linear_sums");
    EXPECT_EQ(by2, "plain");
    EXPECT_TRUE(close(q, q2, 1e-12));
    EXPECT_TRUE(close(k, k2, 1e-12));
    EXPECT_TRUE(close(v, v2, 1e-12));
  }
}

// A decoder's cache keeps two sums, whatever its length.
TEST(Linear, AStepReadsTheSumsOfTheStepsBefore) {
  at::NoGradGuard no_grad;
  const auto mechanism = make_filled("linear", kLinearOptions);
  const auto p = linear_problem(7, 7, {.causal = true});
  const auto whole = run(*mechanism, p, {});
  Memory memory;
  for (std::int64_t t = 0; t < 7; ++t) {
    memory.append(mechanism->prepare(p.keys.narrow(2, t, 1), p.values.narrow(2, t, 1), {.first_key = t}), 7);
    if (t == 3) memory.reorder(at::tensor({0, 1}, at::kLong));
    const auto step = mechanism->attend(p.query.narrow(2, t, 1), memory, nullptr, {});
    EXPECT_EQ(step.by, "linear_sums");
    EXPECT_TRUE(close(step.context, whole.context.narrow(2, t, 1), 1e-13)) << t;
  }
  memory.reorder(at::tensor({1, 1, 0}, at::kLong));
  const auto again = mechanism->attend(p.query.narrow(2, 6, 1).index_select(0, at::tensor({1, 1, 0}, at::kLong)), memory, nullptr, {});
  EXPECT_TRUE(close(again.context[2], whole.context[0].narrow(1, 6, 1), 1e-13));
  EXPECT_TRUE(close(again.context[0], whole.context[1].narrow(1, 6, 1), 1e-13));
}

TEST(Linear, SaysWhyTheSumsDecline) {
  const auto reason = [](const MechanismOptions& options, const Mask& mask, const Request& request, std::string_view name = "linear") {
    const auto mechanism = std::dynamic_pointer_cast<ScoredAttention>(make_filled(name, options));
    const auto p = linear_problem(5, 6, mask);
    const auto memory = mechanism->prepare(p.keys, p.values, p.mask);
    const auto reasons = reasons_against({*mechanism, p.query, memory, nullptr, request});
    return reasons.empty() ? std::string() : reasons.at(0).second;
  };
  EXPECT_EQ(reason(kLinearOptions, {}, {}), "");
  EXPECT_EQ(reason(kLinearOptions, {}, {}, "scaled_dot"), "the score is no product of features");
  EXPECT_EQ(reason(kLinearOptions, {}, {.entropy = true}), "the request needs the weights of all rows");
  EXPECT_EQ(reason(kLinearOptions, {.causal = true}, {}), "queries see different keys");  // 5 rows on 6 keys
  const auto mechanism = std::dynamic_pointer_cast<ScoredAttention>(make_filled("linear", kLinearOptions));
  for (const auto& [keys, wanted] : {std::pair{3, "the weights of so few keys cost less than sums"}, std::pair{4, ""}}) {
    const auto p = linear_problem(keys, keys);  // 2·D·Dv/(D + Dv) = 24/7
    const auto memory = mechanism->prepare(p.keys, p.values, p.mask);
    const auto reasons = reasons_against({*mechanism, p.query, memory, nullptr, {}});
    EXPECT_EQ(reasons.empty() ? "" : reasons[0].second, wanted) << keys;
  }
  EXPECT_EQ(reason(kLinearOptions, {.bias = at::zeros({1, 1, 5, 6})}, {}), "a bias changes single scores");
  auto sparse = kLinearOptions;
  sparse.of<WeightOptions>().normaliser = "sparsemax";
  EXPECT_EQ(reason(sparse, {}, {}), "the weights are no plain shares");
}

TEST(Linear, HasNoParameters) { EXPECT_TRUE(parameter_names(*make_filled("linear", kLinearOptions)).empty()); }

}  // namespace
}  // namespace attend::testing
