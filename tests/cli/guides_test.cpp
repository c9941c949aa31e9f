// What the guides show runs as it stands.
#include "cli/program.h"

namespace attend {
namespace {

class Guides : public Cli {
 protected:
  static std::string source(const std::string& name) { return slurp(std::string(ATTEND_SOURCE_DIR) + "/" + name); }
};

TEST_F(Guides, TheTrainingExampleTrainsAndTranslates) {
  const auto example = source("examples/train.cpp");
  EXPECT_NE(source("docs/guide/library.md").find(example.substr(example.find("#include"))), std::string::npos);
  const auto outcome = run({*shared_ / "data/train.tsv", folder_ / "run"}, "", ATTEND_TRAIN_EXAMPLE);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1);
  EXPECT_TRUE(fs::exists(folder_ / "run/best/manifest.json"));
  EXPECT_EQ(run({folder_ / "none", folder_ / "other"}, "", ATTEND_TRAIN_EXAMPLE).code, 1);
}

TEST_F(Guides, PythonReadsARecord) {
  EXPECT_NE(source("docs/guide/library.md").find(source("examples/read_record.py")), std::string::npos);
  const auto record = folder_ / "a.npz";
  const auto translated = run({"translate", model(), "--record", record}, "a b\n");
  ASSERT_EQ(translated.code, 0) << translated.err;
  const auto python = [](const std::vector<std::string>& arguments) { return run(arguments, "", "/usr/bin/env"); };
  if (python({"python3", "-c", "import numpy"}).code != 0) GTEST_SKIP() << "python3 has no numpy";
  const auto told = python({"python3", std::string(ATTEND_SOURCE_DIR) + "/examples/read_record.py", record});
  EXPECT_EQ(told.code, 0) << told.err;
  EXPECT_TRUE(told.out.starts_with("a b -> " + translated.out + "decoder.attention 0 (1, ")) << told.out;
}

}  // namespace
}  // namespace attend
