// The command line is read as it was typed; what the program says of itself comes from the verbs' declarations.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace attend {
namespace {

class Flags : public Cli {};

TEST_F(Flags, AFlagTakesOneValueAndTheRestAreWords) {
  const auto in = folder_ / "in", out = folder_ / "out";
  write_file_atomic(in, "a b\nc\n");
  const auto expected = run({"translate", model(), in, "--beam", "3"}).out;
  const std::vector<std::vector<std::string>> orders{{"translate", model(), "--output", out, in, "--beam", "3"},
                                                     {"translate", model(), "--output=" + out, in, "--beam=3"},
                                                     {"translate", "--beam", "3", model(), in, "--output", out},
                                                     {"translate", "--output", out, "--beam", "3", "--", model(), in}};
  for (const auto& arguments : orders) {
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(slurp(out), expected);
    EXPECT_EQ(slurp(in), "a b\nc\n");
    fs::remove(out);
  }
  EXPECT_EQ(run({"translate", model(), "--record", folder_ / "r.npz", in, "--beam", "3"}).out, expected);
  EXPECT_EQ(slurp(in), "a b\nc\n");
  // A second record after a flag is one word too many, not a second output.
  fs::copy(folder_ / "r.npz", folder_ / "b.npz");
  expect_failure(run({"draw", folder_ / "r.npz", "--png", folder_ / "p.png", folder_ / "b.npz"}), 2, "got 2 words");
  EXPECT_EQ(slurp(folder_ / "b.npz"), slurp(folder_ / "r.npz"));
  EXPECT_EQ(run({"rerank", model(), "--weights", "entropy=-0.5", "--weights", "coverage=0.1", in}).code, 0);
}

TEST_F(Flags, NoArgumentIsTakenApart) {
  const auto traced = run({"trace", model(), "[a b]"});
  ASSERT_EQ(traced.code, 0) << traced.err;
  EXPECT_NE(traced.out.find("[a b] ->"), std::string::npos) << traced.out;
  EXPECT_EQ(run({"trace", model(), "[a, b]"}).code, 0);
  EXPECT_NE(run({"trace", model(), "a", "--follow", "[b,a]"}).out.find("-> [b,a] (given)"), std::string::npos);
  const auto run_folder = folder_ / "[run]";
  fs::copy(fs::canonical(model() + "/best"), run_folder);
  EXPECT_EQ(run({"translate", run_folder, "--output", folder_ / "[out]"}, "a\n").code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "[out]"));
  for (const char* text : {"\"a b\"", "{a}", "%%", "a,b", "'a'", "-"}) EXPECT_EQ(run({"trace", model(), "--", text}).code, 0) << text;
  EXPECT_EQ(run({"trace", model(), "--", "--step"}).code, 0);
}

TEST_F(Flags, MistakesAreUsageErrors) {
  expect_failure(run({"translate", model(), "--output"}), 2, "--output needs a value");
  expect_failure(run({"translate", model(), "--output", "--quiet"}), 2, "--output=--quiet");
  expect_failure(run({"translate", model(), "--alignment=yes"}), 2, "takes no value");
  expect_failure(run({"translate", model(), "-b", "3"}), 2, "unknown flag -b");
  expect_failure(run({"--beam"}), 2, "a verb comes first");
  expect_failure(run({"draw"}), 2, "Try: attend draw --help");
  EXPECT_EQ(run({"translate", model(), "--no-alignment", "--beam", "0", "--beam", "2"}, "a\n").code, 0);  // the last counts
}

TEST_F(Flags, HelpCanBeAskedForEitherWay) {
  EXPECT_EQ(run({"help", "translate"}).out, run({"translate", "--help"}).out);
  EXPECT_EQ(run({"help"}).out, run({"--help"}).out);
  expect_failure(run({"help", "tranlate"}), 2, "did you mean 'translate'?");
  EXPECT_NE(run({"translate", "--help"}).out.find("--output FILE"), std::string::npos);
}

TEST_F(Flags, KeysTellTypeDefaultRangeAndMeaning) {
  const auto all = run({"keys"}), model_keys = run({"keys", "model"}), one = run({"keys", "train.rate"});
  EXPECT_NE(all.out.find("train.rate"), std::string::npos);
  EXPECT_NE(model_keys.out.find("model.hidden"), std::string::npos);
  EXPECT_EQ(model_keys.out.find("train.rate"), std::string::npos);
  EXPECT_NE(one.out.find("number"), std::string::npos) << one.out;
  expect_failure(run({"keys", "modle"}), 1, "did you mean 'model'?");
}

// What bash offers at the end of `line`.
std::string offered(const std::string& script, const std::string& line, int words) {
  const TempFolder folder;
  write_file_atomic(folder / "s", script + "\nCOMP_WORDS=(" + line + ")\nCOMP_CWORD=" + std::to_string(words - 1) +
                                      "\n_attend\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n");
  auto* const shell = popen(("bash " + folder / "s").c_str(), "r");
  std::string text;
  for (int c = 0; (c = std::fgetc(shell)) != EOF;) text += static_cast<char>(c);
  EXPECT_EQ(pclose(shell), 0) << text;
  return text;
}

TEST_F(Flags, BashCompletesVerbsFlagsChoicesAndFiles) {
  const auto script = run({"completion", "bash"}).out;
  EXPECT_EQ(offered(script, "attend transla", 2), "translate\n");
  EXPECT_EQ(offered(script, "attend draw --vi", 3), "--view\n");
  EXPECT_EQ(offered(script, "attend draw --view li", 4), "list\n");
  EXPECT_EQ(offered(script, "attend data phr", 3), "phrasebook\n");
  write_file_atomic(folder_ / "wanted", "");
  EXPECT_EQ(offered(script, "attend translate m --record " + folder_ / "wan", 5), folder_ / "wanted\n");
  const auto zsh = run({"completion", "zsh"}).out;
  EXPECT_TRUE(zsh.starts_with("#compdef attend\n"));
  EXPECT_NE(zsh.find("'--view=["), std::string::npos);
  expect_failure(run({"completion", "fish"}), 1, "bash, zsh");
}

TEST_F(Flags, ManualPagesOfEveryVerb) {
  const auto pages = folder_ / "man";
  ASSERT_EQ(run({"man", "--out", pages}).code, 0);
  EXPECT_EQ(slurp(pages + "/attend-translate.1"), run({"man", "translate"}).out);
  EXPECT_EQ(slurp(pages + "/attend.1"), run({"man"}).out);
  const auto page = run({"man", "translate"}).out;
  EXPECT_TRUE(page.starts_with(".TH "));
  for (const char* part : {".SH NAME\nattend\\-translate \\- Translate lines of text\n", ".B \\-\\-beam N\n", ".SH SEE ALSO\n"})
    EXPECT_NE(page.find(part), std::string::npos) << part << page;
  const auto whole = run({"man"}).out;
  int verbs = 0;
  for (const auto& entry : fs::directory_iterator(pages)) {
    const auto name = entry.path().stem().string();
    if (name == "attend") continue;
    ++verbs;
    EXPECT_NE(whole.find(name.substr(std::string("attend-").size())), std::string::npos) << name;
  }
  for (const char* verb : {"train", "runs", "keys", "help", "completion"})
    EXPECT_TRUE(fs::exists(fmt::format("{}/attend-{}.1", pages, verb))) << verb;
  EXPECT_GE(verbs, 20);
}

}  // namespace
}  // namespace attend
