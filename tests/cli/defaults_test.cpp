// What `attend train` chooses by itself, and the flags that make a configuration unnecessary.
#include "cli/program.h"

namespace attend {
namespace {

class Defaults : public Cli {
 protected:
  std::string data(const std::string& name, const std::vector<std::string>& more = {}) const {
    const auto folder = folder_ / name;
    std::vector<std::string> arguments{"data", name, "--out", folder};
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(run(arguments).code, 0);
    return folder;
  }
  Outcome train(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"train", "--out", folder_ / "run", "--threads", "1"});
    return run(arguments);
  }
  static void expect_said(const std::string& text, const std::vector<std::string>& parts) {
    for (const auto& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << "\nin\n" << text;
  }
};

// 38 of 100 pairs used to vanish: pieces cut I_TURN_LEFT, and what came out was over data.max_length.
TEST_F(Defaults, KeepEveryCommand) {
  const auto folder = data("commands", {"--pairs", "500"});
  const auto outcome = train({"--tsv", folder + "/train.tsv", "--dry-run"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  expect_said(outcome.err, {"text.source.kind = symbols", "text.target.kind = symbols", "of one processor", "decode.max_length_"});
  expect_said(outcome.out, {"training examples   475", "validation examples 25", "target vocabulary   10"});
}

TEST_F(Defaults, LetModelAndAttentionFollowTheTask) {
  const auto opinions = data("polarity") + "/train.txt";
  const auto classes = train({"--task", "classify", "--text", opinions, "--steps", "2"});
  EXPECT_EQ(classes.code, 0) << classes.err;
  expect_said(classes.err, {"model.type = encoder_classifier (task classify)", "model.attention = attention_pooling"});
  const auto stories = data("stories") + "/train.txt";
  EXPECT_EQ(run({"train", "--task", "answer", "--text", stories, "--steps", "2", "--out", folder_ / "answers", "--threads", "1"}).code, 0);
  const auto sentences = data("sentences") + "/train.txt";
  const auto text = run({"train", "--task", "generate", "--text", sentences, "--steps", "2", "--out", folder_ / "text", "--threads", "1"});
  EXPECT_EQ(text.code, 0) << text.err;
  expect_failure(run({"train", "--text", opinions, "--out", folder_ / "none"}), 1,
                 "data.text is not read with task: translate; it is read with task: generate, classify or answer");
}

TEST_F(Defaults, GiveATransformerScaledHeads) {
  const auto pairs = *shared_ / "data/train.tsv";
  const auto plain = run({"train", "--tsv", pairs, "--out", folder_ / "a", "--set", "model.type=transformer", "--dry-run"});
  EXPECT_EQ(plain.code, 0) << plain.err;
  expect_said(plain.out, {"attention: multi_head", "score: scaled_dot", "score_scale: 0"});
  expect_said(plain.err, {"model.attention = multi_head (of a transformer)"});
  const auto named = run({"train", "--tsv", pairs, "--out", folder_ / "a", "--set", "model.type=transformer", "--set",
                          "model.attention=additive", "--dry-run"});
  expect_said(named.out, {"attention: additive"});
}

TEST_F(Defaults, EndByTheClockWhereMinutesAreGiven) {
  const auto outcome = train({"--tsv", *shared_ / "data/train.tsv", "--minutes", "0.02"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  expect_said(outcome.err, {"done: 0.02 minutes", "train.epochs = 0 (ends by the clock)"});
}

TEST_F(Defaults, SearchSaysWhereItsLimitCutATranslation) {
  const auto cut = run({"translate", model(), "--max-length-ratio", "0", "--max-length-extra", "1"}, "a b c\n");
  EXPECT_EQ(cut.code, 0) << cut.err;
  expect_said(cut.err, {"1 of 1 outputs reached the length limit, 0 x source tokens + 1", "--max-length-ratio"});
  EXPECT_EQ(run({"translate", model()}, "a b c\n").err, "");
}

}  // namespace
}  // namespace attend
