// What is wrong is said: by whom, where, and what helps. Nothing wrong is taken in silence.
#include "cli/program.h"

namespace attend {
namespace {

class Said : public Cli {
 protected:
  // Of this content, always in the place of the one before.
  std::string file(const std::string& content) const { return write("a", content); }
};

TEST_F(Said, BytesThatNoTextHolds) {
  using namespace std::string_literals;
  for (const auto* verb : {"translate", "rerank"}) {
    expect_failure(run({verb, model(), file("a b\na\0b\n"s)}), 1, folder_ / "a" + ":2: byte 2 is NUL, which no text holds");
    expect_failure(run({verb, model(), file("a b\ra\r")}), 1, "its lines end in carriage returns alone");
    expect_failure(run({verb, model(), file("a b\n" + std::string(70000, 'a') + "\n")}), 1,
                   folder_ / "a" + ":2: the line has more than 65536 bytes");
    expect_failure(run({verb, model()}, "a b\n" + std::string(70000, 'a')), 1, "standard input:2: the line has more than 65536 bytes");
  }
  EXPECT_EQ(run({"translate", model(), file("a b\r\na\r\n")}).code, 0);
  std::string old_mac;
  while (old_mac.size() < 70000) old_mac += "a b\r";
  expect_failure(run({"translate", model(), file(old_mac)}), 1, "its lines end in carriage returns alone");
  const std::string longest(65536, 'a');  // neither the mark nor the line's end counts
  EXPECT_EQ(run({"translate", model(), "--beam", "1", file("\xef\xbb\xbf" + longest + "\r\n")}).code, 0);
  EXPECT_EQ(run({"translate", model(), file("a b\r")}).code, 0);
  expect_failure(run({"train", "--tsv", file("a\tb\rb\ta\r"), "--out", folder_ / "r"}), 1, "its lines end in carriage returns alone");
}

TEST_F(Said, FlagsThatContradictOneAnother) {
  const auto tsv = *shared_ / "data/test.tsv", in = file("a\n");
  for (const auto* verb : {"evaluate", "score"})
    for (const auto* side : {"--source", "--target"})
      expect_failure(run({verb, model(), "--tsv", tsv, side, in}), 2, "--tsv holds both sides; leave out --source and --target, or --tsv");
  expect_failure(run({"evaluate", model(), "--tsv", tsv, "--link-units", "foo"}), 2, "got 'foo'");
}

TEST_F(Said, NamesThatAreEmpty) {
  const auto in = file("a\n"), tsv = *shared_ / "data/test.tsv";
  for (const auto* flag : {"--output", "--record"})
    expect_failure(run({"translate", model(), in, flag, ""}), 2, std::string(flag) + " names nothing");
  for (const auto* flag : {"--json", "--per-sentence", "--links"})
    expect_failure(run({"evaluate", model(), "--tsv", tsv, flag, ""}), 2, std::string(flag) + " names nothing");
  expect_failure(run({"translate", ""}), 2, "word 1 names nothing");
  expect_failure(run({"trace", "", "a"}), 2, "word 1 names nothing");
  expect_failure(run({"translate", model(), ""}), 2, "word 2 names nothing");
}

TEST_F(Said, NumbersThatAreTooLarge) {
  expect_failure(run({"translate", model(), "--beam", "99999999999999999999"}), 1, "beam must be 1 to 1000, got '99999999999999999999'");
  expect_failure(run({"translate", model(), "--seed", "18446744073709551615"}), 1, "seed must be at most 9223372036854775807");
  expect_failure(run({"translate", model(), "--seed=-99999999999999999999"}), 1, "seed must be at least 0, got '-99999999999999999999'");
  for (const std::string text : {"many", "-", "99999999999999999999x"})
    expect_failure(run({"translate", model(), "--beam=" + text}), 1, "beam must be a whole number, got '" + text + "'");
}

TEST_F(Said, ConfigurationsOfOtherForms) {
  using namespace std::string_literals;
  const auto train = [&](const std::string& yaml) { return run({"train", file(yaml)}); };
  expect_failure(train("- a\n- b\n"), 1, folder_ / "a" + ":1: expected `key: value` lines, got a list");
  expect_failure(train("train:\n  steps: [5]\n"), 1, folder_ / "a" + ":2: train.steps must be a whole number, got the list '5'");
  expect_failure(train("x: &x\n  steps: 5\ntrain:\n  <<: *x\n"), 1, folder_ / "a" + ":4: merge keys (<<) are not read");
  expect_failure(train("\xff\xfet\0:\0"s), 1, "expected YAML in UTF-8");
  for (const auto* flag : {"--steps", "--minutes"})
    expect_failure(run({"train", "--tsv", *shared_ / "data/train.tsv", "--out", folder_ / "r", flag, "0"}), 1,
                   "give train.steps or train.minutes (--steps, --minutes) a number above 0");
}

// A flag or key that names data which the task does not read is a mistake, not a wish.
TEST_F(Said, DataThatNobodyReads) {
  const auto tsv = *shared_ / "data/test.tsv";
  for (const auto* flag : {"--text", "--labels", "--answers", "--images", "--captions", "--list", "--format", "--text-column", "--length"})
    expect_failure(run({"evaluate", model(), "--tsv", tsv, flag, std::string(flag) == "--format" ? "csv" : "7"}), 2,
                   std::string("evaluate: ") + flag + " has no meaning for a model that translates");
  const auto train = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"train", "--out", folder_ / "r", "--steps", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  };
  for (const auto* key : {"data.answers", "data.labels", "data.images", "data.captions", "data.list", "data.text_column"})
    expect_failure(train({"--tsv", tsv, "--set", std::string(key) + "=nope"}), 1,
                   std::string("--set ") + key + "=nope: " + key + " is not read with task: translate; it is read with task: ");
  expect_failure(train({"--task", "generate", "--text", tsv, "--tsv", "nope"}), 1,
                 "--tsv: data.tsv is not read with task: generate; it is read with task: translate");
  expect_failure(
      train({"--task", "answer", "--text", tsv, "--set", "data.labels=nope"}), 1,
      "--set data.labels=nope: data.labels is not read with model.type: memory_hops; it is read with model.type: patch_classifier");
  expect_failure(train({"--tsv", tsv, "--set", "data.dev_tsv=" + tsv, "--set", "data.dev_pairs=5"}), 1, "but data.dev_tsv was given");
}

TEST_F(Said, DataOfAnotherTask) {
  const auto documents = file("1 A boy sang .\n2 He left .\n<qid_0> ||| XXXXX sang .\n");
  expect_failure(run({"train", "--task", "answer", "--text", documents, "--out", folder_ / "r"}), 1,
                 documents + ":3: holds |||, as documents with questions do, and no story does");
  expect_failure(run({"train", "--task", "caption", "--out", folder_ / "r"}), 1, "both were not given");
  const auto text = file("a a a\na b a\na b b\nb a a\nb b a\na a b\na b a\nb b b\nb a b\na b b\n");
  const auto start = run({"train", "--task", "generate", "--init-from", model(), "--text", text, "--out", folder_ / "r", "--steps", "1"});
  expect_failure(start, 1, "(rnn_seq2seq) reads a text and gives a text, which is not the task generate");
}

TEST_F(Said, PackedLines) {
  using namespace std::string_literals;
  for (const auto* verb : {"translate", "rerank"}) {
    expect_failure(run({verb, model(), file("\x1f\x8b\b\0\1\n"s)}), 1, folder_ / "a" + ": this is a gzip file; unpack it with gunzip");
    expect_failure(run({verb, model()},
                       "\xfd"
                       "7zXZ\0\n"s),
                   1, "standard input: this is an xz file");
  }
}

TEST_F(Said, WeightsOfWhatIsNotWorkedOut) {
  const auto in = file("a\n");
  expect_failure(run({"rerank", model(), in, "--weights", "reverse=1"}), 2, "give --reverse MODEL");
  expect_failure(run({"rerank", model(), in, "--weights", "language_model=1"}), 2, "give --language-model MODEL");
}

// Bits a character of words that the model cannot spell mean little.
TEST_F(Said, TokensThatAreUnknown) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += i % 2 == 0 ? "a b a\n" : "b a b\n";
  const auto lm = folder_ / "lm";
  const auto made = run({"train", "--task", "generate", "--text", file(text), "--out", lm, "--steps", "2", "--quiet", "--threads", "1",
                         "--set", "text.target.kind=words", "--set", "model.hidden=8"});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(run({"evaluate", lm, "--text", file("a b\n")}).err, "");
  const auto some = run({"evaluate", lm, "--text", file("a zzzz\nb\n"), "--json", folder_ / "j"});
  EXPECT_EQ(some.code, 0);
  EXPECT_NE(some.err.find("1 of 5 tokens are unknown to the model"), std::string::npos) << some.err;
  EXPECT_NE(slurp(folder_ / "j").find("\"unknown\": 1"), std::string::npos);
}

