// The training loop: what a run leaves on disk, going on bit for bit, and what it does when something is wrong.
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "attend/attention/hard.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/rnn_seq2seq.h"
#include "attend/models/transformer_options.h"
#include "attend/ops/cross_entropy.h"
#include "attend/run/translator.h"
#include "attend/train/data.h"
#include "attend/train/losses.h"
#include "attend/train/optimiser.h"
#include "attend/train/pairs.h"
#include "support/expect_error.h"
#include "support/tensors.h"
#include "train/learner.h"
#include "train/training.h"

namespace attend {
namespace {

namespace fs = std::filesystem;

TEST_F(Training, LeavesARunThatLoadsAndVerifies) {
  const auto result = train(config("run"));
  EXPECT_EQ(result.end, TrainEnd::kFinished);
  EXPECT_EQ(result.steps, 20);
  const auto run = folder_.path() + "/run";
  for (const auto& check : verify_model(run + "/last")) EXPECT_TRUE(check.sound) << check.name << " " << check.problem;
  const Translator translator(run);
  const std::string source[] = {"a b"}, target[] = {"b a"};
  EXPECT_LT(translator.score(source, target)[0].best[0].log_prob, 0);
  std::ifstream metrics(run + "/metrics.jsonl");
  std::vector<std::int64_t> steps;
  for (std::string line; std::getline(metrics, line);) steps.push_back(nlohmann::json::parse(line).at("step").get<std::int64_t>());
  EXPECT_EQ(steps, (std::vector<std::int64_t>{5, 10, 15, 20}));
  EXPECT_TRUE(fs::exists(run + "/samples/step-20.txt"));
  EXPECT_TRUE(fs::is_symlink(run + "/best"));
}

TEST_F(Training, LearnsToReverse) {
  const auto result = train(config("run", {"train.steps=400", "train.validate_every=100", "model.hidden=32", "model.encoder_hidden=32",
                                           "model.embedding=16", "model.dropout=0", "train.metric=exact", "train.label_smoothing=0"}));
  EXPECT_GE(result.best_figure, 0.8);
}

TEST_F(Training, ResumingContinuesBitForBit) {
  for (const std::string type : {"rnn_seq2seq", "transformer"}) {
    std::vector<std::string> changes{"model.type=" + type, "model.attention=scaled_dot", "train.schedule=plateau", "train.accumulate=2",
                                     "train.save_every=7"};
    if (type == "rnn_seq2seq") changes.emplace_back("model.encoder_hidden=6");
    train(config(type + "-whole", changes));
    std::atomic<bool> stop{false};
    TrainEvents events;
    events.step = [&](const StepReport& r) {
      if (r.step == 13) stop = true;  // in the middle of an epoch, between checkpoints
    };
    auto c = config(type + "-parts", changes);
    EXPECT_EQ(train(c, false, events, stop).end, TrainEnd::kInterrupted);
    EXPECT_NE(weights(type + "-parts"), weights(type + "-whole"));
    EXPECT_EQ(train(c, true).steps, 20);
    EXPECT_EQ(weights(type + "-parts"), weights(type + "-whole"));
    EXPECT_EQ(optimiser(type + "-parts"), optimiser(type + "-whole"));
  }
}

TEST_F(Training, KeepsTheBestAndTheLast) {
  train(config("run", {"train.keep=1"}));
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder_.path() + "/run"))
    if (entry.is_directory() && !entry.is_symlink() && entry.path().filename() != "samples") names.insert(entry.path().filename());
  EXPECT_LE(names.size(), 2u);
  EXPECT_TRUE(names.contains("step-20"));
}

TEST_F(Training, RefusesToOverwriteARun) {
  train(config("run", {"train.steps=1"}));
  EXPECT_ERROR(train(config("run")), kFile, "already holds a training run; continue it with --resume");
  EXPECT_ERROR(train(config("other"), true), kFile, "nothing to resume");
}

TEST_F(Training, StopsAtALossThatIsNoNumber) {
  train(config("first", {"train.steps=1"}));
  const auto path = folder_.path() + "/first/last/weights.safetensors";
  auto bytes = read_file(path);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(bytes.data() + bytes.size() - sizeof nan, &nan, sizeof nan);
  write_file_atomic(path, bytes);
  verify_when_loading(false);  // the checksum would tell
  EXPECT_ERROR(train(config("second", {"train.init_from=" + folder_.path() + "/first/last"})), kData, "data.tsv:");
  verify_when_loading(true);
}

