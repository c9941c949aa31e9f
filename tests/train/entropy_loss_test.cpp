// The entropy of attention as part of what training lowers.
#include "train/entropy_loss.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attend/attention/score.h"
#include "attend/models/seq2seq.h"
#include "attend/train/captions.h"
#include "attend/train/data.h"
#include "attend/train/questions.h"
#include "support/expect_error.h"
#include "support/gradcheck.h"
#include "support/sites.h"
#include "train/auxiliary.h"
#include "train/training.h"

namespace attend {
namespace {

TrainOptions weighing(double weight, std::vector<std::string> sites = {}, std::vector<std::string> heads = {}) {
  TrainOptions o;
  o.of<RewardOptions>().entropy_weight = 0;
  auto& e = o.of<EntropyLossOptions>();
  e.weight = weight, e.sites = std::move(sites), e.heads = std::move(heads);
  return o;
}

// By the definition, over live rows of chosen heads; weights [B, H, T, S].
double entropy_by_definition(const at::Tensor& weights, const std::vector<std::int64_t>& lengths, const std::vector<std::int64_t>& heads) {
  double sum = 0, rows = 0;
  for (std::int64_t b = 0; b < weights.size(0); ++b)
    for (const auto h : heads)
      for (std::int64_t t = 0; t < lengths[static_cast<std::size_t>(b)]; ++t, ++rows)
        for (std::int64_t s = 0; s < weights.size(3); ++s)
          if (const auto w = weights[b][h][t][s].item<double>(); w > 0) sum -= w * std::log(w);
  return sum / rows;
}

// Two items of 4 and 2 steps that look at 5 positions through 2 heads.
struct Small {
  at::Tensor scores = testing::leaf(at::arange(80, at::kDouble).mul(0.7).cos().view({2, 2, 4, 5}));
  AuxiliaryBatch batch;
  Small() {
    batch.target_lengths = at::tensor({4, 2}, at::kLong);
    batch.source_lengths = at::tensor({5, 3}, at::kLong);
    batch.units = 6;
  }
  Result result() const {
    Result r;
    const auto weights = at::softmax(scores, -1);  // [2, 2, 4, 5]
    r.context = at::zeros({2, 2, 4, 1}, at::kDouble);
    r.entropy = -(weights * weights.log()).sum(-1);  // [2, 2, 4]
    return r;
  }
  at::Tensor loss(const TrainOptions& o, const std::vector<Site>& sites) const {
    AuxiliaryLosses losses(o, 1);
    for (const auto& site : sites) losses.observe(site, result());
    return losses.loss(batch);
  }
};

TEST(EntropyLoss, IsTheMeanOverLiveRowsChosenHeadsAndSites) {
  const Small s;
  const auto weights = at::softmax(s.scores, -1).detach();
  const auto cross = sites::decoder_cross(0), self = sites::encoder_self(0);
  const auto by_target = entropy_by_definition(weights, {4, 2}, {0, 1}), of_head = entropy_by_definition(weights, {4, 2}, {1}),
             by_source = entropy_by_definition(weights, {4, 3}, {0, 1});
  const auto loss = [&](const TrainOptions& o, const std::vector<Site>& sites) { return s.loss(o, sites).item<double>(); };
  EXPECT_NEAR(loss(weighing(0.5), {cross}), 0.5 * 6 * by_target, 1e-12);
  EXPECT_NEAR(loss(weighing(-2), {cross}), -2 * 6 * by_target, 1e-12);
  EXPECT_NEAR(loss(weighing(1, {}, {"1"}), {cross}), 6 * of_head, 1e-12);
  EXPECT_NEAR(loss(weighing(1), {cross, self}), 6 * (by_target + by_source) / 2, 1e-12);  // rows of a reader end with the source
  EXPECT_NEAR(loss(weighing(1, {"source"}), {cross, self}), 6 * by_target, 1e-12);
  EXPECT_NEAR(loss(weighing(1, {"encoder.self"}), {cross, self}), 6 * by_source, 1e-12);
  EXPECT_FALSE(s.loss(weighing(0), {cross}).defined());
  EXPECT_FALSE(s.loss(weighing(1, {"decoder.self"}), {cross, self}).defined());
}

TEST(EntropyLoss, GradientsAreThoseOfDifferences) {
  const Small s;
  const auto o = weighing(0.7, {}, {"0"});
  testing::expect_gradients([&] { return s.loss(o, {sites::decoder_cross(0)}); }, {{"scores", s.scores}});
}

// Through the fused kernel in float32 as through the plain composition in float64: every parameter of a whole network.
TEST(EntropyLoss, FlowsThroughTheKernel) {
  for (const auto* score : {"scaled_dot", "additive"}) {
    ModelOptions o;
    o.type = "transformer";
    o.attention = "multi_head";
    o.embedding = 8;
    o.of<HeadOptions>().heads = 2;
    o.of<InnerScoreOptions>().score = score;
    o.of<TransformerOptions>().feed_forward = 12;
    o.of<EncoderDepthOptions>().encoder_layers = o.of<DecoderDepthOptions>().decoder_layers = 2;
    at::manual_seed(4);
    const auto network = make_model(o, 9, 9);
    network->eval();
    const auto source = at::tensor({4, 6, 5, 3, 5, 3, 1, 1}, at::kLong).view({2, 4}), lengths = at::tensor({4, 2}, at::kLong),
               inputs = at::tensor({2, 4, 5, 2, 6, 1}, at::kLong).view({2, 3}), target_lengths = at::tensor({3, 2}, at::kLong);
    const auto options = weighing(1.3);
    struct Kept final : Observer {
      explicit Kept(AuxiliaryLosses& losses) : inner(losses) {}
      Request request(const Site& site) override { return inner.request(site); }
      void observe(const Site& site, const Result& result) override {
        by.insert(std::string(result.by));
        inner.observe(site, result);
      }
      AuxiliaryLosses& inner;
      std::set<std::string> by;
    };
    const auto gradients = [&](const char* expected) {
      AuxiliaryLosses losses(options, 1);
      Kept kept(losses);
      for (auto& item : network->named_parameters()) item.value().mutable_grad() = at::Tensor();
      const auto encoded = network->encode(source, lengths, &kept);
      network->decode(*encoded, inputs, target_lengths, &kept);
      AuxiliaryBatch batch;
      batch.target_lengths = target_lengths, batch.source_lengths = lengths, batch.units = 5;
      losses.loss(batch).backward();
      EXPECT_EQ(kept.by, (std::set<std::string>{expected})) << score;
      std::map<std::string, at::Tensor> all;
      for (auto& item : network->named_parameters())
        if (item.value().grad().defined()) all[item.key()] = item.value().grad().to(at::kDouble).clone();
      return all;
    };
    const auto fused = gradients("fused");
    network->to(at::kDouble);
    const auto plain = gradients("plain");
    double largest = 0;
    for (const auto& [name, expected] : plain) largest = std::max(largest, expected.abs().max().item<double>());
    EXPECT_GT(largest, 1e-2) << "the loss hardly depends on anything";
    for (const auto& [name, own] : fused)  // the kernel's way back says of values that nothing comes from them
      EXPECT_TRUE(plain.contains(name) || own.abs().max().item<double>() == 0) << name;
    for (const auto& [name, expected] : plain) EXPECT_LT((fused.at(name) - expected).abs().max().item<double>(), 2e-5 * largest) << name;
  }
}

TEST(EntropyLoss, WhatHasNoneIsAnErrorThatSaysSo) {
  const auto checked = [](std::vector<std::string> words, std::vector<Site> sites, std::vector<std::string> heads = {}) {
    EntropyLossOptions o;
    o.weight = 1, o.sites = std::move(words), o.heads = std::move(heads);
    check_entropy_sites(o, sites);
  };
  auto hard = sites::decoder_attention();
  hard.mechanism = "hard";
  const Site steps{.name = "encoder.ponder", .rows = RowAxis::kSource, .columns = ColumnAxis::kSource};
  const auto cross = sites::decoder_cross(0);
  EXPECT_NO_THROW(checked({}, {cross, steps}));  // what has none is passed over where nobody names it
  EXPECT_NO_THROW(checked({"source", "decoder.cross"}, {cross}));
  EXPECT_ERROR(checked({}, {hard}), kValue, "decoder.attention is hard, which learns from a reward and has train.entropy_weight");
  EXPECT_ERROR(checked({"encoder.ponder"}, {cross, steps}), kValue, "encoder.ponder is no mechanism of attention; leave it out");
  EXPECT_ERROR(checked({"decoder.crosss"}, {cross}), kUnknownName, "did you mean 'decoder.cross'");
  EXPECT_ERROR(checked({}, {}), kValue, "this model has no attention whose entropy could be learned");
  EXPECT_ERROR(checked({}, {cross}, {"first"}), kValue, "expected numbers of heads from 0, got 'first'");
  EntropyLossOptions o;
  o.weight = 1;
  EXPECT_ERROR(mean_entropy(o, cross, {}, {}), kValue, "tells no entropy");
  Result fixed;
  fixed.entropy = at::ones({1, 2, 3});
  EXPECT_ERROR(mean_entropy(o, cross, fixed, {}), kValue, "does not depend on what is learned");
  o.heads = {"2"};
  fixed.entropy = testing::leaf(at::ones({1, 2, 3}, at::kDouble));
  EXPECT_ERROR(mean_entropy(o, cross, fixed, {}), kValue, "decoder.cross has 2 heads, got head 2");
}

class EntropyTraining : public Training {
 protected:
  // The entropies in the last line of a run's metrics.
  nlohmann::json entropies(const std::string& run) const {
    std::ifstream in(at(run) + "/metrics.jsonl");
    std::string line, last;
    while (std::getline(in, line)) last = line;
    return nlohmann::json::parse(last).value("attention_entropies", nlohmann::json::object());
  }
  double total(const std::string& run) const {
    double sum = 0;
    const auto all = entropies(run);
    for (const auto& [site, entropy] : all.items()) sum += entropy.get<double>();
    return sum;
  }
  // Trains three times and expects the penalty's entropy below, the bonus's above that of neither.
  void expect_moves(const std::string& name, std::vector<std::string> changes, double apart, bool tsv = false) const {
    changes.insert(changes.end(), {"train.steps=40", "train.validate_every=40", "model.dropout=0", "train.rate=0.02"});
    const auto run = [&](const std::string& sign, const std::vector<std::string>& more) {
      auto all = changes;
      all.insert(all.end(), more.begin(), more.end());
      auto c = config(name + sign, all);
      if (!tsv) c.data.of<TableFiles>().tsv = "";
      train(c);
      EXPECT_FALSE(entropies(name + sign).empty()) << name;
      return total(name + sign);
    };
    const double neither = run("_none", {"train.attention_entropies=true"}), penalty = run("_less", {"train.attention_entropy=1"}),
                 bonus = run("_more", {"train.attention_entropy=-1"});
    EXPECT_LT(penalty, neither - apart) << name;
    EXPECT_GT(bonus, neither + apart) << name;
  }
};

TEST_F(EntropyTraining, MovesItForTranslations) {
  expect_moves("rnn", {}, 0.02, /*tsv=*/true);
  expect_moves("transformer", {"model.type=transformer"}, 0.02, /*tsv=*/true);
  EXPECT_TRUE(entropies("transformer_less").contains("decoder.cross.0"));
  EXPECT_TRUE(entropies("transformer_less").contains("encoder.self.0"));
}

TEST_F(EntropyTraining, MovesItForALanguageModel) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += i % 3 == 0 ? "abcab\n" : "bcaac\n";
  write_file_atomic(at("text.txt"), text);
  expect_moves("lm",
               {"task=generate", "model.type=transformer_lm", "model.attention=scaled_dot", "text.target.kind=characters", "data.length=12",
                "data.text=" + at("text.txt")},
               0.02);
}

TEST_F(EntropyTraining, MovesItForAClassifier) {
  std::string text;
  for (const auto* word : {"tea", "rain", "snow", "song", "road"})
    for (int i = 0; i < 4; ++i) text += fmt::format("good the {} was fine\nbad the {} was dull\n", word, word);
  write_file_atomic(at("labelled.txt"), text);
  expect_moves("classifier",
               {"task=classify", "model.type=encoder_classifier", "model.encoder=transformer", "model.attention=multi_head",
                "data.text=" + at("labelled.txt"), "data.dev_share=0.2"},
               0.02);
}

// Beside what training does anyway: nothing changes where nobody asks, and asking to be told changes no weight.
TEST_F(EntropyTraining, BeingToldChangesNothing) {
  train(config("silent", {"train.steps=5"}));
  train(config("told", {"train.steps=5", "train.attention_entropies=true"}));
  EXPECT_TRUE(entropies("silent").empty());
  EXPECT_TRUE(entropies("told").contains("decoder.attention"));
  EXPECT_EQ(weights("silent"), weights("told"));
}

TEST_F(EntropyTraining, GoesOnWhereItStopped) {
  const std::vector<std::string> same{"train.attention_entropy=-0.5", "train.attention_entropy_sites=source", "train.validate_every=6",
                                      "train.save_every=4"};
  const auto of = [&](const std::string& name, const std::string& steps) {
    auto changes = same;
    changes.push_back("train.steps=" + steps);
    return config(name, changes);
  };
  train(of("whole", "12"));
  train(of("parts", "4"));  // between two validations: what was summed up goes along
  train(of("parts", "12"), /*resume=*/true);
  EXPECT_EQ(weights("parts"), weights("whole"));
  EXPECT_EQ(entropies("parts"), entropies("whole"));
  EXPECT_ERROR(train(config("parts", {"train.attention_entropy=0.5", "train.steps=20"}), true), kValue, "train.attention_entropy is -0.5");
}

TEST_F(EntropyTraining, AModelWithoutAttentionIsRefused) {
  EXPECT_ERROR(train(config("none", {"model.attention=none", "train.attention_entropy=1"})), kValue, "this model has no attention");
  EXPECT_ERROR(train(config("hard", {"model.attention=hard", "model.score=general", "train.attention_entropy=1"})), kValue,
               "train.entropy_weight");
}

}  // namespace
}  // namespace attend
