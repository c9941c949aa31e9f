// A metric is one line of a list: from it come the help, what may choose the best checkpoint, and the figures of every kind of model.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>

#include "attend/data/image.h"
#include "cli/program.h"

namespace attend {
namespace {

using Names = std::vector<std::string>;

Names lines_of_the_registry() {
  Names names;
  for (const auto& line : lines_of(slurp(std::string(ATTEND_SOURCE_DIR) + "/src/measure/metrics.def"))) {
    std::smatch parts;
    if (std::regex_match(line, parts, std::regex(R"(METRIC\((\w+), \w+\))"))) names.push_back(parts[1]);
  }
  return names;
}

// "(a, b or c)" at the end of the line that begins with `start`.
Names choices_in(const std::string& text, const std::string& start) {
  Names names;
  for (const auto& line : lines_of(text)) {
    if (!line.starts_with(start)) continue;
    const auto close = line.rfind(')'), open = line.rfind('(', close);
    const auto range = line.substr(open + 1, close - open - 1);
    const std::regex word(R"(\w+)");
    for (auto at = std::sregex_iterator(range.begin(), range.end(), word); at != std::sregex_iterator(); ++at)
      if (at->str() != "or") names.push_back(at->str());
  }
  return names;
}

// A model of each kind that is evaluated in its own way, and the arguments that evaluate it.
class MetricsOfTheProgram : public Cli {
 protected:
  void train_one(const std::string& out, Names arguments) const {
    arguments.insert(arguments.begin(), {"train", "--out", out, "--threads", "1", "--set", "train.epochs=0", "--set", "train.steps=2"});
    const auto outcome = run(arguments);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
  }

  Names translator() const { return {model(), "--tsv", *shared_ / "data/test.tsv", "--links", "tsv"}; }

  Names language_model() const {
    std::string text;
    for (int i = 0; i < 30; ++i) text += "a b c\nb a\n";
    const auto data = write("lm.txt", text), out = folder_ / "lm";
    train_one(out, {"--task", "generate", "--text", data, "--set", "text.target.kind=words", "--set", "model.hidden=8"});
    return {out, "--text", data};
  }

  Names classifier() const {
    std::string text;
    for (int i = 0; i < 10; ++i) text += "good so fine\nbad so dull\n";
    const auto data = write("labelled.txt", text), out = folder_ / "classifier";
    train_one(out, {"--task", "classify", "--text", data, "--set", "data.dev_share=0.2", "--set", "text.source.kind=words", "--set",
                    "model.encoder_hidden=4"});
    return {out, "--text", data};
  }

  Names captioner() const {
    std::string captions;
    fs::create_directories(folder_ / "pictures");
    for (int i = 0; i < 4; ++i) {
      const Image picture{8, 8, 3, std::vector<std::uint8_t>(8 * 8 * 3, static_cast<std::uint8_t>(60 * i))};
      write("pictures/" + std::to_string(i) + ".png", to_png(picture));
      for (int k = 0; k < 2; ++k)
        captions += std::to_string(i) + ".png#" + std::to_string(k) + "\t" + (k ? "this" : "it") + " is grey " + std::to_string(i) + "\n";
    }
    const auto data = write("captions.txt", captions), out = folder_ / "captioner";
    train_one(out, {"--task", "caption",
                    "--set",  "data.captions=" + data,
                    "--set",  "data.images=" + (folder_ / "pictures"),
                    "--set",  "data.dev_share=0.5",
                    "--set",  "model.picture_width=8",
                    "--set",  "model.picture_height=8",
                    "--set",  "model.convolutions=1",
                    "--set",  "model.filters=8",
                    "--set",  "model.hidden=8",
                    "--set",  "text.target.kind=words"});
    return {out, "--captions", data, "--images", folder_ / "pictures"};
  }