TEST_F(Training, DiskFullKeepsThePreviousCheckpoint) {
  auto c = config("run", {"train.steps=5", "model.hidden=64"});
  train(c);
  const auto before = weights("run");
  c.train.steps = 10;
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  rlimit small{50000, old.rlim_max};  // enough for the configuration, not for the weights
  setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_ERROR(train(c, true), kFile, "weights.safetensors");
  setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_EQ(weights("run"), before);
  for (const auto& check : verify_model(folder_.path() + "/run/last")) EXPECT_TRUE(check.sound);
  for (const auto& entry : fs::directory_iterator(folder_.path() + "/run"))
    EXPECT_EQ(entry.path().string().find(".partial-"), std::string::npos) << entry.path();
}

// The best loss of a run's validations, and what it said of the average of its checkpoints.
struct Averaging {
  double single = std::numeric_limits<double>::infinity();
  std::string said;
};
Averaging averaging_of(const std::string& run) {
  Averaging found;
  std::ifstream metrics(run + "/metrics.jsonl"), log(run + "/train.log");
  for (std::string line; std::getline(metrics, line);)
    found.single = std::min(found.single, nlohmann::json::parse(line).at("loss").get<double>());
  for (std::string line; std::getline(log, line);)
    if (line.find("average of the 4 best checkpoints: loss ") != line.npos) found.said += line;
  return found;
}

// A rate that is too large throws the weights about a place that their mean is nearer to.
TEST_F(Training, AnAverageThatIsBetterIsKept) {
  const auto result = train(config("run", {"train.steps=200", "train.validate_every=10", "train.keep=4", "train.average=4",
                                           "train.rate=0.05", "train.validate_pairs=0", "model.dropout=0"}));
  const auto [single, said] = averaging_of(at("run"));
  EXPECT_LT(result.best_figure, single);
  EXPECT_TRUE(said.ends_with("; kept as best")) << said;
  const auto best = fs::read_symlink(at("run") + "/best").string();
  ASSERT_EQ(best, "average-200");
  for (const auto& check : verify_model(at("run") + "/best")) EXPECT_TRUE(check.sound) << check.name << " " << check.problem;
  EXPECT_DOUBLE_EQ(nlohmann::json::parse(read_file(at("run") + "/best/average.json")).at("figure").get<double>(), result.best_figure);
  // Its weights are the mean of those of the four best.
  const auto weights_in = [](const std::string& folder) { return named_weights(*read_any_model(folder).network); };
  const auto kept = nlohmann::json::parse(read_file(at("run") + "/last/training.json")).at("kept");
  ASSERT_EQ(kept.size(), 4u);
  std::vector<NamedTensors> four;
  for (const auto& entry : kept) four.push_back(weights_in(at("run") + "/step-" + std::to_string(entry.at(0).get<std::int64_t>())));
  const auto mean = weights_in(at("run") + "/best");
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const auto expected = (four[0][i].second + four[1][i].second + four[2][i].second + four[3][i].second) / 4;
    EXPECT_TRUE(at::allclose(mean[i].second, expected, 1e-6, 1e-6)) << mean[i].first;
  }
}

// While the loss still falls the newest checkpoint is better than what lies behind it.
TEST_F(Training, AnAverageThatIsWorseIsNotKept) {
  const auto result = train(config("run", {"train.steps=40", "train.validate_every=10", "train.keep=4", "train.average=4",
                                           "train.validate_pairs=0", "model.dropout=0"}));
  const auto [single, said] = averaging_of(at("run"));
  EXPECT_NE(said, "") << "no average was tried";
  EXPECT_EQ(said.find("kept as best"), said.npos) << said;
  EXPECT_DOUBLE_EQ(result.best_figure, single);
  EXPECT_EQ(fs::read_symlink(at("run") + "/best").string(), "step-40");
  for (const auto& entry : fs::directory_iterator(at("run")))
    EXPECT_FALSE(entry.path().filename().string().starts_with("average-")) << entry.path();
}

