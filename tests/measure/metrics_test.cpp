// The registry of metrics: every line of metrics.def has its files and says what it is, and what can be had follows from what there is.
#include "attend/measure/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "attend/measure/alignment.h"
#include "attend/measure/bleu.h"
#include "attend/measure/chrf.h"
#include "attend/measure/cider.h"
#include "attend/measure/classification.h"
#include "attend/measure/language_model.h"
#include "support/expect_error.h"

namespace attend {
namespace {

struct Line {
  std::string name, family;
};

std::vector<Line> lines_of_the_registry() {
  std::ifstream file(ATTEND_SOURCE_DIR "/src/measure/metrics.def");
  std::vector<Line> lines;
  for (std::string line; std::getline(file, line);) {
    std::smatch parts;
    if (std::regex_match(line, parts, std::regex(R"(METRIC\((\w+), (\w+)\))"))) lines.push_back({parts[1], parts[2]});
  }
  return lines;
}

TEST(Metrics, EachLineHasItsFilesAndAnEntry) {
  const auto lines = lines_of_the_registry();
  ASSERT_GE(lines.size(), 15u);
  ASSERT_EQ(metrics().size(), lines.size());
  std::set<std::string> names;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    SCOPED_TRACE(lines[i].name);
    EXPECT_EQ(metrics()[i].name, lines[i].name);
    EXPECT_EQ(metrics()[i].family, lines[i].family);
    EXPECT_TRUE(names.insert(lines[i].name).second) << "twice";
    EXPECT_EQ(&find_metric(lines[i].name), &metrics()[i]);
    for (const auto& file : {"include/attend/measure/" + lines[i].family + ".h", "src/measure/" + lines[i].family + ".cpp",
                             "tests/measure/" + lines[i].family + "_test.cpp"})
      EXPECT_TRUE(std::filesystem::exists(ATTEND_SOURCE_DIR "/" + file)) << file;
  }
}

// One function counts a metric, and what that reads is among its needs: else it would be offered where it has no value.
TEST(Metrics, EachNeedsWhatItsFunctionReads) {
  for (const auto& metric : metrics()) {
    SCOPED_TRACE(metric.name);
    const std::vector<std::pair<bool, MetricNeed>> functions{{metric.of_texts != nullptr, MetricNeed::kTexts},
                                                             {metric.of_probabilities != nullptr, MetricNeed::kProbabilities},
                                                             {metric.of_answers != nullptr, MetricNeed::kAnswers},
                                                             {metric.of_links != nullptr, MetricNeed::kGoldLinks}};
    EXPECT_EQ(std::count_if(functions.begin(), functions.end(), [](const auto& f) { return f.first; }), 1);
    for (const auto& [is_there, need] : functions) EXPECT_EQ(metric.needs.holds(need), is_there) << describe(need);
    EXPECT_FALSE(std::string(metric.sentence).ends_with("."));
    EXPECT_NE(std::string(metric.unit), "");
    const auto help = "\n" + metrics_help();
    const auto line = help.substr(std::min(help.find(fmt::format("\n  {} ", metric.name)), help.size() - 1) + 1);
    const auto own = line.substr(0, line.find('\n'));
    EXPECT_NE(own.find(metric.sentence), own.npos) << own;
    EXPECT_NE(own.find(metric.larger_is_better ? "larger is better" : "smaller is better"), own.npos) << own;
    for (const auto need : metric.needs.list()) EXPECT_NE(own.find(describe(need)), own.npos) << own;
  }
}

std::vector<std::string> names_of(const MetricList& list) {
  std::vector<std::string> names;
  for (const auto* metric : list) names.emplace_back(metric->name);
  return names;
}
using Names = std::vector<std::string>;

// Those of `names` that are among `some`, in the order of `names`: whatever metrics are added to the registry.
Names those_of(const Names& names, const Names& some) {
  Names found;
  for (const auto& name : names)
    if (std::find(some.begin(), some.end(), name) != some.end()) found.push_back(name);
  return found;
}

TEST(Metrics, WhatCanBeHadFollowsFromWhatThereIs) {
  using enum MetricNeed;
  const MetricNeeds pairs{kTexts, kProbabilities, kTokens}, captions{kTexts, kSeveralReferences, kProbabilities, kTokens};
  const Names old{"accuracy", "loss",    "perplexity", "bits_per_character", "bleu", "chrf", "cider", "exact", "wer", "cer",
                  "rouge_1",  "rouge_2", "rouge_l",    "macro_f1",           "aer"};
  const auto usual = [&](MetricNeeds has, MetricPlace place) { return those_of(names_of(usual_metrics(has, place)), old); };
  const auto all = [&](MetricNeeds has) { return those_of(names_of(metrics_of(has)), old); };
  EXPECT_EQ(usual(pairs, MetricPlace::kTraining), (Names{"loss", "perplexity", "bleu", "chrf", "exact", "wer"}));
  EXPECT_EQ(usual(pairs, MetricPlace::kEvaluation), (Names{"loss", "perplexity", "bleu", "chrf", "exact", "wer", "cer"}));
  EXPECT_EQ(usual(captions, MetricPlace::kTraining), (Names{"loss", "perplexity", "bleu", "cider", "exact"}));
  EXPECT_EQ(all({kProbabilities, kTokens, kCharacters}), (Names{"loss", "perplexity", "bits_per_character"}));
  EXPECT_EQ(all({kAnswers, kProbabilities}), (Names{"accuracy", "loss"}));
  EXPECT_EQ(all({kAnswers, kProbabilities, kClasses}), (Names{"accuracy", "loss", "macro_f1"}));
  EXPECT_EQ(all({kGoldLinks}), (Names{"aer"}));
  EXPECT_EQ(metrics_of({}).size(), 0u);
}

TEST(Metrics, AMissingNeedIsNamedWithWhatCanBeHad) {
  using enum MetricNeed;
  const MetricRequest request{.who = "train.metric", .whose = "task answer", .has = {kAnswers, kProbabilities}};
  EXPECT_EQ(choose_metric("accuracy", request).name, "accuracy");
  EXPECT_ERROR(
      choose_metric("cider", request), kValue,
      "train.metric: cider needs texts with references and several references of each, which task answer does not have; it can have "
      "one of: accuracy, loss");
  EXPECT_ERROR(choose_metric("acuracy", request), kUnknownName,
               "train.metric: 'acuracy' is not known, did you mean 'accuracy'?; valid: accuracy, loss");
  auto usage = request;
  usage.kind = ErrorKind::kUsage;
  EXPECT_ERROR(choose_metric("aer", usage), kUsage, "aer needs gold links");
  EXPECT_ERROR(find_metric("blue"), kUnknownName, "did you mean 'bleu'");
}

// Texts with a reference each, as spans.
struct Compared {
  std::vector<std::string> hypotheses;
  std::vector<std::vector<std::string_view>> references;
  ComparedTexts texts() const { return {hypotheses, references}; }
};

TEST(Metrics, EachIsCountedFromItsEvidenceAlone) {
  const Compared compared{{"a b c d e", "x"}, {{"a b c d f"}, {"x"}}};
  const auto texts = compared.texts();
  LanguageModelScore probabilities;
  probabilities.add(6, 4, 8);
  ConfusionMatrix classes({"p", "q"});
  classes.add(std::string_view("p"), std::string_view("p"));
  classes.add(std::string_view("p"), std::string_view("q"));
  const AnswerCounts answers{.right = 3, .items = 4, .classes = &classes};
  AlignmentScore links;
  links.add({{0, 0}, {1, 1}}, {{0, 0}});
  MetricList all;
  for (const auto& metric : metrics()) all.push_back(&metric);
  const auto figures = count_metrics(all, {.texts = &texts, .probabilities = &probabilities, .answers = &answers, .links = &links},
                                     {.bleu_tokenizer = "none"});
  ASSERT_EQ(figures.size(), all.size());
  const std::map<std::string, double> expected{{"loss", 1.5},
                                               {"perplexity", std::exp(1.5)},
                                               {"bits_per_character", 6 / std::log(2.0) / 8},
                                               {"exact", 0.5},
                                               {"wer", 1.0 / 6},
                                               {"cer", 1.0 / 10},
                                               {"accuracy", 0.75},
                                               {"macro_f1", (2.0 / 3 + 0) / 2},
                                               {"aer", 1 - 2.0 / 3},
                                               {"rouge_1", (80 + 100) / 2.0},
                                               {"rouge_2", (75 + 0) / 2.0},
                                               {"rouge_l", (80 + 100) / 2.0}};
  for (const auto& [name, value] : expected) EXPECT_NEAR(figures.value(name).value(), value, 1e-9) << name;
  BleuOptions between_blanks;
  between_blanks.tokenizer = "none";
  Bleu bleu(between_blanks);
  Chrf chrf;
  Cider cider;
  for (std::size_t i = 0; i < 2; ++i) {
    bleu.add(compared.hypotheses[i], compared.references[i]);
    chrf.add(compared.hypotheses[i], compared.references[i]);
    cider.add(compared.hypotheses[i], compared.references[i]);
  }
  EXPECT_DOUBLE_EQ(figures.value("bleu").value(), bleu.result().score);
  EXPECT_DOUBLE_EQ(figures.value("chrf").value(), chrf.result().score);
  EXPECT_DOUBLE_EQ(figures.value("cider").value(), cider.score());
  EXPECT_NE(figures.at("bleu").text.signature.find("tok:none"), std::string::npos);
  // Nothing to count from is no value, not a made-up one.
  for (const auto& [metric, value, text] : count_metrics(all, {})) EXPECT_EQ(value, std::nullopt) << metric->name;
  EXPECT_ERROR(count_metrics({&find_metric("loss")}, {}).at("bleu"), kUnknownName, "valid: loss");
}

TEST(Metrics, CaptionsAreCountedAsTheirScorerDoes) {
  const Compared compared{{"a dog runs home"}, {{"a dog sits", "he runs a big shop there"}}};
  const auto texts = compared.texts();
  const auto figures = count_metrics({&find_metric("bleu"), &find_metric("exact")}, {.texts = &texts}, {.captions = true});
  ASSERT_EQ(figures.at("bleu").text.orders.size(), 4u);
  EXPECT_EQ(figures.value("bleu"), figures.at("bleu").text.orders.back());
  EXPECT_EQ(figures.at("bleu").text.signature, "");
  const auto lines = metric_lines(figures, "a token");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(lines[0].text.starts_with("BLEU-1..4   75.00 ")) << lines[0].text;
  EXPECT_EQ(lines[1].text, "exact       0.00 % are one of the captions");
}

TEST(Metrics, AreToldInLinesCellsAndBriefly) {
  const Compared compared{{"A b", "x"}, {{"a c"}, {"x"}}};
  const auto texts = compared.texts();
  LanguageModelScore probabilities;
  probabilities.add(6, 4, 8);
  MetricList wanted;
  for (const auto* name : {"loss", "perplexity", "bits_per_character", "exact", "wer", "cer", "rouge_1", "rouge_l"})
    wanted.push_back(&find_metric(name));
  const auto figures = count_metrics(wanted, {.texts = &texts, .probabilities = &probabilities}, {.lowercase = true});
  std::vector<std::string> told;
  for (const auto& line : metric_lines(figures, "a token", ", in lower case")) told.push_back(line.text);
  EXPECT_EQ(told,
            (Names{"loss        1.5000 nat a token", "perplexity  4.482", "bits        1.0820 a character",
                   "exact       50.00 %, in lower case", "errors      33.33 % of words or symbols, 25.00 % of characters, in lower case",
                   "ROUGE F1|nrefs:1|case:lc|stem:no|tok:words+cjk|split:newline|version:0.1.2 = 75.00/0.00/75.00/75.00 (1/2/L/Lsum)"}));
  const auto& exact = find_metric("exact");
  EXPECT_EQ(metric_heading(exact) + " " + metric_cell(exact, 0.5) + " " + metric_raw_cell(exact, 0.5), "exact % 50.00 0.5");
  EXPECT_EQ(metric_brief(exact, 0.5), "exact 50.0 %");
  EXPECT_EQ(metric_brief(find_metric("loss"), 1.23456), "valid 1.235");
  EXPECT_EQ(metric_brief(find_metric("bits_per_character"), 1.23456), "bits_per_character 1.23");
  EXPECT_EQ(metric_cell(find_metric("aer"), std::nullopt), "-");
}

}  // namespace
}  // namespace attend
