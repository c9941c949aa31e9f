// "I love you" → 我爱你, second step: one query on the three encoder states under every score. All numbers are rounded to six
// decimals in the worked example, so 1e-6 is as near as they can be met.
#include "attend/attention/history.h"
#include "attend/attention/local.h"
#include "attend/attention/local_p.h"
#include "attention/single_head.h"

namespace attend::testing {
namespace {

constexpr double kRounded = 1e-6;

// h_i = tanh(2 x_i + 0.5 h_{i−1}) over one-hot x, s_0 = tanh(W_b h_you).
struct Example {
  at::Tensor states = at::empty({1, 1, 3, 3}, at::kDouble);
  at::Tensor first_query, query;  // s_0, s_1 [1, 1, 1, 3]

  Example() {
    auto h = at::zeros({3}, at::kDouble);
    for (std::int64_t i = 0; i < 3; ++i) {
      h = (2 * at::eye(3, at::kDouble)[i] + 0.5 * h).tanh();
      states[0][0][i] = h;
    }
    first_query = at::stack({2 * h[2], -h[2], -h[2]}).tanh().view({1, 1, 1, 3});
    const auto c = make("dot")(first_query).context.view({3});
    const auto start = at::tensor({-1.0, 2.0, -1.0}, at::kDouble);  // W_y's column of <s>
    query = (start + 0.5 * first_query.view({3}) + 0.5 * c).tanh().view({1, 1, 1, 3});
  }