  Outcome evaluate(Names arguments, const Names& more = {}) const {
    arguments.insert(arguments.begin(), "evaluate");
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.insert(arguments.end(), {"--json", folder_ / "figures.json"});
    return run(arguments);
  }
  nlohmann::json figures() const { return nlohmann::json::parse(slurp(folder_ / "figures.json")); }
};

TEST_F(MetricsOfTheProgram, FollowFromTheLinesOfTheRegistry) {
  const auto names = lines_of_the_registry();
  ASSERT_GE(names.size(), 15u);
  const auto help = run({"help", "evaluate"}).out;
  EXPECT_EQ(choices_in(run({"keys", "train.metric"}).out, "  train.metric"), names);
  const std::vector<Names> models{translator(), language_model(), classifier(), captioner()};
  for (const auto& name : names) {
    SCOPED_TRACE(name);
    EXPECT_NE(help.find("\n  " + name + " "), std::string::npos) << help;
    bool had = false;
    for (const auto& one : models) {
      const auto outcome = evaluate(one, {"--metric", name});
      if (outcome.code == 0) {
        had = true;
        EXPECT_TRUE(figures().contains(name)) << figures();
        continue;
      }
      expect_failure(outcome, 2, "evaluate: --metric: " + name + " needs ");
      expect_failure(outcome, 2, "it can have one of: ");
    }
    EXPECT_TRUE(had) << "no kind of model can have it";
  }
}

TEST_F(MetricsOfTheProgram, AreCountedUnaskedWhereTheyAreUsual) {
  const std::vector<std::pair<Names, Names>> all{
      {translator(),
       {"sentences", "left_out", "loss", "perplexity", "bleu", "bleu_signature", "chrf", "chrf_signature", "exact", "wer", "cer",
        "lowercase"}},
      {language_model(), {"tokens", "unknown", "characters", "loss", "perplexity", "bits_per_character", "length"}},
      {classifier(), {"items", "unanswerable", "accuracy", "loss", "macro_f1"}},
      {captioner(), {"pictures", "loss", "perplexity", "bleu", "cider", "exact", "beam"}}};
  for (const auto& [model, keys] : all) {
    const auto outcome = evaluate(model);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    Names got;  // whatever metrics are added to the registry
    const auto json = nlohmann::ordered_json::parse(slurp(folder_ / "figures.json"));
    for (const auto& [key, value] : json.items())
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) got.push_back(key);
    EXPECT_EQ(got, keys);
    for (const auto* key : {"rouge_1", "rouge_2", "rouge_l"}) EXPECT_FALSE(json.contains(key)) << key;
  }
}

TEST_F(MetricsOfTheProgram, AreAskedForByNameOrByFamily) {
  const Names pairs{model(), "--tsv", *shared_ / "data/test.tsv"};
  EXPECT_EQ(evaluate(pairs).out.find("ROUGE"), std::string::npos);
  const auto family = evaluate(pairs, {"--rouge"});
  const auto json = figures();
  EXPECT_NE(family.out.find("\nROUGE F1|nrefs:1|"), std::string::npos) << family.out;
  for (const auto* key : {"rouge_1", "rouge_2", "rouge_l", "rouge_signature"}) EXPECT_TRUE(json.contains(key)) << key;
  const auto one = evaluate(pairs, {"--metric", "rouge_l", "--metric", "bleu"});
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(figures().at("rouge_l"), json.at("rouge_l"));
  EXPECT_FALSE(figures().contains("rouge_1"));
  EXPECT_EQ(std::count(one.out.begin(), one.out.end(), '\n'), std::count(family.out.begin(), family.out.end(), '\n'));
}

TEST_F(MetricsOfTheProgram, ThatCannotBeHadSayWhy) {
  const Names pairs{model(), "--tsv", *shared_ / "data/test.tsv"};
  expect_failure(evaluate(pairs, {"--metric", "aer"}), 2,
                 "aer needs gold links, which a model that translates, without --links, does not have");
  expect_failure(evaluate(pairs, {"--metric", "blue"}), 1, "evaluate: --metric: 'blue' is not known, did you mean 'bleu'?");
  expect_failure(evaluate(language_model(), {"--rouge"}), 2,
                 "evaluate: --rouge: rouge_1 needs texts with references, which a language model does not have; it can have one of: loss, "
                 "perplexity, bits_per_character");
  const auto train = [&](const std::string& metric) {
    return run(train_arguments(folder_ / "run", {"--set", "train.steps=1", "--set", "train.metric=" + metric}));
  };
  expect_failure(
      train("macro_f1"), 1,
      "train.metric: macro_f1 needs answers and classes, which training for task translate does not have; it can have one of: loss, "
      "perplexity, bleu");
  expect_failure(train("acuracy"), 1, "train.metric: 'acuracy' is not known, did you mean 'accuracy'?");
  EXPECT_EQ(train("").code, 0);  // what the task is judged by
  expect_failure(run({"rerank", model(), "--metric", "cider"}, "a\n"), 1, "metric: 'cider' is not known");
}

// Weights are tuned to fewer errors as they are to more matches.
TEST_F(MetricsOfTheProgram, RerankingIsTunedToAnyOfTexts) {
  const auto offered = choices_in(run({"help", "rerank"}).out, "  --metric");
  for (const auto* name : {"bleu", "chrf", "exact", "wer", "cer", "rouge_l"})
    EXPECT_NE(std::find(offered.begin(), offered.end(), name), offered.end()) << name;
  bool moved = false;
  for (const std::string name : {"wer", "cer", "chrf"}) {
    const auto tuned = run({"rerank", model(), "--tsv", *shared_ / "data/train.tsv", "--metric", name, "--beam", "8"});
    ASSERT_EQ(tuned.code, 0) << tuned.err;
    std::smatch parts;
    ASSERT_TRUE(std::regex_search(tuned.err, parts, std::regex(name + R"( ([0-9.]+) before, ([0-9.]+) with --weights)"))) << tuned.err;
    const double before = std::stod(parts[1]), after = std::stod(parts[2]);
    EXPECT_TRUE(name == "chrf" ? after >= before : after <= before) << tuned.err;
    moved = moved || after != before;
  }
  EXPECT_TRUE(moved);
}

}  // namespace
}  // namespace attend
