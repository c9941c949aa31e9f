// A run's folder after copies, kills, damage and company: nothing is lost, and going on stays bit for bit.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attend/store/run_folder.h"
#include "attend/train/runs.h"
#include "support/expect_error.h"
#include "train/run_lock.h"
#include "train/training.h"

namespace attend {
namespace {

class RunFolder : public Training {
 protected:
  // Ten updates in `name`, and what twenty without a break come to in `whole`.
  Config ten(const std::string& name, const std::vector<std::string>& changes = {}) {
    std::vector<std::string> all{"train.steps=10", "train.keep=3"};
    all.insert(all.end(), changes.begin(), changes.end());
    auto c = config(name, all);
    train(c);
    c.train.steps = 20;
    return c;
  }
  void expect_like_whole(const std::string& name) {
    if (!std::filesystem::exists(at("whole"))) train(config("whole", {"train.keep=3"}));
    EXPECT_EQ(weights(name), weights("whole"));
    EXPECT_EQ(optimiser(name), optimiser("whole"));
    EXPECT_EQ(link(name + "/best"), link("whole/best"));
    EXPECT_EQ(link(name + "/last"), "step-20");
    EXPECT_EQ(lines(name), lines("whole"));
  }
  void damage(const std::string& checkpoint) const {
    const auto path = at(checkpoint) + "/weights.safetensors";
    auto bytes = read_file(path);
    bytes[bytes.size() - 3] ^= 1;
    write_file_atomic(path, bytes);
  }
  std::string link(const std::string& name) const { return std::filesystem::read_symlink(at(name)).string(); }
  // A link to another target, or none.
  void point(const std::string& name, const std::string& target) const {
    std::filesystem::remove(at(name));
    if (!target.empty()) std::filesystem::create_symlink(target, at(name));
  }
  std::vector<std::int64_t> lines(const std::string& name) const {
    std::vector<std::int64_t> steps;
    std::ifstream in(at(name) + "/metrics.jsonl");
    for (std::string line; std::getline(in, line);) steps.push_back(nlohmann::json::parse(line).at("step").get<std::int64_t>());
    return steps;
  }
};

TEST_F(RunFolder, LinksLostInCopyingAreNoLoss) {
  const auto c = ten("run");
  for (const auto* name : {"run/last", "run/best"}) std::filesystem::remove(at(name));
  auto anew = c;
  EXPECT_ERROR(train(anew), kFile, "already holds a training run");
  EXPECT_EQ(train(c, true).steps, 20);
  expect_like_whole("run");
}

TEST_F(RunFolder, LinksTurnedIntoFoldersAreMended) {
  auto c = ten("run");
  std::filesystem::copy(at("run"), at("copy"), std::filesystem::copy_options::recursive);
  ASSERT_FALSE(std::filesystem::is_symlink(at("copy/last")));
  c.train.out = at("copy");
  EXPECT_NE(said_by(c, true).find("is a link to step-10 again"), std::string::npos);
  expect_like_whole("copy");
  // One that was copied alone takes the name of its checkpoint.
  std::filesystem::create_directory(at("alone"));
  std::filesystem::copy(at("run/last/"), at("alone/last"), std::filesystem::copy_options::recursive);
  c.train.out = at("alone");
  EXPECT_EQ(train(c, true).steps, 20);
  EXPECT_EQ(weights("alone"), weights("whole"));
  EXPECT_EQ(link("alone/last"), "step-20");
}

TEST_F(RunFolder, AFolderInALinksPlaceIsSaidBeforeTraining) {
  const auto c = ten("run");
  std::filesystem::remove(at("run/best"));
  std::filesystem::create_directory(at("run/best"));
  write_file_atomic(at("run/best/mine.txt"), "mine");
  TrainEvents events;
  events.step = [](const StepReport&) { FAIL() << "trained before it complained"; };
  EXPECT_ERROR(train(c, true, events), kFile, "run/best: expected a link");
  EXPECT_EQ(read_file(at("run/best/mine.txt")), "mine");
}

// Every state that a kill between two writes can leave, in this version or an older one.
TEST_F(RunFolder, AKillBetweenTwoLinksIsMended) {
  int round = 0;
  for (const auto* best : {"step-5", "step-99", ""})
    for (const auto* last : {"step-5", "step-99", ""}) {
      const auto name = "run" + std::to_string(++round);
      SCOPED_TRACE(fmt::format("best -> '{}', last -> '{}'", best, last));
      const auto c = ten(name);
      point(name + "/best", best);
      point(name + "/last", last);
      EXPECT_EQ(train(c, true).steps, 20);
      expect_like_whole(name);
    }
}

TEST_F(RunFolder, ADamagedCheckpointIsPassedOver) {
  const auto c = ten("run");
  damage("run/step-10");
  const auto said = said_by(c, true);
  EXPECT_NE(said.find("step-10 is damaged (weights.safetensors: its checksum"), std::string::npos) << said;
  EXPECT_NE(said.find("resuming after update 5"), std::string::npos) << said;
  EXPECT_TRUE(std::filesystem::exists(at("run/damaged-step-10/weights.safetensors")));
  expect_like_whole("run");
}

TEST_F(RunFolder, PruningKeepsWhatAResumeGoesOnFrom) {
  auto c = ten("run", {"train.steps=15"});
  c.train.steps = 20;
  damage("run/step-15");
  point("run/best", "step-15");  // as `last` does, so that neither link speaks for the one before it
  EXPECT_EQ(prune_run(at("run"), false).paths, std::vector<std::string>{at("run/step-5")});
  EXPECT_NE(said_by(c, true).find("resuming after update 10"), std::string::npos);
  expect_like_whole("run");
}

TEST_F(RunFolder, NothingIsRemovedThatTheRunDidNotMake) {
  const auto c = ten("run", {"train.keep=1"});
  std::filesystem::create_directories(at("run/step-7"));
  std::filesystem::create_directories(at("run/step-best-of-all"));
  for (const auto* name : {"run/step-7/notes", "run/step-best-of-all/notes", "run/notes.txt", "run/average-x"})
    write_file_atomic(at(name), "mine");
  train(c, true);
  for (const auto* name : {"run/step-7/notes", "run/step-best-of-all/notes", "run/notes.txt", "run/average-x"})
    EXPECT_EQ(read_file(at(name)), "mine");
}

// An average that was best stays so until a single checkpoint is better.
TEST_F(RunFolder, AnAverageStaysBestUntilBeaten) {
  for (const double figure : {1e-6, 1e6}) {
    const auto name = figure < 1 ? "good" : "bad";
    const auto c = ten(name);
    const auto average = at(std::string(name) + "/average-10");
    std::filesystem::copy(at(std::string(name) + "/step-10"), average, std::filesystem::copy_options::recursive);
    std::filesystem::remove(average + "/training.json");
    write_file_atomic(average + "/average.json", nlohmann::json{{"step", 10}, {"figure", figure}, {"larger_is_better", false}}.dump());
    auto manifest = nlohmann::json::parse(read_file(average + "/manifest.json"));
    manifest["files"].erase("training.json");
    write_file_atomic(average + "/manifest.json", manifest.dump());
    point(std::string(name) + "/best", "average-10");
    bool any_best = false;
    TrainEvents events;
    events.validated = [&](const ValidationReport& r) { any_best = any_best || r.best; };
    const auto result = train(c, true, events);
    EXPECT_EQ(link(std::string(name) + "/best") == "average-10", figure < 1);
    EXPECT_EQ(std::filesystem::exists(average), figure < 1);
    EXPECT_EQ(result.best_figure == figure, figure < 1);
    EXPECT_EQ(any_best, figure > 1);
    EXPECT_EQ(weights(name), (train(config(std::string("whole-") + name, {"train.keep=3"})), weights(std::string("whole-") + name)));
  }
}

TEST_F(RunFolder, TwoTrainingsCannotShareAFolder) {
  const auto c = ten("run");
  std::filesystem::create_directory(at("fresh"));
  const RunLock there(at("run")), fresh(at("fresh"));
  EXPECT_ERROR(train(c, true), kFile, fmt::format("process {} works in this run's folder", getpid()));
  EXPECT_ERROR(train(config("fresh")), kFile, fmt::format("process {} works in this run's folder", getpid()));
  EXPECT_TRUE(RunLock::is_held(at("run")));
  Trainer::Start dry;
  dry.config = c;
  dry.resume = dry.dry_run = true;
  EXPECT_GT(Trainer(dry, {}).plan().examples, 0U);  // to look is free
}

// A checkpoint between two validations that turns out to be the last is judged before it is saved.
TEST_F(RunFolder, TheLastCheckpointCanBeTheBest) {
  bool best = false;
  TrainEvents events;
  events.validated = [&](const ValidationReport& r) { best = r.best; };
  train(config("run", {"train.steps=14", "train.validate_every=50", "train.save_every=7"}), false, events);
  EXPECT_TRUE(best);
  EXPECT_EQ(link("run/best"), "step-14");
}

// The model that a run stands for, and what is said of it.
TEST_F(RunFolder, AModelIsFoundWithoutItsLinks) {
  ten("run");
  const auto best = link("run/best");
  EXPECT_EQ(locate_model(at("run")).folder, at("run/best"));
  EXPECT_EQ(locate_model(at("run")).note, "");
  std::filesystem::remove(at("run/best"));
  EXPECT_EQ(locate_model(at("run")).folder, at("run/" + best));
  EXPECT_NE(locate_model(at("run")).note.find("taking " + best), std::string::npos);
  std::filesystem::create_symlink("step-99", at("run/best"));  // dangling
  EXPECT_EQ(locate_model(at("run")).folder, at("run/" + best));
  std::filesystem::remove(at("run/last"));
  EXPECT_EQ(locate_model(at("run")).folder, at("run/" + best));
  EXPECT_ERROR(locate_model(folder_.path()), kFile, "not a model");
}

TEST_F(RunFolder, WhatARunWritesDown) {
  train(config("run"));
  std::ifstream in(at("run") + "/metrics.jsonl");
  std::string line;
  std::getline(in, line);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json.at("rate"), 0.01);
  EXPECT_GT(json.at("gradient_norm").get<double>(), 0);
  EXPECT_GT(json.at("tokens_per_second").get<double>(), 0);
  EXPECT_GT(json.at("memory_peak_bytes").get<double>(), 1e7);
  // At most ln of the longest source: four letters and </s>.
  EXPECT_GT(json.at("attention_entropy").get<double>(), 0);
  EXPECT_LE(json.at("attention_entropy").get<double>(), std::log(5.0) + 1e-6);
  const auto log = read_file(at("run/train.log"));
  EXPECT_NE(log.find("training examples"), std::string::npos);
  EXPECT_NE(log.find("update 20 "), std::string::npos);
  EXPECT_NE(log.find("done: 20 updates"), std::string::npos);
  EXPECT_EQ(log.substr(4, 1), "-");  // a date
  EXPECT_EQ(nlohmann::json::parse(read_file(at("run/end.json"))).at("step"), 20);
  auto more = config("run", {"train.steps=21"});
  train(more, true);
  const auto longer = read_file(at("run/train.log"));
  EXPECT_TRUE(longer.starts_with(log));
  EXPECT_NE(longer.find("changed train.steps: 21, was 20"), std::string::npos);