TEST_F(Training, ResumingAFinishedRunChangesNothing) {
  train(config("run"));
  const auto before = weights("run");
  EXPECT_EQ(train(config("run"), true).steps, 20);
  EXPECT_EQ(weights("run"), before);
}

TEST_F(Training, StartsFromAnotherModel) {
  train(config("first", {"train.steps=5"}));
  auto c = config("second", {"train.steps=1", "train.rate=0", "train.init_from=" + folder_.path() + "/first"});
  train(c);
  EXPECT_EQ(weights("second"), weights("first"));
}

// Mechanisms that draw, remember or add losses of their own: a run goes through, and going on is bit for bit there too.
TEST_F(Training, EveryKindOfMechanismResumesBitForBit) {
  for (const std::string attention :
       {"hard", "gumbel_st", "coverage", "location_sensitive", "monotonic", "soft_psi", "local_rnn", "additive"}) {
    SCOPED_TRACE(attention);
    const bool revises = attention == "additive";  // with drafts that are spoilt at random
    std::vector<std::string> changes{"model.attention=" + attention, "train.guided_weight=0.5", "train.steps=12"};
    if (attention == "hard" || attention == "gumbel_st") changes.emplace_back("model.score=additive");
    if (attention == "local_rnn") changes.emplace_back("model.local_size=4");
    if (revises) changes.insert(changes.end(), {"model.revise=true", "train.draft_noise=0.2"});
    train(config(attention + "-whole", changes));
    auto c = config(attention + "-parts", changes);
    c.train.steps = 7;
    train(c);
    c.train.steps = 12;
    EXPECT_EQ(train(c, true).steps, 12);
    EXPECT_EQ(weights(attention + "-parts"), weights(attention + "-whole"));
  }
}

// Nothing but drawn positions, no bridge and an encoder too small to say the whole source anywhere: where to look can only come from
// the reward. Adam takes the reward's size out of the attention's own updates; a small weight keeps its noise out of the others.
TEST_F(Training, HardAttentionLearnsFromItsReward) {
  write_data({.task = "copy", .pairs = 400, .shortest = 3, .longest = 4, .symbols = 12});
  const auto learned = [&](const std::string& name, double weight) {
    auto c = config(name, {"model.attention=hard", "model.score=location", "model.location_size=8", "model.bridge=zero", "model.cell=gru",
                           "model.hidden=32", "model.embedding=16", "model.dropout=0", "train.reward=to_go", "train.entropy_weight=0",
                           "train.steps=500", "train.validate_every=100", "data.dev_pairs=50", "train.metric=exact",
                           "train.validate_pairs=0", "train.label_smoothing=0"});
    c.train.of<RewardOptions>().reward_weight = weight;
    c.model.of<SoftShareOptions>().share = 1e-12;  // above 0 for check_config alone
    return train(c).best_figure;
  };
  EXPECT_GE(learned("right", 1e-4), 0.6);    // ten seeds: 0.74 to 1.00
  EXPECT_LE(learned("wrong", -1e-4), 0.35);  // 0.10 to 0.24
}

TEST_F(Training, GuidanceNeedsLinksAndHardAttentionNeedsAGradient) {
  write_file_atomic(folder_.path() + "/a.en", "a b\nb a\n");
  auto c = config("run", {"train.guided_weight=1"});
  c.data.of<TableFiles>().tsv = "";
  c.data.of<PairOptions>().source = c.data.of<PairOptions>().target = folder_.path() + "/a.en";
  EXPECT_ERROR(train(c), kValue, "third column of data.tsv");
  EXPECT_ERROR(train(config("run", {"model.attention=hard", "train.reward_weight=0", "model.hard_soft_share=0"})), kValue,
               "hard_st or gumbel");
  EXPECT_ERROR(train(config("run", {"model.type=transformer", "model.self_attention=hard"})), kValue, "the attention to the source alone");
}

TEST_F(Training, AnUnknownMetricIsHelped) {
  EXPECT_ERROR(train(config("run", {"train.metric=blue"})), kUnknownName, "did you mean 'bleu'");
}

