// attend rerank
#include "attend/run/rerank.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "attend/measure/bleu.h"
#include "attend/measure/metrics.h"
#include "attend/run/translator.h"
#include "attend/text/unicode.h"
#include "output.h"
#include "parallel.h"
#include "parse.h"
#include "searching.h"
#include "terminal.h"
#include "verbs.h"

namespace attend::cli {
namespace {

// Those of texts with one reference each.
std::vector<std::string> tuning_metrics() {
  std::vector<std::string> names;
  for (const auto* metric : metrics_of({MetricNeed::kTexts})) names.emplace_back(metric->name);
  return names;
}

struct RerankFlags {
  SearchOptions search;
  RunnerOptions runner;
  ParallelFlags tune;
  std::vector<std::string> weights;
  std::string coverage, reverse, language_model, metric, bleu_tokenizer;
  bool features;
  RerankFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    v(weights, "weights", {}, "NAME=X for each feature that counts; log_prob is 1, coverage the coverage penalty, others 0");
    v(features, "features", false, "print every hypothesis, best first: number ||| text ||| score ||| features");
    v(coverage, "coverage", "wu", "the feature coverage: what is missing (wu) or what is there too often (summary)",
      one_of({"wu", "summary"}));
    v(reverse, "reverse", "", "model that translates back, for the feature reverse");
    v(language_model, "language_model", "", "language model of the target, for the feature language_model");
    tune.visit(v);
    v(metric, "metric", "bleu", "what weights are tuned to", one_of(tuning_metrics()));
    v(bleu_tokenizer, "bleu_tokenizer", "13a", "tokens of BLEU: zh for Chinese", one_of(bleu_tokenizer_names()));
    search.visit(v);
    runner.visit(v);
  }
};

RerankWeights weights_of(const RerankFlags& flags) {
  RerankWeights weights{{"coverage", flags.search.coverage_penalty}};
  const auto names = rerank_features();
  for (const auto& text : flags.weights) {
    const auto cut = std::min(text.find('='), text.size());
    const auto name = text.substr(0, cut);
    if (std::find(names.begin(), names.end(), name) == names.end()) fail_unknown_name("--weights", name, names);
    char* end = nullptr;
    const auto number = text.substr(std::min(cut + 1, text.size()));
    const double value = std::strtod(number.c_str(), &end);
    ATTEND_CHECK(!number.empty() && *end == '\0' && std::isfinite(value), kUsage, "--weights: expected NAME=NUMBER, got {}", text);
    const bool missing = (name == "reverse" && flags.reverse.empty()) || (name == "language_model" && flags.language_model.empty());
    ATTEND_CHECK(!missing || value == 0, kUsage, "--weights {}: nothing works out this feature; give {} MODEL", text, flag_of(name));
    weights[name] = value;
  }
  return weights;
}

RerankWeights tuned(const Reranker& reranker, const RerankFlags& flags, const RerankWeights& start, bool quiet) {
  auto text = read_parallel(flags.tune, "rerank");
  tell_left_out(text, "rerank", quiet);
  auto lists = reranker.candidates(text.sources);
  for (auto& target : text.targets) target = comparable(target);  // as evaluate compares them
  for (auto& list : lists)
    for (auto& candidate : list) candidate.text = comparable(candidate.text);
  std::vector<std::vector<std::string_view>> references;
  for (const auto& target : text.targets) references.push_back({target});
  const auto& metric = find_metric(flags.metric);
  const auto figure = [&](std::span<const std::string> texts) {
    return metric.of_texts({texts, references}, {.bleu_tokenizer = flags.bleu_tokenizer}).value;
  };
  const auto quality = [&](std::span<const std::string> texts) { return metric.larger_is_better ? figure(texts) : -figure(texts); };
  std::vector<std::string> names{"coverage", "entropy", "unknown"};
  if (!flags.reverse.empty()) names.emplace_back("reverse");
  if (!flags.language_model.empty()) names.emplace_back("language_model");
  const auto weights = tune_weights(lists, start, names, quality);
  const auto reached = [&](const RerankWeights& w) {
    std::vector<std::string> texts;
    for (const auto& list : lists) texts.push_back(list[rerank(list, w)[0]].text);
    return metric_cell(metric, figure(texts));
  };
  std::string line;
  for (const auto& [name, weight] : weights) line += fmt::format(" {}={}", name, weight);
  say("{} {} before, {} with --weights{}\n", flags.metric, reached(start), reached(weights), line);
  return weights;
}

int rerank_lines(const Arguments& arguments) {
  RerankFlags flags;
  flags.search = read_stored_options<SearchOptions>(arguments.words[0], "decode");
  flags = arguments.read(flags);
  const Translator translator(arguments.words[0], flags.runner);
  if (!arguments.has("n_best")) flags.search.n_best = flags.search.beam;
  const auto control = settle_search(flags.search, arguments);
  std::optional<Translator> reverse;
  std::optional<Runner> language_model;
  if (!flags.reverse.empty()) reverse.emplace(flags.reverse, flags.runner);
  if (!flags.language_model.empty()) language_model.emplace(flags.language_model, flags.runner).writer(Matter::kNothing);
  const Reranker reranker(translator, {flags.search, parse_coverage_term(flags.coverage), control.stop}, reverse ? &*reverse : nullptr,
                          language_model ? &*language_model : nullptr);
  auto weights = weights_of(flags);
  const bool tune = !flags.tune.tsv.empty() || !flags.tune.source.empty() || !flags.tune.target.empty();
  if (tune) weights = tuned(reranker, flags, weights, arguments.common.quiet);
  std::vector<std::string> files(arguments.words.begin() + 1, arguments.words.end());
  if (files.empty() && !tune) files.emplace_back("-");
  const auto names = rerank_features();
  Output out("-");
  catch_interrupts();
  std::size_t index = 0;
  for (const auto& file : files) {
    LineReader reader(file);
    constexpr std::size_t kTogether = 1024;
    for (;;) {
      const auto lines = reader.window(kTogether);
      if (lines.empty()) break;
      for (const auto& list : reranker.candidates(lines)) {
        const auto order = rerank(list, weights);
        if (!flags.features) out.line(list[order[0]].text);
        for (const auto n : flags.features ? order : std::vector<std::size_t>{}) {
          auto line = fmt::format("{} ||| {} ||| {:.6f} |||", index, list[n].text, rerank_score(list[n], weights));
          for (std::size_t f = 0; f < names.size(); ++f) line += fmt::format(" {}={:.6f}", names[f], list[n].features[f]);
          out.line(line);
        }
        ++index;
      }
      out.flush();
    }
  }
  return 0;
}

}  // namespace

Command rerank_command() {
  return {
      .name = "rerank",
      .sentence = "Translate lines and re-score the n-best list by more than its probability.",
      .words = "MODEL [FILE...]",
      .details =
          "Features: log_prob (divided by the length penalty), coverage, entropy of the attention (last layer, mean over heads), unknown\n"
          "words, reverse and language_model. With --tsv, or --source and --target, the weights are first tuned on those sentences by\n"
          "coordinate ascent and printed; --weights takes them again. Without files and without tuning it reads standard input.\n"
          "Examples:\n"
          "  attend rerank runs/phrasebook --tsv data/phrasebook/dev.tsv --bleu-tokenizer zh --beam 10 --reverse runs/back\n"
          "  attend rerank runs/phrasebook a.en --beam 10 --reverse runs/back --weights coverage=0.25 --weights reverse=0.5",
      .model_first = true,
      .paths = kAllWords,
      .fewest_words = 1,
      .most_words = 100000,
      .options = flags_of<RerankFlags>(),
      .run = rerank_lines};
}

}  // namespace attend::cli
