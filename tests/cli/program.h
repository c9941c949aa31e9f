#pragma once
// Runs the program as its users do, and keeps what it said.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "attend/core/files.h"
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
      dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
      dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
      setenv("OMP_NUM_THREADS", "1", 1);
      execv(program, argv.data());
      _exit(127);
    }
    return child;
  }

  static Outcome run(const std::vector<std::string>& arguments, const std::string& input = "", const char* program = ATTEND_PROGRAM) {
    const TempFolder scratch;
    write_file_atomic(scratch / "in", input);
    const pid_t child = start(arguments, scratch / "in", scratch / "out", scratch / "err", program);
    int status = 0;
    waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), slurp(scratch / "out"), slurp(scratch / "err")};
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
