// What strangers send and what machines lack: each ends with a message and exit code 1, and nothing hangs, crashes or reaches the
// terminal unescaped.

#include <cstring>

#include "cli/program.h"

namespace attend {
namespace {

const std::string kSeeds = std::string(ATTEND_SOURCE_DIR) + "/tools/fuzz/seeds/";

#ifdef __SANITIZE_ADDRESS__
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

class Hostile : public Cli {
 protected:
  /// A copy of the model that a test may damage.
  std::string copied_model() {
    fs::copy(fs::canonical(model() + "/best"), folder_ / "model", fs::copy_options::recursive);
    return folder_ / "model";
  }

  /// `attend ARGUMENTS` with at most this much address space.
  Outcome run_within(int megabytes, const std::vector<std::string>& arguments) {
    std::string line = "ulimit -v " + std::to_string(megabytes * 1024) + "; exec " ATTEND_PROGRAM;
    for (const auto& argument : arguments) line += " '" + argument + "'";
    return run({"-c", line}, "", "/bin/bash");
  }
};

TEST_F(Hostile, ConfigurationsThatNeverEnd) {
  expect_failure(run({"train", kSeeds + "yaml/flow_then_comma.yaml"}), 1, "flow_then_comma.yaml:2: expected one YAML document");
  expect_failure(run({"train", kSeeds + "yaml/trailing_comma.yaml"}), 1, "trailing_comma.yaml:1: expected one YAML document");
  expect_failure(run({"train", "/dev/zero"}), 1, "expected a file or a pipe, got a device");
}

TEST_F(Hostile, RecordsThatLie) {
  expect_failure(run({"draw", kSeeds + "record/heads4e9_cols0.npz"}), 1, "heads, expected at most 4096");
  expect_failure(run({"draw", kSeeds + "record/word_max.npz"}), 1, "token word");
  const auto drawn = run({"draw", kSeeds + "record/draw_list_hide_specials_segv.npz", "--hide-specials", "--view", "list"});
  EXPECT_LE(drawn.code, 1) << drawn.err;
  expect_failure(run({"draw", kSeeds + "record/love.npz", "--layer", "65536"}), 1, "layer must be -1 to 65535");
}

TEST_F(Hostile, ControlBytesDoNotReachTheTerminal) {
  const auto config = write("c.yaml", "\"evil\\x1b[2Jname\": 1\n");
  const auto outcome = run({"train", config});
  expect_failure(outcome, 1, "evil\\x1b[2Jname");
  EXPECT_EQ(outcome.err.find('\x1b'), std::string::npos);
  const auto usage = run({"info", "--x\x1b[2J"});
  EXPECT_EQ(usage.code, 2);
  EXPECT_EQ(usage.err.find('\x1b'), std::string::npos);
}

TEST_F(Hostile, DamagedModelsAreNotRunUnlessAskedTo) {
  const auto path = copied_model();
  auto weights = slurp(path + "/weights.safetensors");
  weights.back() = static_cast<char>(weights.back() ^ 1);
  put_file(path + "/weights.safetensors", weights);
  expect_failure(run({"translate", path}, "s1 s2\n"), 1, "weights.safetensors: its checksum differs");
  const auto trusted = run({"translate", path, "--no-verify"}, "s1 s2\n");
  EXPECT_EQ(trusted.code, 0) << trusted.err;
}

TEST_F(Hostile, WeightsBeyondNumbersAreAnError) {
  const auto path = copied_model();
  auto weights = slurp(path + "/weights.safetensors");
  std::uint64_t header = 0;
  std::memcpy(&header, weights.data(), 8);
  const float huge = 3e38F;
  for (auto at = 8 + header; at + 4 <= weights.size(); at += 4) std::memcpy(weights.data() + at, &huge, 4);
  put_file(path + "/weights.safetensors", weights);
  const auto outcome = run({"translate", path, "--no-verify"}, "s1 s2\n");
  expect_failure(outcome, 1, "scores that are not numbers");
  EXPECT_EQ(outcome.out, "");
}

TEST_F(Hostile, AShortageOfMemoryIsAMessage) {
  if (kSanitized) GTEST_SKIP() << "AddressSanitizer needs more address space than any limit";
  const auto large = run_within(1500, {"train", "--tsv", *shared_ / "data/train.tsv", "--out", folder_ / "r", "--threads", "1", "--quiet",
                                       "--set", "model.hidden=20000"});
  expect_failure(large, 1, "out of memory: a tensor needs");
  EXPECT_EQ(large.err.find("alloc_cpu"), std::string::npos) << large.err;
  EXPECT_EQ(large.err.find("frame #"), std::string::npos) << large.err;
}

TEST_F(Hostile, ALineTooLongForMemoryIsNamed) {
  if (kSanitized) GTEST_SKIP() << "AddressSanitizer needs more address space than any limit";
  const auto out = folder_ / "tf";
  // A normaliser that needs all weights at once: softmax does not (kernels/fused_attention.h).
  ASSERT_EQ(run(train_arguments(out, {"--set", "model.type=transformer", "--set", "model.heads=2", "--set", "model.normaliser=sparsemax",
                                      "--set", "train.steps=2", "--set", "train.validate_every=2"}))
                .code,
            0);
  std::string line;
  for (int i = 0; i < 21'000; ++i) line += "s1 ";
  const auto in = write("in.txt", "s1 s2\n" + line + "\n");
  const auto outcome = run_within(3000, {"translate", out, in, "--threads", "1", "--quiet", "--beam", "1"});
  expect_failure(outcome, 1, "out of memory");
  EXPECT_NE(outcome.err.find("tokens"), std::string::npos) << outcome.err;
}

TEST_F(Hostile, AModelLargerThanItsWeightsIsNotBuilt) {
  const auto path = copied_model();
  auto config = slurp(path + "/config.yaml");
  const auto at = config.find("  hidden: 16");
  ASSERT_NE(at, std::string::npos);
  config.replace(at, 12, "  hidden: 65536");
  put_file(path + "/config.yaml", config);
  expect_failure(run({"translate", path, "--no-verify"}, "s1\n"), 1, "the model of config.yaml is larger");
}

}  // namespace
}  // namespace attend
