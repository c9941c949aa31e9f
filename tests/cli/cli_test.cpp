// The program as its users meet it: each verb on a small task, and what it says when something is wrong.
#include "cli/program.h"

#include <nlohmann/json.hpp>
#include <random>
#include <regex>

#include "attend/kernels/isa.h"
#include "attend/record/record.h"

namespace attend {
namespace {

TEST_F(Cli, HelpComesFromTheOptions) {
  const auto all = run({"--help"});
  EXPECT_EQ(all.code, 0);
  for (const char* verb : {"data", "train", "translate", "score", "evaluate", "rerank", "draw", "trace", "info"}) {
    EXPECT_NE(all.out.find(verb), std::string::npos) << verb;
    const auto one = run({verb, "--help"});
    EXPECT_EQ(one.code, 0) << verb;
    for (const char* common : {"--threads", "--seed", "--quiet"})
      EXPECT_NE(one.out.find(common), std::string::npos) << verb << " " << common;
  }
  EXPECT_NE(run({"translate", "--help"}).out.find("--length-penalty"), std::string::npos);
}

TEST_F(Cli, UsageErrorsNameTheNearest) {
  expect_failure(run({"tranlate"}), 2, "did you mean 'translate'?");
  expect_failure(run({"translate", model(), "--beem", "3"}), 2, "did you mean --beam?");
  expect_failure(run({"translate"}), 2, "translate takes MODEL [FILE...], got 0 words");
  expect_failure(run({"train", "--set", "model.hiden=3", "--tsv", "x", "--out", "y"}), 1, "did you mean 'model.hidden'?");
  expect_failure(run({"train", "--set", "model.attention=aditive", "--tsv", "x", "--out", "y"}), 1, "did you mean 'additive'?");
  expect_failure(run({"info", "aditive"}), 1, "did you mean 'additive'?");
  expect_failure(run({"translate", model(), "--beam", "0"}), 1, "1 to 1000");
}

TEST_F(Cli, ConfigErrorsNameFileAndLine) {
  const auto config = folder_ / "c.yaml";
  put_file(config, "model:\n  hidden: 3\n  hidden: 4\n");
  const auto twice = run({"train", config});
  expect_failure(twice, 1, "c.yaml:3");
  expect_failure(twice, 1, "c.yaml:2");
  put_file(config, "data:\n  tsv: ${NO_SUCH_VARIABLE_HERE}/a.tsv\n");
  expect_failure(run({"train", config}), 1, "NO_SUCH_VARIABLE_HERE");
  expect_failure(run({"train", folder_ / "none.yaml"}), 1, "none.yaml: cannot read");
}

TEST_F(Cli, TrainingCanStartFromAModel) {
  const auto outcome = run(train_arguments(folder_ / "out", {"--init-from", model(), "--dry-run"}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("starting from " + model()), std::string::npos) << outcome.err;
  expect_failure(run(train_arguments(folder_ / "out", {"--init-from", folder_ / "nowhere", "--dry-run"})), 1, "nowhere: no such model");
}

TEST_F(Cli, TranslatesInOrderLineByLine) {
  const auto outcome = run({"translate", model()}, "a b\n\nb\r\na");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto all = lines_of(outcome.out);
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[1], "");
  EXPECT_EQ(all[2], run({"translate", model()}, "b\n").out.substr(0, all[2].size()));
}

TEST_F(Cli, NBestAlignmentScoreAndRecordAgree) {
  const auto record = folder_ / "r.npz";
  const auto outcome = run({"translate", model(), "--n-best", "3", "--alignment", "--record", record}, "a b c\nc\n");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 6);
  EXPECT_EQ(outcome.out.compare(0, 6, "0 ||| "), 0);
  const RecordFile file(record);
  ASSERT_EQ(file.size(), 2u);
  EXPECT_EQ(file.read(0)->data().hypotheses.size(), 3u);
  // The best translation's own log-probability is what score says of it.
  const auto best = file.read(0)->data().hypotheses[0];
  put_file(folder_ / "s", "a b c\n");
  put_file(folder_ / "t", best.text.utf8 + "\n");
  const auto scored = run({"score", model(), "--source", folder_ / "s", "--target", folder_ / "t"});
  ASSERT_EQ(scored.code, 0) << scored.err;
  EXPECT_NEAR(std::stod(scored.out), best.log_prob, 1e-4);
}

TEST_F(Cli, DrawsEveryBackend) {
  const auto record = folder_ / "r.npz";
  ASSERT_EQ(run({"translate", model(), "--record", record}, "a b\n").code, 0);
  EXPECT_NE(run({"draw", record}).out.find("a b"), std::string::npos);
  for (const char* kind : {"png", "svg", "html", "json"}) {
    const auto file = folder_ / std::string("p.") + kind;
    const auto outcome = run({"draw", record, std::string("--") + kind, file});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_GT(fs::file_size(file), 200u);
  }
  EXPECT_EQ(run({"draw", record, "--view", "highlight"}).code, 0);
  expect_failure(run({"draw", record, "--sentence", "7"}), 1, "holds 1 records, got number 7");
  expect_failure(run({"draw", *shared_ / "data/train.tsv"}), 1, "train.tsv: has no zip directory");
}

TEST_F(Cli, Reranks) {
  const auto plain = run({"translate", model(), "--beam", "4"}, "a b c\nc\n");
  EXPECT_EQ(run({"rerank", model(), "--beam", "4"}, "a b c\nc\n").out, plain.out);
  const auto features = run({"rerank", model(), "--beam", "4", "--features", "--weights", "entropy=-0.5"}, "a b c\nc\n");
  ASSERT_EQ(features.code, 0) << features.err;
  EXPECT_EQ(std::count(features.out.begin(), features.out.end(), '\n'), 8);
  EXPECT_NE(features.out.find(" entropy="), std::string::npos);
  const auto tuned = run({"rerank", model(), "--tsv", *shared_ / "data/test.tsv", "--metric", "exact", "--reverse", model()});
  ASSERT_EQ(tuned.code, 0) << tuned.err;
  EXPECT_TRUE(std::regex_search(tuned.err, std::regex("exact [0-9.]+ before, [0-9.]+ with --weights coverage="))) << tuned.err;
  EXPECT_EQ(tuned.out, "");
  expect_failure(run({"rerank", model(), "--weights", "entropie=1"}, "a\n"), 1, "did you mean 'entropy'?");
  expect_failure(run({"rerank", model(), "--weights", "entropy"}, "a\n"), 2, "NAME=NUMBER");
}

TEST_F(Cli, Evaluates) {
  const auto outcome = run({"evaluate", model(), "--tsv", *shared_ / "data/test.tsv", "--links", "tsv", "--bleu-tokenizer", "none",
                            "--json", folder_ / "e.json", "--output", folder_ / "e.txt"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto json = nlohmann::json::parse(slurp(folder_ / "e.json"));
  // The figure is that of the translations it wrote.
  const auto translations = lines_of(slurp(folder_ / "e.txt")), pairs = lines_of(slurp(*shared_ / "data/test.tsv"));
  ASSERT_EQ(translations.size(), 6u);
  ASSERT_EQ(pairs.size(), 6u);
  int equal = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto begin = pairs[i].find('\t') + 1;
    equal += translations[i] == pairs[i].substr(begin, pairs[i].find('\t', begin) - begin);
  }
  EXPECT_DOUBLE_EQ(json.at("exact").get<double>(), equal / 6.0);
  EXPECT_TRUE(json.at("aer").get<double>() >= 0 && json.at("aer").get<double>() <= 1);
}

// Verbs that answer to a source say so of a model that has none.
TEST_F(Cli, ALanguageModelGeneratesAndNothingElse) {
  put_file(*shared_ / "text.txt", "a b c\na b c\na b c\na b c\na b c\na b c\na b c\na b c\n");
  const auto config = *shared_ / "lm.yaml", lm = *shared_ / "lm";
  put_file(config, "task: generate\ndata:\n  text: " + *shared_ / "text.txt" +
                       "\n  dev_share: 0.2\n  test_share: 0.2\n  length: 8\nmodel:\n  type: rnn_lm\n  embedding: 8\n  hidden: 8\n"
                       "text:\n  target: {kind: words}\ntrain: {steps: 3, batch_size: 16}\n");
  ASSERT_EQ(run({"train", config, "--out", lm, "--threads", "1"}).code, 0);
  const auto drawn = run({"generate", lm, "--prompt", "a b", "--max-tokens", "5"});
  EXPECT_EQ(drawn.code, 0) << drawn.err;
  EXPECT_TRUE(drawn.out.starts_with("a b")) << drawn.out;
  EXPECT_EQ(drawn.err, "");
  EXPECT_NE(run({"generate", lm, "--prompt", "a zebra", "--max-tokens", "1"}).err.find("zebra"), std::string::npos);
  const auto many = run({"generate", lm, "--count", "70", "--max-tokens", "4"}),
             few = run({"generate", lm, "--count", "66", "--max-tokens", "4"});
  EXPECT_TRUE(many.out.size() > few.out.size() && many.out.starts_with(few.out));
  EXPECT_EQ(run({"info", lm}).code, 0);
  for (const auto* verb : {"translate", "trace", "evaluate"}) {
    const auto said = run({verb, lm, "--tsv", *shared_ / "data/test.tsv"}, "a\n");
    EXPECT_NE(said.code, 0) << verb;
    EXPECT_LT(said.code, 128) << verb;
    const auto plain = run({verb, lm}, "a\n");
    EXPECT_LT(plain.code, 128) << verb << plain.err;
  }
  EXPECT_NE(run({"translate", lm}, "a\n").err.find("use attend generate"), std::string::npos);
  EXPECT_NE(run({"generate", model()}).err.find("use attend translate"), std::string::npos);
}

TEST_F(Cli, ClassifiesAnswersAndEvaluates) {
  const auto text = *shared_ / "labelled.txt", story = *shared_ / "story.txt", classifier = *shared_ / "classifier",
             memory = *shared_ / "memory";
  std::string lines, stories;
  for (int i = 0; i < 10; ++i) {
    lines += "good so fine\nbad so dull\n";
    stories += "1 Ann went home.\n2 Where is Ann?\thome\t1\n1 Ann went out.\n2 Where is Ann?\tout\t1\n";
  }
  put_file(text, lines);
  put_file(story, stories);
  const auto learn = [&](const std::string& out, const std::vector<std::string>& values) {
    std::vector<std::string> arguments{"train", "--out", out, "--threads", "1"};
    for (const char* value : {"text.source.kind=words", "model.embedding=8", "train.batch_by=sentences", "train.batch_size=8",
                              "train.rate=0.02", "train.steps=80", "train.epochs=0", "data.dev_share=0.2"}) {
      arguments.emplace_back("--set");
      arguments.emplace_back(value);
    }
    for (const auto& value : values) {
      arguments.emplace_back("--set");
      arguments.emplace_back(value);
    }
    return run(arguments).code;
  };
  ASSERT_EQ(learn(classifier, {"task=classify", "model.type=encoder_classifier", "model.encoder_hidden=8", "data.text=" + text}), 0);
  ASSERT_EQ(learn(memory, {"task=answer", "model.type=memory_hops", "data.text=" + story}), 0);

  const auto record = *shared_ / "classified.record.npz";
  const auto told = run({"classify", classifier, "--best", "2", "--record", record}, "so dull\nso fine\n");
  EXPECT_EQ(told.code, 0) << told.err;
  EXPECT_TRUE(told.out.starts_with("bad\t0.")) << told.out;
  EXPECT_NE(told.out.find("\ngood\t0."), std::string::npos) << told.out;
  EXPECT_EQ(RecordFile(record).size(), 2U);
  EXPECT_EQ(run({"draw", record, "--svg", *shared_ / "classified.svg"}).code, 0);
  const auto hops = *shared_ / "answered.record.npz";
  const auto answered = run({"answer", memory, story, "--record", hops});
  EXPECT_EQ(answered.code, 0) << answered.err;
  EXPECT_TRUE(answered.out.starts_with("Where is Ann?\thome\t0.")) << answered.out;
  EXPECT_NE(run({"draw", hops}).out.find("hop 3"), std::string::npos);
  EXPECT_EQ(run({"draw", hops, "--view", "heatmap"}).out.find("hop 3"), std::string::npos);
  expect_failure(run({"draw", hops, "--view", "image"}), 1, "holds no picture");
  const auto figures = run({"evaluate", memory, "--text", story, "--json", *shared_ / "answers.json"});
  EXPECT_EQ(figures.code, 0) << figures.err;
  const auto json = nlohmann::json::parse(slurp(*shared_ / "answers.json"));
  EXPECT_EQ(json.at("accuracy"), 1);
  EXPECT_EQ(json.at("support").size(), 3U);

  EXPECT_NE(run({"translate", classifier}, "a\n").err.find("use attend classify"), std::string::npos);
  EXPECT_NE(run({"classify", model()}, "a\n").err.find("use attend translate"), std::string::npos);
  EXPECT_NE(run({"answer", classifier, story}).err.find("use attend classify"), std::string::npos);
  EXPECT_NE(run({"evaluate", classifier, "--text", *shared_ / "nothing"}).code, 0);
}

TEST_F(Cli, InfoVerifiesAndFindsDamage) {
  const auto copy = folder_ / "copy";
  fs::copy(fs::canonical(model() + "/last"), copy);
  EXPECT_EQ(run({"info", copy, "--verify"}).code, 0);
  {
    std::fstream file(copy + "/weights.safetensors", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-3, std::ios::end);
    file.put('\x55');
  }
  const auto damaged = run({"info", copy, "--verify"});
  EXPECT_EQ(damaged.code, 1);
  EXPECT_NE(damaged.out.find("checksum"), std::string::npos) << damaged.out;
  const auto about = run({"info"});
  EXPECT_EQ(about.code, 0);
  EXPECT_NE(about.out.find("\nkernels           " + std::string(kernels::isa_name(kernels::active_isa())) + "; "), std::string::npos)
      << about.out;
  const auto sums = about.out.find("  linear_sums "), plain = about.out.find("  plain ");
  EXPECT_TRUE(sums != std::string::npos && plain != std::string::npos && sums < plain);  // in the order in which they are asked
  EXPECT_NE(run({"info", "additive"}).out.find("tanh"), std::string::npos);
  const auto all = nlohmann::json::parse(run({"info", "--json"}).out);
  EXPECT_GT(all.size(), 20u);
  EXPECT_EQ(nlohmann::json::parse(run({"info", all[0].at("name"), "--json"}).out), all[0]);
  EXPECT_NE(run({"info", "attention_pooling"}).out.find("model.pooling"), std::string::npos);
}

// What stands beside the mechanisms is told in the same way as they are, and each of all has a header and a page.
TEST_F(Cli, InfoTellsOfPartsAsOfMechanisms) {
  const auto all = nlohmann::json::parse(run({"info", "--json"}).out);
  std::map<std::string, int> kinds;
  for (const auto& told : all) {
    const std::string name = told.at("name");
    ++kinds[told.at("kind")];
    EXPECT_NE(run({"info"}).out.find("\n  " + name + " "), std::string::npos) << name;
    for (const auto* fact : {"sentence", "formula", "paper", "cost", "set by"})
      EXPECT_FALSE(told.at(fact).get<std::string>().empty()) << name << ' ' << fact;
    const std::filesystem::path root = ATTEND_SOURCE_DIR;
    EXPECT_TRUE(exists(root / "include/attend" / told.at("header").get<std::string>())) << told.at("header");
    EXPECT_TRUE(exists(root / "docs/mechanisms" / (name + ".md"))) << name;
  }
  EXPECT_GT(kinds["mechanism"], 20);
  EXPECT_GE(kinds["part"], 4);
  EXPECT_NE(run({"info", "ntm"}).out.find("model.type: ntm_model"), std::string::npos);
  expect_failure(run({"info", "ntn"}), 1, "did you mean 'ntm'?");
  expect_failure(run({"info", "act", "--verify"}), 2, "act is a part");
}

TEST_F(Cli, BadDataIsNamedByFileAndLine) {
  auto train_on = [&](const std::string& source, const std::string& target) {
    put_file(folder_ / "s", source);
    put_file(folder_ / "t", target);
    return run({"train", "--source", folder_ / "s", "--target", folder_ / "t", "--out", folder_ / "out"});
  };
  expect_failure(train_on("a\nb\xff\n", "x\ny\n"), 1, "s:2: byte 2 is not UTF-8");
  expect_failure(train_on("a\nb\nc\n", "x\ny\n"), 1, "3 lines against 2");
  expect_failure(train_on("", "x\n"), 1, "s: the file is empty");
  expect_failure(run({"train", "--source", folder_ / "none", "--target", folder_ / "t", "--out", folder_ / "out"}), 1, "none: cannot read");
  expect_failure(run({"train", "--source", folder_.path(), "--target", folder_ / "t", "--out", folder_ / "out"}), 1,
                 "expected a file, got a directory");
  expect_failure(run({"train", "--tsv", folder_ / "t", "--out", folder_ / "out"}), 1, "t:1: expected source, tab, target");
  EXPECT_FALSE(fs::exists(folder_ / "out/last"));
}

TEST_F(Cli, AnOverlongLineIsSkippedAndCounted) {
  auto text = slurp(*shared_ / "data/train.tsv");
  put_file(folder_ / "long.tsv", std::string(1 << 20, 'a') + "\tb\n" + text);
  auto arguments = train_arguments(folder_ / "out", {"--dry-run"});
  arguments[2] = folder_ / "long.tsv";
  const auto outcome = run(arguments);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("1 over-long"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("long.tsv:1"), std::string::npos) << outcome.err;
}

TEST_F(Cli, AnInterruptSavesAndExits130) { expect_saved_by(SIGINT); }

TEST_F(Cli, AfterAKillTheLastCheckpointIsSound) {
  const auto out = folder_ / "run";
  std::mt19937 random(7);
  auto arguments = train_arguments(out, {"--set", "train.steps=100000", "--set", "train.save_every=2", "--quiet"});
  const char* wanted = std::getenv("ATTEND_KILLS");  // a longer siege by hand: ATTEND_KILLS=50
  const int rounds = wanted ? std::atoi(wanted) : 4;
  for (int round = 0; round < rounds; ++round) {
    ASSERT_TRUE(killed(arguments, out, 300 + random() % 700));
    const auto verified = run({"info", out + "/last", "--verify"});
    ASSERT_EQ(verified.code, 0) << verified.out << verified.err << slurp(folder_ / "e");
    ASSERT_EQ(run({"translate", out + "/last"}, "a\n").code, 0);
    if (round == 0) arguments.emplace_back("--resume");
  }
}

TEST_F(Cli, TheReadmesProgramRuns) {
  const auto outcome = run({model(), "a b"}, "", ATTEND_EXAMPLE);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_GE(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 2);
  const auto example = slurp(std::string(ATTEND_SOURCE_DIR) + "/examples/translate.cpp");
  const auto body = example.substr(example.find("#include"));
  EXPECT_NE(slurp(std::string(ATTEND_SOURCE_DIR) + "/README.md").find(body), std::string::npos)
      << "README.md must show examples/translate.cpp";
}

}  // namespace
}  // namespace attend
