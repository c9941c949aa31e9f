#pragma once
// Runs the program as its users do, and keeps what it said.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "support/temp_folder.h"

namespace attend {

namespace fs = std::filesystem;

struct Outcome {
  int code = -1;
  std::string out, err;
};

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// Asks until `condition` holds, for two minutes at most; whether it does.
template <class Condition>
bool wait_until(const Condition& condition) {
  for (int i = 0; i < 6000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return condition();
}

class Cli : public ::testing::Test {
 protected:
  // One tiny model for all tests of a suite.
  static void SetUpTestSuite() {
    shared_ = new TempFolder;
    const auto data = *shared_ / "data";
    ASSERT_EQ(run({"data", "copy", "--out", data, "--pairs", "60", "--maximum-length", "3", "--symbols", "5"}).code, 0);
    ASSERT_EQ(run(train_arguments(*shared_ / "run", {"--set", "train.steps=60"})).code, 0);
  }
  static void TearDownTestSuite() {
    delete shared_;
    shared_ = nullptr;
  }

  static std::vector<std::string> train_arguments(const std::string& out, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"train", "--tsv", *shared_ / "data/train.tsv", "--out", out, "--threads", "1"};
    for (const char* value :
         {"text.source.kind=words", "text.target.kind=words", "model.embedding=8", "model.encoder_hidden=8", "model.hidden=16",
          "train.batch_by=sentences", "train.batch_size=16", "train.rate=0.02", "train.validate_every=20"}) {
      const bool of_recurrent = std::string(value).find("hidden") != std::string::npos;
      if (of_recurrent && std::find(more.begin(), more.end(), "model.type=transformer") != more.end()) continue;
      arguments.emplace_back("--set");
      arguments.emplace_back(value);
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  static pid_t start(const std::vector<std::string>& arguments, const std::string& in, const std::string& out, const std::string& err,
                     const char* program = ATTEND_PROGRAM) {
    std::vector<char*> argv{const_cast<char*>(program)};
    for (const auto& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    const pid_t child = fork();
    if (child == 0) {
      dup2(open(in.c_str(), O_RDONLY), 0);
      dup2(open(out.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600), 1);  // shells open terminals so
      dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
      setenv("OMP_NUM_THREADS", "1", 1);
      std::signal(SIGHUP, SIG_DFL);  // nohup may have started the tests
      execv(program, argv.data());
      _exit(127);
    }
    return child;
  }

  // How it ended, as waitpid tells it.
  static int wait_for(pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    return status;
  }

  static Outcome outcome_of(int status, const std::string& out, const std::string& err) {
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), out, err};
  }

  static Outcome run(const std::vector<std::string>& arguments, const std::string& input = "", const char* program = ATTEND_PROGRAM) {
    const TempFolder scratch;
    put_file(scratch / "in", input);
    const int status = wait_for(start(arguments, scratch / "in", scratch / "out", scratch / "err", program));
    return outcome_of(status, slurp(scratch / "out"), slurp(scratch / "err"));
  }

  // A training of minutes that nothing saves before its end: this signal does, and it says how to go on.
  void expect_saved_by(int signal) const {
    const auto out = folder_ / "run", last = out + "/last";
    const pid_t child = start(train_arguments(out, {"--set", "train.steps=100000", "--set", "train.epochs=0", "--set",
                                                    "train.validate_every=100000", "--set", "train.save_every=100000"}),
                              "/dev/null", folder_ / "o", folder_ / "e");
    EXPECT_TRUE(wait_until([&] { return fs::exists(out + "/train.log"); })) << slurp(folder_ / "e");
    EXPECT_FALSE(fs::exists(last));
    kill(child, signal);
    const int status = wait_for(child);
    ASSERT_TRUE(WIFEXITED(status)) << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 130);
    EXPECT_NE(slurp(folder_ / "e").find("--resume"), std::string::npos) << slurp(folder_ / "e");
    EXPECT_EQ(run({"info", last, "--verify"}).code, 0);
  }

  // Starts a training in `out`, and kills it this long after it has a checkpoint; whether it was still at work.
  ::testing::AssertionResult killed(const std::vector<std::string>& arguments, const std::string& out, unsigned milliseconds) const {
    const pid_t child = start(arguments, "/dev/null", folder_ / "o", folder_ / "e");
    const bool saved = wait_until([&] { return fs::exists(out + "/last/manifest.json"); });
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    kill(child, SIGKILL);
    const int status = wait_for(child);
    if (!saved) return ::testing::AssertionFailure() << "it never had a checkpoint: " << slurp(folder_ / "e");
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "it ended by itself: " << slurp(folder_ / "e");
  }

  // Translates a line into `out` and `r.npz` and sends `signal` while it waits for more; the program ends with 130, and `err` is what it
  // said.
  void translate_until(int signal) const {
    ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
    const int lines = open((folder_ / "pipe").c_str(), O_RDWR);  // held open, so that the input has no end
    ASSERT_EQ(::write(lines, "a b\n", 4), 4);
    const pid_t child = start({"translate", model(), folder_ / "pipe", "--output", folder_ / "out", "--record", folder_ / "r.npz"},
                              "/dev/null", folder_ / "o", folder_ / "err");
    EXPECT_TRUE(wait_until([&] { return is_begun("out"); })) << slurp(folder_ / "err");
    kill(child, signal);
    const int status = wait_for(child);
    close(lines);
    fs::remove(folder_ / "pipe");
    ASSERT_TRUE(WIFEXITED(status)) << signal;
    EXPECT_EQ(WEXITSTATUS(status), 130);
    EXPECT_NE(slurp(folder_ / "err").find("attend: interrupted"), std::string::npos) << slurp(folder_ / "err");
  }

  // A copy of the suite's run, links as links; its path.
  std::string copied_run(const std::string& name) const {
    const auto path = folder_ / name;
    fs::create_directories(fs::path(path).parent_path());
    fs::copy(model(), path, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    return path;
  }

  // A file in the test's folder; its path.
  std::string write(const std::string& name, const std::string& content) const {
    const auto path = folder_ / name;
    fs::create_directories(fs::path(path).parent_path());
    put_file(path, content);
    return path;
  }

  // Whether anything stands in the file that is to take this name in the test's folder.
  bool is_begun(const std::string& name) const {
    for (const auto& entry : fs::directory_iterator(folder_.path()))
      if (entry.path().filename().string().starts_with(name + ".partial-") && entry.file_size() > 0) return true;
    return false;
  }

  static std::string model() { return *shared_ / "run"; }

  // `run` fails with this exit code and says this.
  static void expect_failure(const Outcome& outcome, int code, const std::string& text) {
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_NE(outcome.err.find(text), std::string::npos) << outcome.err;
  }

  inline static TempFolder* shared_ = nullptr;
  TempFolder folder_;
};

}  // namespace attend
