// "I love you" → 我爱你: every number of the worked example, through the ordinary model classes. The numbers are rounded to six
// decimals, so 1e-6 is as near as they can be met.
#include <gtest/gtest.h>

#include "attend/layers/basic.h"
#include "attend/layers/recurrent.h"
#include "attend/models/steps.h"
#include "attend/search/search.h"
#include "attend/trace/examples.h"
#include "models/seq2seq_checks.h"

namespace attend::testing {
namespace {

constexpr double kRounded = 1e-6;

at::Tensor numbers(std::initializer_list<double> values) { return at::tensor(at::ArrayRef<double>(values), at::kDouble); }
void expect_numbers(const at::Tensor& got, std::initializer_list<double> expected) {
  EXPECT_TRUE(close(got.flatten(), numbers(expected), kRounded));
}

struct Example {
  TranslationModel model = worked_example_rnn();
  const Seq2Seq& network = *model.network;
  at::Tensor source = ids(*model.source, kWorkedExampleSource), lengths = at::full({1}, 3, at::kLong);

  static at::Tensor ids(const Tokenizer& tokenizer, const char* text) {
    std::vector<std::int64_t> out;
    for (const auto& token : tokenizer.encode(text)) out.push_back(token.id);
    return at::tensor(out, at::kLong).unsqueeze(0);  // [1, L]
  }
  /// 我爱你 with </s>, [1, 4]
  at::Tensor target() const {
    return at::cat({ids(*model.target, kWorkedExampleTarget), at::full({1, 1}, SpecialIds().end, at::kLong)}, 1);
  }
  at::Tensor inputs() const {
    return at::cat({at::full({1, 1}, SpecialIds().begin, at::kLong), ids(*model.target, kWorkedExampleTarget)}, 1);
  }
  template <class Part>
  std::shared_ptr<Part> part(const std::string& name) const {
    return std::dynamic_pointer_cast<Part>(network.named_children()[name]);
  }
  std::vector<SearchResult> found(std::int64_t beam, std::int64_t n_best, std::int64_t length = 7) const {
    SearchOptions o;
    o.beam = beam;
    o.n_best = n_best;
    o.length_penalty = 0;
    o.max_length_ratio = 0;
    o.max_length_extra = length;
    return search(*steps_of(network, source, lengths), o, {.record = true});
  }
  std::string text(const FoundHypothesis& h) const { return model.target->decode(h.tokens); }
};

// What each of the four steps shows.
struct Step {
  at::Tensor energies, weights, context, state, logits;
};

std::vector<Step> steps_of(const Example& x) {
  at::NoGradGuard no_grad;
  std::vector<Step> steps;
  const auto encoded = x.network.encode(x.source, x.lengths, nullptr);
  const auto state = x.network.start(*encoded, 4);
  const auto inputs = x.inputs();
  for (std::int64_t t = 0; t < 4; ++t) {
    ResultKeeper keeper;
    const auto out = x.network.step(*encoded, *state, inputs.narrow(1, t, 1), &keeper).flatten();  // [c; s]
    const auto& r = keeper.seen.at("decoder.attention.0").at(0);
    steps.push_back({r.weights.log() + r.lse.unsqueeze(-1), r.weights, r.context, out.narrow(0, 3, 3), x.network.logits(out).flatten()});
    EXPECT_TRUE(same(out.narrow(0, 0, 3), r.context.flatten()));
  }
  return steps;
}

TEST(WorkedExample, ReadsAndSaysWhatItsNameSays) {
  const Example x;
  EXPECT_EQ(x.source.size(1), 3);
  EXPECT_EQ(x.model.source->piece(static_cast<std::int32_t>(x.source[0][1].item<std::int64_t>())), "love");
  EXPECT_EQ(x.target().size(1), 4);
  EXPECT_EQ(x.target().min().item<std::int64_t>(), SpecialIds().end);  // nothing unknown
}

TEST(WorkedExample, EncoderAndBridge) {
  const Example x;
  const auto encoder = x.part<RecurrentEncoder>("encoder");
  const auto h = (*encoder)((*x.part<Embedding>("source_embedding"))(x.source), x.lengths);
  expect_numbers(h.states, {0.964028, 0, 0, 0.447855, 0.964028, 0, 0.220258, 0.447855, 0.964028});
  expect_numbers(h.states.atanh(), {2, 0, 0, 0.482014, 2, 0, 0.223927, 0.482014, 2});
  expect_numbers(h.last, {0.220258, 0.447855, 0.964028});
  const auto before = (*x.part<Linear>("bridge"))(h.last);
  expect_numbers(before, {1.928055, -0.964028, -0.964028});
  expect_numbers(before.tanh(), {0.958576, -0.746068, -0.746068});
}

TEST(WorkedExample, Attention) {
  const auto steps = steps_of(Example{});
  expect_numbers(steps[0].energies, {0.924094, -0.289927, -0.842226});
  expect_numbers(steps[1].energies, {-0.128625, 0.847819, -0.442617});
  expect_numbers(steps[2].energies, {-0.641705, -0.488545, 0.660002});
  expect_numbers(steps[3].energies, {-0.937511, -1.354094, -1.453883});
  expect_numbers(steps[0].weights, {0.681217, 0.202322, 0.116461});
  expect_numbers(steps[1].weights, {0.228023, 0.605401, 0.166576});
  expect_numbers(steps[2].weights, {0.171201, 0.199537, 0.629262});
  expect_numbers(steps[3].weights, {0.443267, 0.292244, 0.264489});
  expect_numbers(steps[0].context, {0.772974, 0.247202, 0.112272});
  expect_numbers(steps[1].context, {0.527642, 0.658225, 0.160584});
  expect_numbers(steps[2].context, {0.393006, 0.474177, 0.606626});
  expect_numbers(steps[3].context, {0.616460, 0.400184, 0.254975});
}

TEST(WorkedExample, StatesAndLogits) {
  const auto steps = steps_of(Example{});
  expect_numbers(steps[0].state.atanh(), {-0.134225, 1.750567, -1.316898});
  expect_numbers(steps[1].state.atanh(), {-0.802891, -0.200167, 1.647287});
  expect_numbers(steps[2].state.atanh(), {-2.136322, -1.861680, -1.232445});
  expect_numbers(steps[3].state.atanh(), {0.821983, 0.723675, 0.705844});
  expect_numbers(steps[0].state, {-0.133425, 0.941440, -0.866010});
  expect_numbers(steps[1].state, {-0.665650, -0.197536, 0.928484});
  expect_numbers(steps[2].state, {-0.972494, -0.952834, -0.843287});
  expect_numbers(steps[3].state, {0.676148, 0.619181, 0.608064});
  const auto words = [](const at::Tensor& logits) { return logits.narrow(0, SpecialIds().end, 4); };
  expect_numbers(words(steps[0].logits), {-0.057995, 2.127914, -1.256853, -0.737637});
  expect_numbers(words(steps[1].logits), {0.065298, 0.038938, 1.556708, -0.929996});
  expect_numbers(words(steps[2].logits), {-2.768615, -1.247624, -0.894565, 3.114682});
  expect_numbers(words(steps[3].logits), {1.903392, 1.196943, 0.536997, -2.410087});
}

TEST(WorkedExample, Probabilities) {
  const auto steps = steps_of(Example{});
  expect_numbers(steps[0].logits.softmax(0), {0, 0, 0, 0.093396, 0.831108, 0.028163, 0.047333});
  expect_numbers(steps[1].logits.softmax(0), {0, 0, 0, 0.147341, 0.143508, 0.654691, 0.054460});
  expect_numbers(steps[2].logits.softmax(0), {0, 0, 0, 0.002695, 0.012334, 0.017556, 0.967416});
  expect_numbers(steps[3].logits.softmax(0), {0, 0, 0, 0.567600, 0.280050, 0.144752, 0.007598});
}

TEST(WorkedExample, TeacherForcingSeesTheSame) {
  const Example x;
  ResultKeeper keeper;
  const auto encoded = x.network.encode(x.source, x.lengths, nullptr);
  const auto out = x.network.decode(*encoded, x.inputs(), at::full({1}, 4, at::kLong), &keeper);
  const auto steps = steps_of(x);
  const auto& weights = keeper.seen.at("decoder.attention.0").at(0).weights;  // [1, 1, 4, 3]
  for (std::int64_t t = 0; t < 4; ++t) {
    EXPECT_TRUE(close(weights[0][0][t], steps[static_cast<std::size_t>(t)].weights.flatten(), 1e-14));
    EXPECT_TRUE(close(out[0][t].narrow(0, 3, 3), steps[static_cast<std::size_t>(t)].state, 1e-14));
  }
  expect_numbers(weights.sum(2), {1.523708, 1.299504, 1.176789});
}

TEST(WorkedExample, LossAndItsGradient) {
  const Example x;
  const auto encoded = x.network.encode(x.source, x.lengths, nullptr);
  const auto out = x.network.decode(*encoded, x.inputs(), at::full({1}, 4, at::kLong), nullptr);
  const auto nll = -at::log_softmax(x.network.logits(out), -1).gather(2, x.target().unsqueeze(-1));
  expect_numbers(nll, {0.184995, 0.423592, 0.033127, 0.566338});
  expect_numbers(nll.sum(), {1.208053});
  expect_numbers(nll.mean(), {0.302013});
  expect_numbers(nll.mean().exp(), {1.352579});
  nll.sum().backward();
  // ∂/∂W_b[i, j] = ∂/∂s_0[i] · (1 − s_0[i]²) · h_you[j]
  const auto by_weight = x.network.named_parameters()["bridge.weight"].grad().select(1, 2);
  const auto start = numbers({0.958576, -0.746068, -0.746068});
  const auto by_state = by_weight / ((1 - start.square()) * 0.964028);
  expect_numbers(by_state, {0.016963, 0.051309, 0.059115});
}

TEST(WorkedExample, EveryBeamFindsTheSentence) {
  const Example x;
  for (const std::int64_t beam : {1, 2, 3, 10}) {
    const auto best = x.found(beam, 1).at(0).best.at(0);
    EXPECT_EQ(x.text(best), kWorkedExampleTarget) << "beam " << beam;
    EXPECT_NEAR(best.log_prob, -1.208053, kRounded);
  }
}

// The first two hypotheses that end are the empty one and 我; a search that stopped there would say 我.
TEST(WorkedExample, TwoFinishedHypothesesAreNoReasonToStop) {
  const Example x;
  const auto found = x.found(2, 1).at(0);
  std::vector<float> finished;
  for (const auto& node : found.nodes)
    if (node.end == NodeEnd::kFinished) finished.push_back(node.score);
  ASSERT_GE(finished.size(), 3u);
  EXPECT_NEAR(finished[0], -2.370905, kRounded);  // empty
  EXPECT_NEAR(finished[1], -2.099998, kRounded);  // 我
  EXPECT_EQ(x.text(found.best[0]), kWorkedExampleTarget);
}

TEST(WorkedExample, NBest) {
  const Example x;
  const auto best = x.found(1000, 5).at(0).best;
  const std::vector<std::pair<std::string, double>> expected{
      {"我爱你", -1.208053}, {"我", -2.099998}, {"", -2.370905}, {"我爱你我爱你", -3.124296}, {"我爱你爱你", -3.230680}};
  ASSERT_EQ(best.size(), expected.size());
  for (std::size_t n = 0; n < best.size(); ++n) {
    EXPECT_EQ(x.text(best[n]), expected[n].first);
    EXPECT_NEAR(best[n].log_prob, expected[n].second, 2e-6);  // searched in float32
  }
}

TEST(WorkedExample, LengthAndCoveragePenalties) {
  const Example x;
  SearchOptions o;
  o.beam = 2;
  o.length_penalty = 0.6;
  o.coverage_penalty = 0.2;
  const auto best = search(*steps_of(x.network, x.source, x.lengths), o).at(0).best.at(0);
  EXPECT_EQ(x.text(best), kWorkedExampleTarget);
  EXPECT_NEAR(best.score, -0.947177, 2e-6);  // every word is covered, so the coverage term is 0
}

TEST(WorkedExample, LinksByTheLargestWeight) {
  const Example x;
  const auto ids = x.target().to(at::kInt);  // [1, 4]
  const std::vector<std::int32_t> target(ids.data_ptr<std::int32_t>(), ids.data_ptr<std::int32_t>() + ids.numel());
  const auto found = force(*steps_of(x.network, x.source, x.lengths), {&target, 1}, {.record = true}).at(0);
  EXPECT_NEAR(found.best.at(0).log_prob, -1.208053, kRounded);
  ASSERT_EQ(found.maps.size(), 1u);
  const auto weights = at::tensor(found.maps[0].weights, at::kFloat).view({4, 3});
  EXPECT_TRUE(same(weights.argmax(1).narrow(0, 0, 3), at::arange(3, at::kLong)));
}

}  // namespace
}  // namespace attend::testing