  std::function<Result(const at::Tensor&)> make(const std::string& name, const std::map<std::string, at::Tensor>& parameters = {},
                                                MechanismOptions o = {}) const {
    o.query_size = o.key_size = 3;
    o.of<InnerScoreOptions>().score = "dot";
    const auto mechanism = make_filled(name, o);
    for (const auto& [key, value] : parameters) set_parameter(*mechanism, key, value);
    return [mechanism, s = states](const at::Tensor& q) { return run(*mechanism, {q, s, s, {}}); };
  }
};

void expect_numbers(const at::Tensor& got, std::initializer_list<double> expected) {
  EXPECT_TRUE(close(got.flatten(), at::tensor(at::ArrayRef<double>(expected), at::kDouble), kRounded));
}

TEST(WorkedExample, EncoderStatesAndBridge) {
  const Example x;
  expect_numbers(x.states, {0.964028, 0, 0, 0.447855, 0.964028, 0, 0.220258, 0.447855, 0.964028});
  expect_numbers(x.first_query, {0.958576, -0.746068, -0.746068});
  expect_numbers(x.query, {-0.133425, 0.941440, -0.866010});
}

TEST(WorkedExample, DotAtTheFirstStep) {
  const Example x;
  const auto r = x.make("dot")(x.first_query);
  expect_numbers(r.weights, {0.681217, 0.202322, 0.116461});
  expect_numbers(r.context, {0.772974, 0.247202, 0.112272});
  expect_numbers(energies(r), {0.924094, -0.289927, -0.842226});
}

TEST(WorkedExample, DotAtTheSecondStep) {
  const Example x;
  const auto r = x.make("dot")(x.query);
  expect_numbers(r.weights, {0.228023, 0.605401, 0.166576});
  expect_numbers(r.context, {0.527642, 0.658225, 0.160584});
  expect_numbers(energies(r), {-0.128625, 0.847819, -0.442617});
  expect_numbers(r.entropy, {0.939473});
  expect_numbers(r.weights.max().log(), {-0.501865});
}

TEST(WorkedExample, ScaledDot) {
  const Example x;
  expect_numbers(x.make("scaled_dot")(x.query).weights, {0.278439, 0.489287, 0.232274});
}

TEST(WorkedExample, CosineWithGainOne) {
  const Example x;
  expect_numbers(x.make("cosine", {{"score.log_gain", at::zeros({1})}})(x.query).weights, {0.258372, 0.532882, 0.208746});
}

TEST(WorkedExample, GeneralWithTwiceTheIdentity) {
  const Example x;
  expect_numbers(x.make("general", {{"score.weight", 2 * at::eye(3).unsqueeze(0)}})(x.query).weights, {0.116514, 0.821307, 0.062179});
}

TEST(WorkedExample, AdditiveAndConcat) {
  const Example x;
  const auto identity = at::eye(3).unsqueeze(0), ones = at::ones({1, 3});
  const std::initializer_list<double> expected = {0.305341, 0.261363, 0.433297};
  expect_numbers(
      x.make("additive", {{"score.query_weight", identity}, {"score.key_weight", identity}, {"score.energy", ones}})(x.query).weights,
      expected);
  expect_numbers(x.make("concat", {{"score.weight", at::cat({identity, identity}, 2)}, {"score.energy", ones}})(x.query).weights, expected);
}

TEST(WorkedExample, AdditiveRelu) {
  const Example x;
  const auto identity = at::eye(3).unsqueeze(0);
  expect_numbers(x.make("additive_relu", {{"score.query_weight", identity},
                                          {"score.key_weight", identity},
                                          {"score.energy", at::ones({1, 3})},
                                          {"score.bias", at::zeros({1, 3})}})(x.query)
                     .weights,
                 {0.295386, 0.462264, 0.242350});
}

TEST(WorkedExample, SparseNormalisers) {
  const Example x;
  MechanismOptions o;
  o.of<WeightOptions>().normaliser = "sparsemax";
  expect_numbers(x.make("dot", {}, o)(x.query).weights, {0.011778, 0.988222, 0});
  o.of<WeightOptions>().normaliser = "entmax15";
  expect_numbers(x.make("dot", {}, o)(x.query).weights, {0.157914, 0.784299, 0.057787});
}

TEST(WorkedExample, LocalMAtTheFirstStep) {
  const Example x;
  MechanismOptions o;
  o.of<LocalOptions>().window = 1;
  const auto r = x.make("local_m", {}, o)(x.first_query);
  expect_numbers(r.weights, {0.771010, 0.228990, 0});
  expect_numbers(r.extras.at("centre").value, {0});
}

TEST(WorkedExample, LocalP) {
  const Example x;
  const std::map<std::string, at::Tensor> identity = {{"centre_weight", at::eye(3).unsqueeze(0)}, {"centre_vector", at::ones({1, 3})}};
  MechanismOptions o;
  o.of<LocalOptions>().window = 1;
  const auto r = x.make("local_p", identity, o)(x.query);
  expect_numbers(r.extras.at("centre").value, {0.427983});
  expect_numbers(r.weights, {0.189677, 0.377548, 0});
  expect_numbers(r.weights.sum(), {0.567224});
  o.of<LocalPOptions>().renormalise = true;
  expect_numbers(x.make("local_p", identity, o)(x.query).weights, {0.334395, 0.665605, 0});
}

TEST(WorkedExample, CoverageAfterTheFirstStep) {
  const Example x;
  const auto mechanism = make_filled("coverage", {.query_size = 3, .key_size = 3});
  const auto identity = at::eye(3).unsqueeze(0);
  set_parameter(*mechanism, "score.query_weight", identity);
  set_parameter(*mechanism, "score.key_weight", identity);
  set_parameter(*mechanism, "score.energy", at::ones({1, 3}));
  set_parameter(*mechanism, "coverage_weight", at::full({1, 3, 1}, -1.0));
  const auto memory = mechanism->prepare(x.states, x.states, {});
  const auto state = mechanism->start(memory, 1);
  dynamic_cast<HistoryState&>(*state).kept["total"] = x.make("dot")(x.first_query).weights;
  const auto r = mechanism->attend(x.query, memory, state.get(), Request::everything());
  expect_numbers(r.weights, {0.145132, 0.313184, 0.541684});
  expect_numbers(r.extras.at("coverage_loss").value, {0.463915});
}

TEST(WorkedExample, HardReadsLove) {
  const Example x;
  const auto r = x.make("hard")(x.query);
  expect_numbers(r.extras.at("choice").value, {1});
  expect_numbers(r.extras.at("log_prob").value, {-0.501865});
  expect_numbers(r.entropy, {0.939473});
  expect_numbers(r.context, {0.447855, 0.964028, 0});
}

TEST(WorkedExample, QkvLayer) {
  const Example x;
  const auto identity = at::eye(3).unsqueeze(0), zero = at::zeros({1, 3});
  expect_numbers(
      x.make("qkv_layer", {{"context_weight", identity}, {"query_weight", identity}, {"context_bias", zero}, {"query_bias", zero}})(x.query)
          .context,
      {0.405288, 1.517151, -0.642092});
}

}  // namespace
}  // namespace attend::testing
