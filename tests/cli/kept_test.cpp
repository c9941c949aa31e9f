// What is on a user's disk stays there: files in a run's folder, damaged runs, older outputs.
#include "attend/record/record.h"
#include "cli/program.h"

namespace attend {
namespace {

class Kept : public Cli {
 protected:
  static std::vector<fs::path> checkpoints(const std::string& run) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(run))
      if (entry.path().filename().string().starts_with("step-")) found.push_back(entry.path());
    return found;
  }
};

TEST_F(Kept, FilesOfOthersWhereARunWouldWrite) {
  for (const std::string name : {"config.yaml", "metrics.jsonl", "train.log", "end.json", "samples", "best", "last", "lock"}) {
    const auto out = folder_ / name + ".run";
    write(name + ".run/" + name, "precious\n");
    expect_failure(run(train_arguments(out, {"--set", "train.steps=2"})), 1, "/" + name + ": is there already");
    EXPECT_EQ(slurp(out + "/" + name), "precious\n");
    EXPECT_EQ(std::distance(fs::directory_iterator(out), fs::directory_iterator()), 1);
  }
  // A run that was stopped before its first checkpoint is no obstacle, but what it measured is.
  const auto begun = folder_ / "begun";
  for (const auto* name : {"begun/config.yaml", "begun/train.log"}) write(name, "");
  write("begun/lock", "123\n");
  write("begun/metrics.jsonl", "{}\n");
  expect_failure(run(train_arguments(begun, {"--set", "train.steps=2"})), 1,
                 "/metrics.jsonl: measured by a run that ended before its first checkpoint");
  write("begun/metrics.jsonl", "");
  EXPECT_EQ(run(train_arguments(begun, {"--set", "train.steps=2"})).code, 0);
}

TEST_F(Kept, ARunWhoseCheckpointsAreDamagedIsStillARun) {
  const auto out = copied_run("run");
  for (const auto& checkpoint : checkpoints(out)) fs::remove(checkpoint / "manifest.json");
  const auto weights = slurp(checkpoints(out)[0] / "weights.safetensors"), metrics = slurp(out + "/metrics.jsonl");
  expect_failure(run(train_arguments(out, {"--set", "train.steps=20"})), 1, "already holds a training run");
  expect_failure(run({"train", "--resume", "--out", out}), 1, "is damaged (manifest.json is missing), and no older one is whole");
  EXPECT_NE(run({"runs", out}).out.find("damaged (step-"), std::string::npos);
  EXPECT_EQ(slurp(checkpoints(out)[0] / "weights.safetensors"), weights);
  EXPECT_EQ(slurp(out + "/metrics.jsonl"), metrics);
}

TEST_F(Kept, TheStateOfADamagedRun) {
  const auto out = copied_run("run");
  ASSERT_GT(checkpoints(out).size(), 1u);
  fs::remove(fs::canonical(out + "/last") / "weights.safetensors");
  expect_failure(run({"runs", "strip", out, "--yes"}), 1, "weights.safetensors is missing");
  for (const auto& checkpoint : checkpoints(out)) EXPECT_TRUE(fs::exists(checkpoint / "optimiser.safetensors")) << checkpoint;
  expect_failure(run({"runs", "strip", out, "--yes", "--dry-run"}), 2, "give one of them");
}

TEST_F(Kept, LinksToFoldersAreNoCheckpoints) {
  const auto out = copied_run("run");
  fs::copy(fs::canonical(model() + "/best"), folder_ / "other", fs::copy_options::recursive);
  fs::create_directory_symlink("../other", out + "/step-5");
  const auto before = checkpoints(out).size();
  const auto pruned = run({"runs", "prune", out, "--yes"});
  EXPECT_EQ(pruned.code, 0) << pruned.err;
  EXPECT_TRUE(fs::is_symlink(out + "/step-5"));
  EXPECT_EQ(checkpoints(out).size(), before - 1) << pruned.out;  // the one that is neither the best nor the last
}

