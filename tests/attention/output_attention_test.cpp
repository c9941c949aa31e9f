#include "attend/attention/output_attention.h"

#include "attention/single_head.h"

namespace attend::testing {
namespace {

class WeightsKeeper final : public Observer {
 public:
  Request request(const Site&) override { return {.weights = true}; }
  void observe(const Site& site, const Result& result) override {
    EXPECT_EQ(site.name, "output.self");
    weights.push_back(result.weights);
  }
  std::vector<at::Tensor> weights;
};

std::shared_ptr<OutputAttention> filled() {
  auto attention = std::make_shared<OutputAttention>(3, 4);
  fill_parameters(*attention);
  attention->eval();
  return attention;
}

const at::Tensor kOutputs = wave({2, 5, 4}), kVectors = wave({2, 5, 3}, 0.6);

TEST(OutputAttention, EqualsItsFormula) {
  const auto attention = filled();
  const auto w = attention->named_parameters();
  const auto contexts = (*attention)(kOutputs, kVectors, nullptr);
  for (std::int64_t t = 0; t < 5; ++t) {
    auto expected = at::zeros({4}, at::kDouble);
    if (t > 0) {
      std::vector<at::Tensor> u, e;
      for (std::int64_t j = 0; j < t; ++j) {
        u.push_back((at::matmul(w["weight"], at::cat({kVectors[1][j + 1], kOutputs[1][j]})) + w["bias"]).tanh());
        e.push_back(kOutputs[1][t].dot(at::matmul(w["attention.score.weight"][0], u.back())));
      }
      expected = at::matmul(at::stack(e).softmax(0), at::stack(u));
    }
    EXPECT_TRUE(close(contexts[1][t], expected, 1e-13)) << "step " << t;
  }
}

TEST(OutputAttention, LooksStrictlyBackAndNeverAtTheBeginning) {
  const auto attention = filled();
  WeightsKeeper keeper;
  (*attention)(kOutputs, kVectors, &keeper);
  const auto& weights = keeper.weights.at(0);
  ASSERT_EQ(weights.sizes(), at::IntArrayRef({2, 1, 5, 5}));
  for (std::int64_t t = 0; t < 5; ++t)
    for (std::int64_t c = 0; c < 5; ++c)
      EXPECT_EQ(weights[0][0][t][c].item<double>() > 0, c >= 1 && c <= t) << t << " " << c;  // column c holds u_{c−1}
}

TEST(OutputAttention, StepsEqualOnePassAndHypothesesKeepTheirOwn) {
  const auto attention = filled();
  WeightsKeeper whole, stepped;
  const auto contexts = (*attention)(kOutputs, kVectors, &whole);
  OutputAttention::History history;
  const auto turned = at::tensor({1, 0}, at::kLong);
  for (std::int64_t t = 0; t < 5; ++t) {
    const bool exchanged = t >= 3;  // the two rows change places after the third step
    const auto of = [&](const at::Tensor& x) { return exchanged ? x.select(1, t).index_select(0, turned) : x.select(1, t); };
    if (t == 3) history.reorder(turned);
    const auto context = attention->step(of(kOutputs), of(kVectors), history, &stepped);
    EXPECT_TRUE(close(context, of(contexts), 1e-13)) << "step " << t;
    const auto expected = whole.weights[0].select(2, t).narrow(2, 0, t + 1);  // [B, 1, t + 1]
    EXPECT_TRUE(close(stepped.weights.back().squeeze(2), exchanged ? expected.index_select(0, turned) : expected, 1e-13)) << "step " << t;
  }
}

TEST(OutputAttention, OneHypothesisMayBecomeThree) {
  const auto attention = filled();
  const auto expected = (*attention)(kOutputs, kVectors, nullptr)[0][1];
  OutputAttention::History history;
  attention->step(kOutputs[0].narrow(0, 0, 1), kVectors[0].narrow(0, 0, 1), history, nullptr);
  history.reorder(at::tensor({0, 0, 0}, at::kLong));
  const auto three = [](const at::Tensor& x) { return x[0].narrow(0, 1, 1).expand({3, -1}); };
  EXPECT_TRUE(close(attention->step(three(kOutputs), three(kVectors), history, nullptr), expected.expand({3, -1}), 1e-13));
}

TEST(OutputAttention, GradientsReachEveryParameter) {
  const auto attention = filled();
  (*attention)(kOutputs, kVectors, nullptr).square().sum().backward();
  for (const auto& item : attention->named_parameters()) EXPECT_GT(item.value().grad().abs().max().item<double>(), 1e-6) << item.key();
}

TEST(OutputAttention, CannotStandForTheAttentionToASource) {
  expect_error(ErrorKind::kValue, {"output_attention", "model.output_attention: true"},
               [] { make_mechanism("output_attention", {.query_size = 2, .key_size = 2}); });
}

}  // namespace
}  // namespace attend::testing
