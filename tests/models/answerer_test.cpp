// Models that answer: probabilities, padding and neighbours, and what each of them is known to be in a limit.
#include "attend/models/answerer.h"
#include "attend/attention/attention_pooling.h"
#include "attend/attention/multi_head.h"
#include "attend/layers/blocks.h"
#include "attend/models/encoder_classifier.h"
#include "attend/models/memory_hops.h"
#include "attend/models/reader.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/transformer_options.h"

#include "attend/models/patch_classifier.h"
#include "support/tensors.h"

namespace attend::testing {
namespace {

constexpr std::int64_t kWords = 9, kAnswers = 7;

// Two items of uneven lengths for every kind of model.
Questions two_items() {
  Questions q;
  q.text = at::tensor({5, 7, 4, 5, 8, 6, 6, 4, 1, 1}, at::kLong).view({2, 5});
  q.text_lengths = at::tensor({5, 3}, at::kLong);
  q.words = at::tensor({0, 1, 2, 0, 4, 0, 0, 2, -1, -1}, at::kLong).view({2, 5});
  q.question = at::tensor({4, 8, 5, 7, 6, 1}, at::kLong).view({2, 3});
  q.question_lengths = at::tensor({3, 2}, at::kLong);
  q.statements = at::tensor({4, 5, 6, 7, 8, 3, 6, 6, 8, 5, 4, 7, 2, 6, 5, 8, 1, 4}, at::kLong).view({2, 3, 3});
  q.statement_lengths = at::tensor({3, 2, 2, 2, 0, 0}, at::kLong).view({2, 3});
  q.counts = at::tensor({3, 1}, at::kLong);
  q.pictures = wave({2, 1, 4, 6}).abs();
  return q;
}

// The second item alone, without its padding.
Questions second_alone() {
  auto q = two_items();
  const auto only = [](const at::Tensor& x, std::int64_t size) { return x.narrow(0, 1, 1).narrow(1, 0, size); };
  q.text = only(q.text, 3);
  q.words = only(q.words, 3);
  q.question = only(q.question, 2);
  q.statements = only(q.statements, 1).narrow(2, 0, 2);
  q.statement_lengths = only(q.statement_lengths, 1);
  for (auto* x : {&q.text_lengths, &q.question_lengths, &q.counts, &q.pictures}) *x = x->narrow(0, 1, 1);
  return q;
}

struct AnswererCase {
  std::string name;
  ModelOptions options;
};
void PrintTo(const AnswererCase& c, std::ostream* out) { *out << c.name; }

ModelOptions small(const std::string& type) {
  ModelOptions o;
  o.type = type;
  o.attention = "multi_head";
  o.embedding = 8;
  o.of<HeadOptions>().heads = 2;
  o.of<TransformerOptions>().feed_forward = 12;
  o.of<EncoderDepthOptions>().encoder_layers = 1;
  o.of<ReadingOptions>().encoder_hidden = 5;
  o.of<CellOptions>().cell = "gru";
  o.of<LongestOptions>().longest = 6;
  o.of<PictureOptions>().picture_width = 6;
  o.of<PictureOptions>().picture_height = 4;
  o.of<PatchOptions>().patch = 2;
  o.of<MemoryHopsOptions>().statements = 4;
  o.of<MemoryHopsOptions>().hops = 2;
  o.of<PonderOptions>().act.max_steps = 4;
  return o;
}

std::vector<AnswererCase> answerer_cases() {
  std::vector<AnswererCase> all;
  const auto add = [&](const std::string& name, ModelOptions o) { all.push_back({name, std::move(o)}); };
  for (const auto* encoder : {"recurrent", "transformer", "universal", "adaptive"})
    for (const auto* pooling : {"attention_pooling", "mean", "first"}) {
      auto o = small("encoder_classifier");
      o.of<ClassifierOptions>().encoder = encoder;
      o.of<PoolingChoiceOptions>().pooling = pooling;
      o.of<PoolingOptions>().rows = 2;
      add(fmt::format("{}_{}", encoder, pooling), o);
    }
  for (const auto* encoder : {"transformer", "universal"}) {
    auto o = small("encoder_classifier");
    o.of<ClassifierOptions>().encoder = encoder;
    o.of<EncoderDepthOptions>().encoder_layers = 2;
    o.of<TransformerOptions>().positions = "relative_bias";
    o.of<RelativeBiasOptions>().shared = true;
    o.of<EmbeddingNormOptions>().embedding_norm = true;
    o.of<TokenTypeOptions>().token_types = 2;
    o.of<BlockOptions>().gated = true;
    add(fmt::format("{}_with_shared_bias_and_types", encoder), o);
  }
  auto whole = small("encoder_classifier");
  whole.of<ClassifierOptions>().encoder = "adaptive";
  whole.of<WholeOptions>().whole = true;
  add("whole", whole);
  for (const auto* reader : {"attention_over_attention", "question_to_doc", "doc_to_question"}) {
    auto o = small("reader");
    o.of<ReaderOptions>().reader = reader;
    add(reader, o);
  }
  for (const bool encoded : {false, true}) {
    auto o = small("memory_hops");
    o.of<MemoryHopsOptions>().position_encoding = encoded;
    add(encoded ? "memory_places" : "memory_bags", o);
  }
  add("patches", small("patch_classifier"));
  return all;
}

std::shared_ptr<Answerer> make_answerer(const ModelOptions& o) {
  auto model = std::dynamic_pointer_cast<Answerer>(make_network(o, kWords, kAnswers));
  fill_parameters(*model, 0.4);
  model->eval();
  return model;
}

// What a model said about where it looked.
class Sites final : public Observer {
 public:
  Request request(const Site&) override { return {.weights = true}; }
  void observe(const Site& site, const Result& result) override { seen.emplace_back(site, result); }
  at::Tensor weights(const std::string& name) const {
    for (const auto& [site, result] : seen)
      if (site.name == name) return result.weights;
    return {};
  }
  std::vector<std::pair<Site, Result>> seen;
};

class AnAnswerer : public ::testing::TestWithParam<AnswererCase> {};
INSTANTIATE_TEST_SUITE_P(All, AnAnswerer, ::testing::ValuesIn(answerer_cases()), [](const auto& about) { return about.param.name; });

TEST_P(AnAnswerer, GivesProbabilities) {
  at::NoGradGuard no_grad;
  const auto q = two_items();
  const auto log_p = make_answerer(GetParam().options)->answer(q, nullptr);
  ASSERT_EQ(log_p.size(0), 2);
  if (GetParam().options.type != "reader") {
    EXPECT_EQ(log_p.size(1), kAnswers);
    EXPECT_TRUE(close(log_p.exp().sum(1), at::ones({2}, at::kDouble), 1e-12));
    return;
  }
  ASSERT_EQ(log_p.size(1), 5);
  EXPECT_TRUE(close(log_p[0][0] + 0.0, log_p[0][3] + 0.0, 1e-12));  // places of one word share its probability
  const auto first = q.words.eq(at::arange(5, at::kLong));          // each word once
  EXPECT_TRUE(close(at::where(first, log_p.exp(), at::zeros({}, at::kDouble)).sum(1), at::ones({2}, at::kDouble), 1e-12));
  EXPECT_TRUE(same(log_p[1].narrow(0, 3, 2).exp(), at::zeros({2}, at::kDouble)));
}

TEST_P(AnAnswerer, Bfloat16IsNear) {
  at::NoGradGuard no_grad;
  auto q = two_items();
  const auto model = make_answerer(GetParam().options);
  const auto exact = model->answer(q, nullptr).exp();  // [B, A]
  model->to(at::kBFloat16);
  const auto near = model->answer(q, nullptr).to(at::kDouble).exp();  // [B, A]
  EXPECT_TRUE(close(near, exact, 0.05)) << "largest difference " << (near - exact).abs().max().item<double>();
  EXPECT_FALSE(same(near, exact)) << "nothing was rounded";
}

TEST_P(AnAnswerer, AnItemDoesNotDependOnItsNeighbours) {
  at::NoGradGuard no_grad;
  const auto model = make_answerer(GetParam().options);
  const auto together = model->answer(two_items(), nullptr)[1], alone = model->answer(second_alone(), nullptr)[0];
  EXPECT_TRUE(close(together.narrow(0, 0, alone.size(0)), alone, 1e-9));
}

TEST_P(AnAnswerer, EveryParameterLearns) {
  const auto model = make_answerer(GetParam().options);
  model->train();
  at::manual_seed(7);
  const auto log_p = model->answer(two_items(), nullptr);
  (-log_p.select(1, 0) - 0.5 * log_p.select(1, 1)).sum().backward();
  for (const auto& p : model->named_parameters()) {
    if (p.key().starts_with("encoder.halting") || p.key().starts_with("encoder.cell.halting")) continue;  // learns where N > 1
    EXPECT_TRUE(p.value().grad().defined()) << p.key();
  }
}

TEST(AttentionOverAttentionReader, CountsWordsWhereNothingIsKnown) {
  at::NoGradGuard no_grad;
  const auto model = make_answerer(small("reader"));
  for (auto& p : model->named_parameters()) p.value().zero_();
  const auto p = model->answer(two_items(), nullptr).exp();
  EXPECT_TRUE(close(p[0], at::tensor({0.4, 0.2, 0.2, 0.4, 0.2}, at::kDouble), 1e-12));
  EXPECT_TRUE(close(p[1].narrow(0, 0, 3), at::tensor({2.0 / 3, 2.0 / 3, 1.0 / 3}, at::kDouble), 1e-12));
}

TEST(AttentionOverAttentionReader, ShowsBothDirections) {
  at::NoGradGuard no_grad;
  Sites sites;
  make_answerer(small("reader"))->answer(two_items(), &sites);
  EXPECT_EQ(sites.weights("reader.alpha").sizes().vec(), (std::vector<std::int64_t>{2, 1, 3, 5}));
  EXPECT_EQ(sites.weights("reader.beta").sizes().vec(), (std::vector<std::int64_t>{2, 1, 5, 3}));
  EXPECT_TRUE(close(sites.weights("reader.attended").sum(-1).flatten(), at::ones({2}, at::kDouble), 1e-12));
}

// By hand: one statement, so p = 1 and every hop adds its value.
TEST(MemoryHops, OneStatementIsAddedAtEveryHop) {
  at::NoGradGuard no_grad;
  auto o = small("memory_hops");
  o.of<MemoryHopsOptions>().position_encoding = false;
  const auto model = make_answerer(o);
  const auto parameters = model->named_parameters();
  const auto table = [&](int k) { return parameters[fmt::format("table_{}.weight", k)]; };
  const auto age = [&](int k) { return parameters[fmt::format("age_{}", k)][0]; };
  auto u = table(0)[7] + table(0)[6];
  for (int k = 1; k <= 2; ++k) u = u + table(k)[5] + table(k)[4] + age(k);
  const auto expected = at::log_softmax(at::linear(u, parameters["output.weight"]), -1);
  EXPECT_TRUE(close(model->answer(two_items(), nullptr)[1], expected, 1e-12));
}

TEST(MemoryHops, LinearWeighsByTheScoresThemselves) {
  at::NoGradGuard no_grad;
  auto q = two_items();
  const auto model = make_answerer(small("memory_hops"));
  Sites soft, linear;
  model->answer(q, &soft);
  q.linear = true;
  model->answer(q, &linear);
  const auto scores = linear.weights("hops")[0][0][0];
  EXPECT_TRUE(close(at::softmax(scores, -1), soft.weights("hops")[0][0][0], 1e-12));
  EXPECT_TRUE(same(linear.weights("hops")[1][0][0].narrow(0, 1, 2), at::zeros({2}, at::kDouble)));
}

// Without positions an encoder and a bag of it cannot tell one order from another; with them they can.
TEST(EncoderClassifier, IsBlindToOrderWithoutPositions) {
  at::NoGradGuard no_grad;
  for (const bool places : {false, true}) {
    auto o = small("encoder_classifier");
    o.of<ClassifierOptions>().encoder = "transformer";
    o.of<TransformerOptions>().positions = places ? "sinusoidal" : "none";
    const auto model = make_answerer(o);
    auto q = two_items();
    const auto before = model->answer(q, nullptr)[0];
    q.text = q.text.index_select(1, at::tensor({3, 1, 4, 2, 0}, at::kLong));
    EXPECT_EQ(static_cast<bool>(close(model->answer(q, nullptr)[0], before, 1e-9)), !places);
  }
}

TEST(EncoderClassifier, TellsItsStepsAndTheirCost) {
  at::NoGradGuard no_grad;
  for (const auto* encoder : {"universal", "adaptive"}) {
    auto o = small("encoder_classifier");
    o.of<ClassifierOptions>().encoder = encoder;
    Sites sites;
    make_answerer(o)->answer(two_items(), &sites);
    const auto steps = sites.weights("act.steps");
    ASSERT_EQ(steps.sizes().vec(), (std::vector<std::int64_t>{2, 1, 1, 5})) << encoder;
    EXPECT_TRUE(same(steps[1][0][0].narrow(0, 3, 2), at::zeros({2}, at::kLong)));
    EXPECT_GE(steps[0].min().item<std::int64_t>(), 1);
    const auto ponder = std::find_if(sites.seen.begin(), sites.seen.end(), [](const auto& s) { return s.first.name == "act.steps"; })
                            ->second.extras.at("ponder")
                            .value;
    EXPECT_TRUE((ponder > steps.sum({1, 2, 3}).to(at::kDouble)).all().item<bool>());  // ρ = N + R, R > 0
  }
}

TEST(EncoderClassifier, AWholeLineHasRoomForItsPlaces) {
  auto o = small("encoder_classifier");
  o.of<WholeOptions>().whole = true;
  o.of<LongestOptions>().longest = 4;
  const auto model = make_answerer(o);
  expect_error(ErrorKind::kValue, {"5 tokens", "model.longest"}, [&] { model->answer(two_items(), nullptr); });
}

TEST(Patches, AreReadRowByRow) {
  const auto picture = at::arange(24, at::kFloat).view({1, 1, 4, 6});
  const auto patches = patches_of(picture, 2);
  ASSERT_EQ(patches.sizes().vec(), (std::vector<std::int64_t>{1, 6, 4}));
  EXPECT_TRUE(same(patches[0][0], at::tensor({0.F, 1.F, 6.F, 7.F})));
  EXPECT_TRUE(same(patches[0][5], at::tensor({16.F, 17.F, 22.F, 23.F})));
  expect_error(ErrorKind::kValue, {"5 pixels", "6 x 4"}, [&] { patches_of(picture, 5); });
}

TEST(Answerers, RefuseWhatCannotWork) {
  auto o = small("patch_classifier");
  o.of<PatchOptions>().patch = 5;
  expect_error(ErrorKind::kValue, {"model.patch", "divisor"}, [&] { make_network(o, 0, kAnswers); });
  o = small("encoder_classifier");
  o.of<ClassifierOptions>().encoder = "transformer";
  o.attention = "none";
  expect_error(ErrorKind::kValue, {"none", "multi_head"}, [&] { make_network(o, kWords, kAnswers); });
  expect_error(ErrorKind::kValue, {"vocabulary of answers"}, [&] { make_network(small("memory_hops"), kWords, 0); });
  expect_error(ErrorKind::kValue, {"task x", "reads a picture", "patch_classifier"}, [] {
    check_kind("reader", {Matter::kPicture, Matter::kAnswer}, "task x");
  });
}

}  // namespace
}  // namespace attend::testing