TEST_F(Kept, AnOlderOutputWhenASignalComes) {
  for (const auto* name : {"out", "r.npz", "out.part"}) write(name, "precious\n");
  translate_until(SIGINT);
  for (const auto* name : {"out", "r.npz", "out.part"}) EXPECT_EQ(slurp(folder_ / name), "precious\n") << name;
  EXPECT_EQ(slurp(folder_ / "out.part-2"), run({"translate", model()}, "a b\n").out);
  EXPECT_EQ(RecordFile(folder_ / "r.npz.part").size(), 1u);
  const auto said = slurp(folder_ / "err");
  EXPECT_NE(said.find("out.part-2 holds the lines that were done; " + folder_ / "out" + " is as it was"), std::string::npos) << said;
}

TEST_F(Kept, AnOlderOutputWhenALineIsBad) {
  write("in", "a b\n\xff\n");
  write("out", "precious\n");
  expect_failure(run({"translate", model(), folder_ / "in", "--output", folder_ / "out"}), 1, "in:2: byte 1 is not UTF-8");
  EXPECT_EQ(slurp(folder_ / "out"), "precious\n");
  EXPECT_EQ(slurp(folder_ / "out.part"), run({"translate", model()}, "a b\n").out);
}

// The shell opened one file for both: what is written would be read again, without end.
TEST_F(Kept, AFileThatIsReadAndAppendedTo) {
  const auto file = write("f", "a b\n");
  const pid_t child = fork();
  if (child == 0) {
    dup2(open(file.c_str(), O_RDONLY), 0);
    dup2(open(file.c_str(), O_WRONLY | O_APPEND), 1);
    dup2(open((folder_ / "e").c_str(), O_WRONLY | O_CREAT, 0600), 2);
    execl(ATTEND_PROGRAM, ATTEND_PROGRAM, "translate", model().c_str(), nullptr);
    _exit(127);
  }
  const int status = wait_for(child);
  expect_failure(outcome_of(status, "", slurp(folder_ / "e")), 2, "standard output is the file that standard input reads");
  EXPECT_EQ(slurp(file), "a b\n");
}

TEST_F(Kept, FiguresOfARunThatEndedBeforeItsFirstCheckpoint) {
  const auto path = folder_ / "run";
  write("run/lock", "123\n");
  write("run/config.yaml", "task: translate\n");
  write("run/metrics.jsonl", "{\"step\": 20}\n");
  expect_failure(run(train_arguments(path)), 1, "a run that ended before its first checkpoint");
  EXPECT_EQ(slurp(path + "/metrics.jsonl"), "{\"step\": 20}\n");
  expect_failure(run({"train", "--resume", "--out", path}), 1, "remove the folder and start without --resume");
  for (const auto* action : {"list", "prune", "strip"})
    expect_failure(run({"runs", action, path, "--yes"}), 1, "its training ended before the first checkpoint");
}

TEST_F(Kept, OneOfTwoOutputsOfOneName) {
  fs::create_directory(folder_ / "d");
  const auto in = write("in", "a b\n");

  expect_failure(run({"translate", model(), in, "--output", folder_ / "x", "--record", folder_ / "d/../x"}), 2, "both name");
  const auto here = fs::relative(folder_.path()).string();
  expect_failure(run({"translate", model(), in, "--output", here + "/x", "--record", folder_ / "x"}), 2, "both name");
  fs::create_symlink("x", folder_ / "link");  // to what is not there yet
  expect_failure(run({"translate", model(), in, "--output", folder_ / "link", "--record", folder_ / "x"}), 2, "both name");
  for (const auto* verb : {"translate", "summarise"})
    expect_failure(run({verb, model(), in, "--record", "-"}), 2, "standard output (-) is named by --record and the results");
  ASSERT_EQ(run({"translate", model(), in, "--record", folder_ / "a.npz"}).code, 0);
  expect_failure(run({"draw", folder_ / "a.npz", "--png", "-", "--svg", "-"}), 2, "standard output (-) is named by --png and --svg");
}

}  // namespace
}  // namespace attend