  train(config("none", {"model.attention=none", "train.steps=5"}));
  EXPECT_EQ(read_file(at("none/metrics.jsonl")).find("attention_entropy"), std::string::npos);
}

TEST_F(RunFolder, RunsAreListedPrunedAndStripped) {
  const auto c = config("runs/a/b", {"train.keep=4"});
  train(c);
  train(config("runs/c", {"train.steps=5"}));
  const auto a = at("runs/a/b");
  std::filesystem::create_directory(at("runs/d"));
  put_file(at("runs/d/lock"), "123\n");
  put_file(at("runs/d/config.yaml"), "task: translate\n");
  const auto found = find_runs({at("runs")});
  EXPECT_EQ(found.runs, (std::vector<std::string>{a, at("runs/c")}));
  EXPECT_EQ(found.without_checkpoint.size(), 1u);
  EXPECT_TRUE(found.without_checkpoint.at(0).starts_with(at("runs/d") + ": its training ended before the first checkpoint"));
  EXPECT_ERROR(find_runs({at("nowhere")}), kFile, "no such folder");
  const auto about = about_run(a);
  EXPECT_EQ(about.task, "translate");
  EXPECT_EQ(about.model, "rnn_seq2seq, additive");
  EXPECT_EQ(about.updates, 20);
  EXPECT_EQ(about.metric, "loss");
  EXPECT_EQ(about.checkpoints, 4U);
  EXPECT_EQ(about.state, RunState::kFinished);
  EXPECT_TRUE(about.resumable);
  std::filesystem::remove(a + "/end.json");
  EXPECT_EQ(about_run(a).state, RunState::kInterrupted);
  {
    const RunLock lock(a);
    EXPECT_EQ(about_run(a).state, RunState::kRunning);
    EXPECT_ERROR(prune_run(a, false), kFile, "works in this run's folder");
    EXPECT_ERROR(strip_run(a, false), kFile, "works in this run's folder");
  }
  const auto best = link("runs/a/b/best");
  const auto would = prune_run(a, true);
  EXPECT_EQ(about_run(a).checkpoints, 4U);
  EXPECT_EQ(would.paths, prune_run(a, false).paths);
  EXPECT_EQ(about_run(a).checkpoints, best == "step-20" ? 1U : 2U);
  EXPECT_EQ(about_run(a).best, about.best);
  EXPECT_TRUE(std::filesystem::exists(a + "/best/manifest.json") && std::filesystem::exists(a + "/last/manifest.json"));
  auto on = c;
  on.train.steps = 25;
  EXPECT_EQ(train(on, true).steps, 25);

  EXPECT_GT(strip_run(a, true).bytes, 0U);
  EXPECT_TRUE(about_run(a).resumable);
  EXPECT_GT(strip_run(a, false).bytes, 0U);
  EXPECT_FALSE(about_run(a).resumable);
  for (const auto& check : verify_model(a)) EXPECT_TRUE(check.sound) << check.name;
  on.train.steps = 30;
  EXPECT_ERROR(train(on, true), kFile, "without the optimiser's state; start another run from them with --init-from");
}

}  // namespace
}  // namespace attend
