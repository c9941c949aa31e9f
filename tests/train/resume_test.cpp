// What may change when a run goes on, what takes no part in training, and that both are said.
#include <filesystem>
#include <fstream>

#include "attend/attention/score.h"
#include "attend/core/random.h"
#include "attend/models/recurrent_options.h"
#include "attend/train/data.h"
#include "support/expect_error.h"
#include "train/training.h"

namespace attend {
namespace {

class Resume : public Training {
 protected:
  static void expect_said(const std::string& said, const std::string& text) { EXPECT_NE(said.find(text), std::string::npos) << said; }
};

TEST_F(Resume, KeysThatCannotChangeAreRefusedByName) {
  train(config("run", {"train.steps=5"}));
  const auto before = read_file(at("run/config.yaml"));
  const std::vector<std::pair<std::string, std::string>> cases{{"model.hidden=64", "model.hidden is 12, asked for was 64"},
                                                               {"model.dropout=0.5", "model.dropout is 0.2, asked for was 0.5"},
                                                               {"train.seed=7", "train.seed is 1, asked for was 7"},
                                                               {"train.optimiser=sgd", "train.optimiser is adam, asked for was sgd"},
                                                               {"train.batch_size=8", "train.batch_size is 16"},
                                                               {"data.max_length=7", "data.max_length is 100"},
                                                               {"data.dev_pairs=10", "data.dev_pairs is 20"},
                                                               {"text.source.kind=characters", "text.source.kind is words"},
                                                               {"train.metric=bleu", "train.metric is loss"},
                                                               {"data.dev_tsv=other.tsv", "data.dev_tsv is '', asked for was other.tsv"}};
  for (const auto& [change, text] : cases) EXPECT_ERROR(train(config("run", {change}), true), kValue, text);
  EXPECT_ERROR(train(config("run", {"train.seed=7"}), true), kValue, "--init-from " + at("run") + " --out NEW");
  EXPECT_EQ(read_file(at("run/config.yaml")), before);
}

TEST_F(Resume, LimitsRatesAndIntervalsMayChange) {
  train(config("run", {"train.steps=5"}));
  const auto said =
      said_by(config("run", {"train.steps=8", "train.rate=0.5", "train.validate_every=4", "train.keep=5", "train.threads=1"}), true);
  expect_said(said, "changed train.rate: 0.5, was 0.01");
  expect_said(said, "changed train.steps: 8, was 5");
  expect_said(said, "changed train.keep: 5, was 2");
  expect_said(read_file(at("run/config.yaml")), "rate: 0.5 ");
}

// What nobody asked for stays as the run has it, though the defaults are others.
TEST_F(Resume, DefaultsAreNoWishes) {
  train(config("run", {"train.steps=5"}));
  Trainer::Start start;
  start.resume = true;
  start.config.train.out = at("run");
  start.config.train.steps = 9;
  start.config.data.of<TableFiles>().tsv = at("data.tsv");
  Trainer trainer(start, {});
  expect_said(trainer.plan().config, "hidden: 12 ");
  EXPECT_EQ(trainer.run(kGoOn).steps, 9);
}

TEST_F(Resume, OtherDataAreRefusedAndMovedOnesAreNot) {
  auto c = config("run", {"train.steps=5"});
  train(c);
  c.train.steps = 10;
  std::filesystem::rename(at("data.tsv"), at("moved.tsv"));
  c.data.of<TableFiles>().tsv = at("moved.tsv");
  expect_said(said_by(c, true), "moved.tsv, was ");
  {
    std::ofstream more(at("moved.tsv"), std::ios::app);
    more << "a b\tb a\n";
  }
  c.train.steps = 15;
  const auto before = weights("run");
  EXPECT_ERROR(train(c, true), kData, at("moved.tsv") + " is not the data.tsv that the run");
  EXPECT_EQ(weights("run"), before);
}

TEST_F(Resume, AStartFromAModelSaysOnlyWhatHolds) {
  train(config("first", {"train.steps=5"}));
  const auto from = "train.init_from=" + at("first");
  EXPECT_ERROR(train(config("second", {from, "model.hidden=64"})), kValue, "model.hidden is 12 there, asked for was 64");
  EXPECT_ERROR(train(config("second", {from, "text.target.kind=characters"})), kValue, "text.target.kind is words there");
  Trainer::Start start;
  start.fit = true;
  start.config.train.out = at("second");
  start.config.train.init_from = at("first");
  start.config.data.of<TableFiles>().tsv = at("data.tsv");
  std::string said;
  TrainEvents events;
  events.message = [&](const std::string& line) { said += line + "\n"; };
  const auto plan = Trainer(start, events).plan();
  expect_said(said, "starting from " + at("first"));
  EXPECT_EQ(said.find("chose model."), std::string::npos) << said;
  EXPECT_EQ(said.find("chose text."), std::string::npos) << said;
  expect_said(plan.config, "hidden: 12 ");
}

TEST_F(Resume, AStartFromAModelMayHaveAnotherDropout) {
  train(config("first", {"train.steps=5"}));
  train(config("second", {"train.init_from=" + at("first"), "model.dropout=0.5", "model.attention_dropout=0.25", "train.steps=5"}));
  const auto second = read_any_model(at("second")).model;
  EXPECT_EQ(second.dropout, 0.5);
  EXPECT_EQ(second.of<WeightDropoutOptions>().dropout, 0.25);
}

// ---- what takes no part, and counting -------------------------------------------------------------------------------

TEST_F(Resume, LongPairsAreToldWithTheCure) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += i % 150 == 7 ? "a b c d e f g h\tb\n" : i % 3 == 1 ? "a b c d e\tb a\n" : "a b\tb a\n";
  write_file_atomic(at("data.tsv"), text);
  const auto said = said_by(config("run", {"data.max_length=4", "train.steps=1", "data.dev_pairs=1"}));
  // 300 − 1 held out; 100 ± 1 have five tokens, two eight.
  expect_said(said, " training pairs with more than data.max_length = 4 tokens on a side, the first " + at("data.tsv") + ":");
  expect_said(said, "data.max_length=5 keeps 99 %, 8 all");
  expect_said(read_file(at("run/train.log")), "data.max_length=5 keeps 99 %");
  EXPECT_EQ(said_by(config("all", {"data.max_length=8", "train.steps=1"})).find("left out"), std::string::npos);
  EXPECT_ERROR(train(config("none", {"data.max_length=1"})), kData, "data.max_length=5 keeps 99 %");
}

TEST_F(Resume, TheShareHeldOutIsTheOneAskedFor) {
  const auto held = [&](const std::vector<std::string>& changes) {
    Trainer::Start start;
    start.config = config("run", changes);
    return Trainer(start, {}).plan().dev_examples;
  };
  EXPECT_EQ(held({"data.dev_pairs=0", "data.dev_share=0.5"}), 60U);  // of 120
  EXPECT_EQ(held({"data.dev_pairs=0", "data.dev_share=0.75"}), 90U);
  EXPECT_EQ(held({"data.dev_pairs=0"}), 6U);
  EXPECT_EQ(held({"data.dev_pairs=11", "data.dev_share=0.5"}), 11U);
  expect_said(said_by(config("many", {"data.dev_pairs=100", "train.steps=1"})),
              "held out 60 of 120 pairs for validation, not data.dev_pairs = 100");
}

// An update does not reach into the next epoch, so two epochs read every pair twice.
TEST_F(Resume, EpochsAreCountedTrulyWithAccumulation) {
  for (const std::string accumulate : {"1", "3", "4", "50"}) {
    auto c = config("run" + accumulate, {"train.epochs=2", "train.steps=0", "train.validate_every=0", "train.accumulate=" + accumulate});
    std::uint64_t updates = 0;
    Trainer::Start start;
    start.config = c;
    Trainer trainer(start, {});
    updates = trainer.plan().updates_per_epoch;
    EXPECT_EQ(trainer.plan().batches_per_epoch, 7U);  // 100 pairs by 16
    EXPECT_EQ(updates, accumulate == "1" ? 7U : accumulate == "3" ? 3U : accumulate == "4" ? 2U : 1U);
    const auto result = trainer.run(kGoOn);
    EXPECT_EQ(result.steps, static_cast<std::int64_t>(2 * updates));
    EXPECT_EQ(result.reason, "2 epochs");
  }
}

TEST_F(Resume, GoldLinksAreHeldToTheirSentences) {
  int count = 0;
  const auto with = [&](const std::string& third) {
    write_file_atomic(at("data.tsv"), "a b\tb a\t0-1 1-0\nb a\ta b\t" + third + "\na\tb\t0-0\na b\tb a\t0-1\na\ta\t0-0\n");
    return config("run" + std::to_string(++count),
                  {"train.guided_weight=1", "data.dev_tsv=" + at("dev.tsv"), "data.dev_pairs=0", "train.steps=1"});
  };
  write_file_atomic(at("dev.tsv"), "a b\tb a\n");
  EXPECT_ERROR(train(with("0-1 2-0")), kData, "data.tsv:2: link 2-0 joins source word 2");
  EXPECT_ERROR(train(with("0-5")), kData, "data.tsv:2: link 0-5 joins target word 5");
  EXPECT_ERROR(train(with("CC-BY")), kData, "data.tsv:2: 'CC-BY' is no link");
  expect_said(said_by(with("")), "1 of 5 training pairs have no gold links");
  EXPECT_EQ(said_by(with("0-1 1-0\tCC-BY 2.0 (Ann)")).find("gold links"), std::string::npos);  // a fourth column is another matter
  write_file_atomic(at("data.tsv"), "a b\tb a\nb a\ta b\n");
  EXPECT_ERROR(train(config("none", {"train.guided_weight=1", "data.dev_tsv=" + at("dev.tsv"), "data.dev_pairs=0"})), kData, "no pair of");
}

}  // namespace
}  // namespace attend