TEST_F(Said, WhatIsNoModel) {
  expect_failure(run({"info", folder_ / "none"}), 1, "none: no such model");
  expect_failure(run({"info", "additiv"}), 1,
                 "info (no such folder, no such mechanism or part): 'additiv' is not known, did you mean 'additive'?");
  fs::copy(fs::canonical(model() + "/best"), folder_ / "m", fs::copy_options::recursive);
  write("m/manifest.json", "{\n\"format\": x}\n");
  const auto told = run({"info", folder_ / "m"});
  expect_failure(told, 1, "manifest.json:2: not JSON");
  EXPECT_EQ(told.err.find("json.exception"), std::string::npos) << told.err;
}

TEST_F(Said, WhatAManifestLacks) {
  const auto copy = copied_run("m");
  write("m/last/manifest.json", "{}");
  expect_failure(run({"info", copy + "/last"}), 1, "not a model manifest (key 'format' not found)");
}

TEST_F(Said, PairsWithoutAnythingToScoreAreLinesToo) {
  const auto blank = file(" \n\n");
  const auto scored = run({"score", model(), "--source", blank, "--target", blank});
  EXPECT_EQ(scored.code, 0) << scored.err;
  EXPECT_EQ(scored.out, "nan\nnan\n");
}

}  // namespace
}  // namespace attend
