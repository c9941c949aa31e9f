// Runs as their owners meet them: listed, cleared up, copied, killed.
#include <random>

#include "cli/program.h"

namespace attend {
namespace {

class Runs : public Cli {};

TEST_F(Runs, AreListedPrunedAndStripped) {
  copied_run("runs/a");
  const auto listed = run({"runs", folder_.path()});
  EXPECT_EQ(listed.code, 0) << listed.err;
  EXPECT_NE(listed.out.find("runs/a  translate  rnn_seq2seq, additive  60 "), std::string::npos) << listed.out;
  EXPECT_NE(listed.out.find("finished"), std::string::npos) << listed.out;
  EXPECT_NE(run({"runs", "list", folder_ / "runs"}).out.find("runs/a  translate"), std::string::npos);

  expect_failure(run({"runs", "prune", folder_ / "runs"}), 2, "--yes");
  expect_failure(run({"runs", "prune"}), 2, "name the runs");
  expect_failure(run({"runs", folder_ / "nowhere"}), 1, "nowhere");
  const auto would = run({"runs", "prune", folder_ / "runs", "--dry-run"});
  EXPECT_EQ(would.code, 0) << would.err;
  EXPECT_EQ(run({"runs", "prune", folder_ / "runs", "--yes"}).out, would.out);
  EXPECT_EQ(run({"translate", folder_ / "runs/a"}, "a b\n").code, 0);

  const auto stripped = run({"runs", "strip", folder_ / "runs/a", "--yes"});
  EXPECT_EQ(stripped.code, 0) << stripped.err;
  EXPECT_NE(stripped.err.find("--resume is not possible"), std::string::npos) << stripped.err;
  EXPECT_NE(run({"runs", folder_.path()}).out.find("stripped"), std::string::npos);
  EXPECT_EQ(run({"info", folder_ / "runs/a", "--verify"}).code, 0);
  expect_failure(run({"train", "--resume", "--out", folder_ / "runs/a", "--set", "train.epochs=40"}), 1, "--init-from");
}

TEST_F(Runs, VerbsSayWhichCheckpointTheyTake) {
  const auto copy = copied_run("copy");
  EXPECT_EQ(run({"translate", copy}, "a b\n").err, "");
  fs::remove(copy + "/best");
  for (const auto* verb : {"translate", "info", "score"}) {
    const auto outcome = std::string(verb) == "score" ? run({verb, copy, "--tsv", *shared_ / "data/test.tsv"}) : run({verb, copy}, "a b\n");
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.err.find("`best` is missing; taking step-"), std::string::npos) << verb << outcome.err;
  }
  EXPECT_EQ(run({"translate", copy, "--quiet"}, "a b\n").err, "");
}

TEST_F(Runs, GoOnWithWhatTheyBeganWith) {
  const auto out = folder_ / "run";
  ASSERT_EQ(run(train_arguments(out, {"--set", "train.steps=20"})).code, 0);
  const auto config = slurp(out + "/config.yaml");
  expect_failure(run({"train", "--resume", "--out", out, "--set", "model.hidden=64"}), 1,
                 "model.hidden is 16, asked for was 64 (--set model.hidden=64)");
  expect_failure(run({"train", "--resume", "--out", out, "--seed", "9"}), 1, "train.seed is 1, asked for was 9");
  expect_failure(run({"train", "--resume", "--out", out, "--init-from", model()}), 1, "give one of them");
  EXPECT_EQ(slurp(out + "/config.yaml"), config);
  const auto on = run({"train", "--resume", "--out", out, "--set", "train.steps=30", "--threads", "1"});
  EXPECT_EQ(on.code, 0) << on.err;
  EXPECT_NE(on.err.find("changed train.steps: 30, was 20"), std::string::npos) << on.err;
  fs::remove(out + "/config.yaml");  // a copy without it has that of its checkpoints
  EXPECT_EQ(run({"train", "--resume", "--out", out, "--set", "train.steps=31", "--threads", "1"}).code, 0);
}

TEST_F(Runs, AreTrainedByOneProcessAtATime) {
  const auto out = folder_ / "run";
  const pid_t child = start(train_arguments(out, {"--set", "train.steps=100000", "--set", "train.epochs=0", "--set", "train.patience=0"}),
                            "/dev/null", folder_ / "o", folder_ / "e");
  ASSERT_TRUE(wait_until([&] { return fs::exists(out + "/last/manifest.json"); })) << slurp(folder_ / "e");
  EXPECT_NE(run({"runs", out}).out.find("running"), std::string::npos);
  const auto second = run({"train", "--resume", "--out", out});
  kill(child, SIGKILL);
  wait_for(child);
  expect_failure(second, 1, "process " + std::to_string(child) + " works in this run's folder");
  EXPECT_NE(run({"runs", out}).out.find("interrupted"), std::string::npos);
}

// Whenever it is killed, both links name sound checkpoints or none is there, and the run goes on.
TEST_F(Runs, SurviveKillsAtAnyMoment) {
  const auto out = folder_ / "run";
  std::mt19937 random(11);
  auto arguments = train_arguments(out, {"--set", "train.steps=100000", "--set", "train.epochs=0", "--set", "train.patience=0", "--set",
                                         "train.validate_every=1", "--set", "train.validate_pairs=1", "--quiet"});
  const char* wanted = std::getenv("ATTEND_KILLS");
  const int rounds = wanted ? std::atoi(wanted) : 3;
  for (int round = 0; round < rounds; ++round) {
    ASSERT_TRUE(killed(arguments, out, random() % 1500));
    for (const auto* link : {"/best", "/last"}) {
      const auto verified = run({"info", out + link, "--verify"});
      ASSERT_EQ(verified.code, 0) << link << verified.out << verified.err;
    }
    if (round == 0) arguments.emplace_back("--resume");
  }
  const auto step = std::stoll(fs::read_symlink(out + "/last").string().substr(std::string("step-").size()));
  EXPECT_FALSE(fs::exists(out + "/end.json"));
  arguments.insert(arguments.end(), {"--set", "train.steps=" + std::to_string(step + 3)});
  const auto finished = run(arguments);
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(fs::read_symlink(out + "/last"), "step-" + std::to_string(step + 3));
  EXPECT_TRUE(fs::exists(out + "/end.json"));
}

}  // namespace
}  // namespace attend
