// Where results go: nothing lost without a word, nobody's input written over.
#include <sys/resource.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "attend/record/record.h"
#include "cli/program.h"

namespace attend {
namespace {

class Outputs : public Cli {
 protected:
  // With standard output sent to `out` and input from `in`.
  static Outcome run_between(const std::vector<std::string>& arguments, const std::string& in, const std::string& out) {
    const TempFolder scratch;
    const int status = wait_for(start(arguments, in, out, scratch / "err"));
    return outcome_of(status, "", slurp(scratch / "err"));
  }

  std::string a_record() const {
    EXPECT_EQ(run({"translate", model(), "--record", folder_ / "a.npz"}, "a b\n").code, 0);
    return folder_ / "a.npz";
  }

  static bool has_partials(const std::string& folder) {
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.path().filename().string().find(".partial-") != std::string::npos) return true;
    return false;
  }
};

TEST_F(Outputs, AFullDiskIsAFailureOfEveryVerb) {
  const auto in = write("in", "a b\nc\n"), tsv = write("p.tsv", "a b\tb a\n"), record = a_record();
  const std::vector<std::vector<std::string>> all{{"translate", model()},
                                                  {"rerank", model()},
                                                  {"score", model(), "--tsv", tsv},
                                                  {"evaluate", model(), "--tsv", tsv},
                                                  {"draw", record},
                                                  {"trace", model(), "a b"},
                                                  {"trace", "--example", "rnn", "--json"},
                                                  {"info"},
                                                  {"info", model()},
                                                  {"keys"},
                                                  {"help"},
                                                  {"man", "translate"},
                                                  {"completion", "bash"},
                                                  {"translate", "--help"},
                                                  {"--help"},
                                                  {"--version"}};
  for (const auto& arguments : all) {
    const auto outcome = run_between(arguments, in, "/dev/full");
    EXPECT_EQ(outcome.code, 1) << arguments[0];
    EXPECT_NE(outcome.err.find("standard output"), std::string::npos) << arguments[0] << outcome.err;
    EXPECT_NE(outcome.err.find("No space left on device"), std::string::npos) << arguments[0] << outcome.err;
  }
  for (const char* flag : {"--output", "--record"})
    expect_failure(run({"translate", model(), in, flag, "/dev/full"}), 1, "/dev/full: cannot write");
  for (const char* flag : {"--output", "--json"})
    expect_failure(run({"evaluate", model(), "--tsv", tsv, flag, "/dev/full"}), 1, "/dev/full: cannot write");
  for (const char* flag : {"--png", "--svg", "--html", "--json"})
    expect_failure(run({"draw", record, flag, "/dev/full"}), 1, "/dev/full: cannot write");
}

// No file may grow beyond half of the translations, as on a disk with no more room: the lines that fit stay, each of them whole.
TEST_F(Outputs, WhatAFullDiskStillTookIsKept) {
  std::string lines;
  for (int i = 0; i < 400; ++i) lines += "a b c a b c\n";
  const auto in = write("in", lines), out = folder_ / "out", expected = folder_ / "expected";
  ASSERT_EQ(run({"translate", model(), in, "--output", expected, "--threads", "1"}).code, 0);
  const auto whole = slurp(expected);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const rlimit limit{whole.size() / 2, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  const auto outcome = run({"translate", model(), in, "--output", out, "--threads", "1"});
  std::signal(SIGXFSZ, handler);
  setrlimit(RLIMIT_FSIZE, &old);
  expect_failure(outcome, 1, "holds the lines that were done");
  const auto kept = slurp(out);
  EXPECT_GT(kept.size(), whole.size() / 4);
  EXPECT_TRUE(kept.ends_with('\n') && whole.starts_with(kept));
  EXPECT_FALSE(has_partials(folder_.path()));
}

TEST_F(Outputs, MadeDataLeavesOtherFilesOfItsNamesAlone) {
  const auto make = [&](const std::string& seed, bool overwrite) {
    std::vector<std::string> words{"data", "reverse", "--pairs", "10", "--seed", seed, "--out", folder_ / "made"};
    if (overwrite) words.emplace_back("--overwrite");
    return run(words);
  };
  EXPECT_EQ(make("1", false).code, 0);
  EXPECT_EQ(make("1", false).code, 0);  // the same bytes once more
  const auto before = slurp(folder_ / "made/dev.tsv");
  fs::remove(folder_ / "made/train.tsv");
  expect_failure(make("2", false), 1, "/made/dev.tsv: holds something else than would be written; choose another folder, or --overwrite");
  EXPECT_EQ(slurp(folder_ / "made/dev.tsv"), before);
  EXPECT_FALSE(fs::exists(folder_ / "made/train.tsv"));  // nothing is written when not all can be
  EXPECT_EQ(make("2", true).code, 0);
  EXPECT_NE(slurp(folder_ / "made/dev.tsv"), before);
}

TEST_F(Outputs, NobodyWritesOverAnInput) {
  const auto in = write("in", "a b\nc\n"), tsv = write("p.tsv", "a b\tb a\n"), record = a_record();
  const auto source = write("s", "a\n"), target = write("t", "b\n");
  fs::create_symlink(in, folder_ / "soft");
  fs::create_hard_link(in, folder_ / "hard");
  const auto weights = fs::canonical(model() + "/best").string() + "/weights.safetensors", config = model() + "/config.yaml";
  std::vector<std::vector<std::string>> all;
  for (const std::string& name : {in, folder_ / "soft", folder_ / "hard", folder_.path() + "/./in", weights, config}) {
    all.push_back({"translate", model(), in, "--output", name});
    all.push_back({"translate", model(), in, "--record", name});
  }
  for (const char* flag : {"--output", "--json"}) all.push_back({"evaluate", model(), "--tsv", tsv, flag, tsv});
  for (const auto& side : {source, target}) {
    all.push_back({"score", model(), "--source", source, "--target", target, "--record", side});
    all.push_back({"evaluate", model(), "--source", source, "--target", target, "--json", side});
  }
  for (const char* flag : {"--png", "--svg", "--html", "--json"}) all.push_back({"draw", record, flag, record});
  for (const auto& arguments : all) {
    std::vector<std::string> before, after;
    for (const auto& name : {in, tsv, record, source, target, weights, config}) before.push_back(slurp(name));
    expect_failure(run(arguments), 2, "would overwrite");
    for (const auto& name : {in, tsv, record, source, target, weights, config}) after.push_back(slurp(name));
    EXPECT_EQ(before, after) << arguments[0] << " " << arguments.back();
  }
  EXPECT_TRUE(fs::is_symlink(folder_ / "soft"));
  // Of the shell's making.
  EXPECT_EQ(run_between({"translate", model(), "--output", in}, in, folder_ / "o").code, 2);
  EXPECT_EQ(slurp(in), "a b\nc\n");
  // Two outputs of one name, and figures kept beside the checkpoints, which are no input.
  expect_failure(run({"translate", model(), in, "--output", folder_ / "x", "--record", folder_ / "x"}), 2, "both name");
  for (int twice = 0; twice < 2; ++twice) EXPECT_EQ(run({"evaluate", model(), "--tsv", tsv, "--json", model() + "/test.json"}).code, 0);
  // A configuration in the folder that the run would fill.
  const auto yaml = write("config.yaml", "data:\n  tsv: " + *shared_ / "data/train.tsv" + "\n");
  expect_failure(run({"train", yaml, "--out", folder_.path(), "--set", "train.steps=1"}), 2, "would overwrite the input");
}

TEST_F(Outputs, AnInputThatCannotBeReadCostsNobodyAnOutput) {
  const auto kept = write("kept", "precious\n");
  expect_failure(run({"translate", model(), folder_ / "none", "--output", kept}), 1, "none: cannot read");
  expect_failure(run({"translate", folder_ / "none", "--output", kept}, "a\n"), 1, "none: no such model");
  expect_failure(run({"translate", model(), folder_ / "none", "--record", kept}), 1, "none: cannot read");
  expect_failure(run({"evaluate", model(), "--tsv", folder_ / "none", "--output", kept}), 1, "none: cannot read");
  EXPECT_EQ(slurp(kept), "precious\n");
  expect_failure(run({"evaluate", model(), "--tsv", folder_ / "none", "--json", folder_ / "nowhere/e.json"}), 1, "there is no folder");
  EXPECT_FALSE(has_partials(folder_.path()));
}

TEST_F(Outputs, OneBadLineIsNamedAndTheLinesBeforeItArePrinted) {
  const std::string good = "a b\nb\na b c\n";
  const auto in = write("in", good + "a \xff b\na\n");
  const auto expected = run({"translate", model()}, good).out;
  const auto translated = run({"translate", model(), in});
  expect_failure(translated, 1, folder_ / "in:4: byte 3 is not UTF-8");
  EXPECT_EQ(translated.out, expected);
  const auto reranked = run({"rerank", model(), in});
  expect_failure(reranked, 1, folder_ / "in:4:");
  EXPECT_EQ(std::count(reranked.out.begin(), reranked.out.end(), '\n'), 3);
  // Into files as well, with the record of what was translated.
  expect_failure(run({"translate", model(), in, "--output", folder_ / "out", "--record", folder_ / "out.npz"}), 1, "in:4:");
  EXPECT_EQ(slurp(folder_ / "out"), expected);
  EXPECT_EQ(RecordFile(folder_ / "out.npz").size(), 3u);
  expect_failure(run({"translate", model(),
                      write("wide",
                            "\xff\xfe"
                            "a\n")}),
                 1, "UTF-16");
}

TEST_F(Outputs, AByteOrderMarkIsNoPartOfTheText) {
  const auto plain = run({"translate", model(), "--alignment"}, "a b\na b\n");
  EXPECT_EQ(run({"translate", model(), "--alignment"},
                "\xef\xbb\xbf"
                "a b\na b\n")
                .out,
            plain.out);
  EXPECT_EQ(run({"translate", model(), "--alignment",
                 write("bom",
                       "\xef\xbb\xbf"
                       "a b\na b\n")})
                .out,
            plain.out);
  EXPECT_EQ(run({"rerank", model()},
                "\xef\xbb\xbf"
                "a b\n")
                .out,
            run({"rerank", model()}, "a b\n").out);
  const auto links = write("links", "0-0 1-1\n"),
             marked = write("marked",
                            "\xef\xbb\xbf"
                            "0-0 1-1\n"),
             tsv = write("p.tsv", "a b\tb a\n");
  EXPECT_EQ(run({"evaluate", model(), "--tsv", tsv, "--links", marked}).code, 0);
  EXPECT_EQ(run({"evaluate", model(), "--tsv", tsv, "--links", links}).code, 0);
}

TEST_F(Outputs, LinesWithNothingToSeeGiveEmptyLines) {
  EXPECT_EQ(run({"translate", model()}, "\u200b\n \u3000\n\ufeff\u2060 \n\u200d\ufe0f\n").out, "\n\n\n\n");
  EXPECT_EQ(run({"rerank", model()}, "\u200b\n\n").out, "\n\n");
}

TEST_F(Outputs, LinksAreFollowedAndDescriptorsGoOn) {
  const auto tsv = write("p.tsv", "a b\tb a\n"), record = a_record();
  const auto figures = write("real", "old");
  fs::create_symlink("real", folder_ / "alias");
  ASSERT_EQ(run({"evaluate", model(), "--tsv", tsv, "--json", folder_ / "alias"}).code, 0);
  EXPECT_TRUE(fs::is_symlink(folder_ / "alias"));
  EXPECT_EQ(nlohmann::json::parse(slurp(figures)).at("sentences"), 1);
  for (const char* kind : {"png", "svg", "html", "json"}) {
    put_file(folder_ / "real", "old");
    ASSERT_EQ(run({"draw", record, std::string("--") + kind, folder_ / "alias"}).code, 0);
    EXPECT_TRUE(fs::is_symlink(folder_ / "alias")) << kind;
    EXPECT_GT(fs::file_size(folder_ / "real"), 100u) << kind;
  }
  fs::create_symlink("/proc/self/fd/1", folder_ / "out");
  const auto both = run({"evaluate", model(), "--tsv", tsv, "--json", folder_ / "out"});
  ASSERT_EQ(both.code, 0) << both.err;
  EXPECT_TRUE(fs::is_symlink(folder_ / "out"));
  EXPECT_TRUE(both.out.starts_with("sentences"));
  EXPECT_EQ(nlohmann::json::parse(both.out.substr(both.out.find("\n{") + 1)).at("sentences"), 1);
}

TEST_F(Outputs, ADashIsStandardInputOrOutput) {
  const auto tsv = write("p.tsv", "a b\tb a\n"), source = write("s", "a b\n"), target = write("t", "b a\n");
  const auto scored = run({"score", model(), "--tsv", tsv}).out;
  EXPECT_EQ(run({"score", model(), "--tsv", "-"}, "a b\tb a\n").out, scored);
  EXPECT_EQ(run({"score", model(), "--source", "-", "--target", target}, "a b\n").out, scored);
  expect_failure(run({"score", model(), "--source", "-", "--target", "-"}, "a b\n"), 2, "--source and --target");
  EXPECT_EQ(run({"translate", model(), "-"}, "a b\n").out, run({"translate", model(), source}).out);
  const auto json = run({"evaluate", model(), "--tsv", tsv, "--json", "-"}).out;
  EXPECT_EQ(nlohmann::json::parse(json.substr(json.find("\n{") + 1)).at("sentences"), 1);
  // A record through a pipe, and drawn from one.
  ASSERT_EQ(run({"translate", model(), source, "--output", folder_ / "o", "--record", folder_ / "a.npz"}).code, 0);
  const auto piped = run({"translate", model(), source, "--output", folder_ / "o", "--record", "-"}).out;
  EXPECT_EQ(piped, slurp(folder_ / "a.npz"));
  EXPECT_EQ(run({"draw", "-"}, piped).out, run({"draw", folder_ / "a.npz"}).out);
  EXPECT_EQ(run({"draw", folder_ / "a.npz", "--svg", "-"}).out.substr(0, 4), "<svg");
  // A corpus that is counted before it is read, and a configuration.
  EXPECT_EQ(run({"train", "--tsv", "-", "--out", folder_ / "run", "--dry-run"}, slurp(*shared_ / "data/train.tsv")).code, 0);
  EXPECT_EQ(run({"train", "-", "--dry-run"}, "data:\n  tsv: " + *shared_ / "data/train.tsv" + "\n").code, 0);
  EXPECT_FALSE(fs::exists("-"));
}

TEST_F(Outputs, AReaderThatLeavesEndsItQuietly) {
  std::string lines;
  for (int i = 0; i < 3000; ++i) lines += "a b c\n";
  const auto in = write("in", lines);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = start({"translate", model(), in, "--batch", "1", "--record", folder_ / "r.npz"}, "/dev/null",
                            "/dev/fd/" + std::to_string(ends[1]), folder_ / "err");
  close(ends[1]);
  char byte = 0;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);
  close(ends[0]);
  const int status = wait_for(child);
  ASSERT_TRUE(WIFEXITED(status)) << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(slurp(folder_ / "err").find("cannot write"), std::string::npos) << slurp(folder_ / "err");
  EXPECT_FALSE(has_partials(folder_.path()));
}

TEST_F(Outputs, ASignalKeepsWhatWasDoneAndLeavesNothingHalf) {
  for (const int number : {SIGHUP, SIGTERM, SIGINT}) {
    translate_until(number);
    EXPECT_EQ(slurp(folder_ / "out"), run({"translate", model()}, "a b\n").out);
    EXPECT_EQ(RecordFile(folder_ / "r.npz").size(), 1u);
    EXPECT_FALSE(has_partials(folder_.path()));
    for (const auto* name : {"out", "r.npz"}) fs::remove(folder_ / name);
  }
}

TEST_F(Outputs, HangingUpSavesATraining) { expect_saved_by(SIGHUP); }

}  // namespace
}  // namespace attend