TEST_F(Training, AMetricThatTheTaskCannotHaveIsRefused) {
  EXPECT_ERROR(train(config("run", {"train.metric=cider"})), kValue,
               "train.metric: cider needs several references of each, which training for task translate does not have; it can have one of: "
               "loss, perplexity, bleu");
  EXPECT_FALSE(fs::exists(at("run")));
}

// What is not counted unasked is counted when it is to choose, behind what is.
TEST_F(Training, AnyMetricOfTextsCanChooseTheBest) {
  for (const std::string metric : {"cer", "rouge_l"}) {
    const auto result = train(config(metric, {"train.metric=" + metric}));
    std::ifstream metrics(at(metric) + "/metrics.jsonl");
    std::vector<double> figures;
    for (std::string line; std::getline(metrics, line);) figures.push_back(nlohmann::json::parse(line).at(metric).get<double>());
    ASSERT_EQ(figures.size(), 4u);
    const auto [least, most] = std::minmax_element(figures.begin(), figures.end());
    ASSERT_NE(*least, *most);
    EXPECT_EQ(result.best_figure, metric == "cer" ? *least : *most);
  }
  EXPECT_EQ(nlohmann::json::parse(read_file(at("cer") + "/metrics.jsonl").substr(0, read_file(at("cer") + "/metrics.jsonl").find('\n')))
                .contains("rouge_l"),
            false);
}

TEST(Metrics, LossesAndErrorsAreBetterWhenSmaller) {
  for (const auto* name : {"bleu", "chrf", "exact", "accuracy", "cider", "rouge_l", "macro_f1"})
    EXPECT_TRUE(larger_is_better(name)) << name;
  for (const auto* name : {"loss", "perplexity", "bits_per_character", "wer", "cer", "aer"}) EXPECT_FALSE(larger_is_better(name)) << name;
  EXPECT_ERROR(larger_is_better("blue"), kUnknownName, "did you mean 'bleu'");
  for (const auto& task : task_names()) EXPECT_NO_THROW(find_metric(find_task(task).metric)) << task;
}

// A line of training names what people know by other names, and shares in per cent; what is no metric is a share of attention.
TEST(Metrics, AreToldInALineOfTraining) {
  ValidationReport report;
  report.step = 5;
  report.seconds = 62;
  report.train_loss = 2.1;
  report.figures = {{"loss", 2.3}, {"perplexity", 9.97}, {"bleu", 12.1}, {"wer", 0.5}, {"cider", 0.25}, {"support_0", 0.75}};
  EXPECT_EQ(validation_text(report),
            "update 5      1 min 02 s  train 2.100  valid 2.300  ppl 9.97  BLEU 12.10  wer 50.0 %  cider 0.25  support_0 75.0 %");
}

TEST(Metrics, WithoutAValueAreTheWorst) {
  MetricFigures counted;
  counted.add({.metric = &find_metric("accuracy"), .value = std::nullopt});
  counted.add({.metric = &find_metric("loss"), .value = std::nullopt});
  const auto figures = figures_of(counted);
  EXPECT_EQ(figures, (Figures{{"loss", std::numeric_limits<double>::infinity()}, {"accuracy", 0}}));
}

TEST(CrossEntropy, EqualsLibtorchInValueAndGradient) {
  const auto logits = at::cos(at::arange(35, at::kDouble)).view({5, 7}).mul(3);
  const auto targets = at::tensor({1, 0, 6, 3, 3}, at::kLong);
  for (const double smoothing : {0.0, 0.1, 0.5}) {
    auto ours = logits.clone().requires_grad_(true), theirs = logits.clone().requires_grad_(true);
    const auto entropy = cross_entropy(ours, targets, smoothing);
    const auto expected = at::cross_entropy_loss(theirs, targets, {}, at::Reduction::Sum, -100, smoothing);
    (entropy.loss * 0.7).backward();
    (expected * 0.7).backward();
    EXPECT_NEAR(entropy.loss.item<double>(), expected.item<double>(), 1e-12);
    EXPECT_TRUE(at::allclose(ours.grad(), theirs.grad(), 1e-12, 1e-12));
    const auto nll = at::cross_entropy_loss(logits, targets, {}, at::Reduction::Sum);
    EXPECT_NEAR(entropy.nll, nll.item<double>(), 1e-12);
  }
}

}  // namespace
}  // namespace attend
