// attend score and attend evaluate
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attend/core/files.h"
#include "attend/decode/evaluate.h"
#include "attend/measure/rouge.h"
#include "attend/text/corpus.h"
#include "parallel.h"
#include "terminal.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct ScoreFlags {
  ParallelFlags text;
  std::string record;
  bool tokens, alignment;
  ScoreFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    text.visit(v);
    v(tokens, "tokens", false, "add each token with its log-probability");
    v(alignment, "alignment", false, "add the links of the attention as i-j");
    v(record, "record", "", "file for the record of every layer, head and step (see attend draw)");
  }
};

int score(const Arguments& arguments) {
  const auto flags = arguments.read<ScoreFlags>();
  const auto text = read_parallel(flags.text, "score");
  const Translator translator(arguments.words[0]);
  std::unique_ptr<RecordWriter> writer;
  if (!flags.record.empty()) writer = std::make_unique<RecordWriter>(flags.record);
  constexpr std::size_t kWindow = 1024;
  for (std::size_t begin = 0; begin < text.sources.size(); begin += kWindow) {
    const auto n = std::min(kWindow, text.sources.size() - begin);
    const auto results = translator.score(std::span(text.sources).subspan(begin, n), std::span(text.targets).subspan(begin, n),
                                          writer != nullptr || flags.alignment);
    for (std::size_t i = 0; i < n; ++i) {
      const auto& best = results[i].best[0];
      auto line = fmt::format("{:.6f}", best.log_prob);
      if (flags.tokens)
        for (std::size_t t = 0; t < best.tokens.size(); ++t)
          line += fmt::format("{}{}:{:.6f}", t == 0 ? " ||| " : " ", best.pieces[t], best.log_probs[t]);
      if (flags.alignment)
        line +=
            " ||| " + (results[i].record ? format_links(links_of(*results[i].record, {}, 0, default_links(translator.model())).links) : "");
      fmt::print("{}\n", line);
      if (!writer || !results[i].record) continue;
      auto data = results[i].record->data();
      data.sentence = begin + i;
      writer->add(Record(std::move(data)));
    }
  }
  if (writer) writer->close();
  return 0;
}

struct EvaluateFlags {
  ParallelFlags text;
  SearchOptions search;
  std::string links, link_units, output, bleu_tokenizer, json;
  bool lowercase, shift, rouge;
  std::int64_t link_base, batch;
  EvaluateFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    text.visit(v);
    v(bleu_tokenizer, "bleu_tokenizer", "13a", "tokens of BLEU: zh for Chinese", one_of({"13a", "zh", "char", "intl", "none"}));
    v(lowercase, "lowercase", false, "compare in lower case");
    v(links, "links", "", "gold alignments, i-j sure and ipj possible; with --tsv its third column is used: --links tsv");
    v(link_units, "link_units", "auto", "what gold links count: tokens, or words between spaces; auto: words for unigram and bpe models",
      one_of({"auto", "tokens", "words"}));
    v(link_base, "link_base", 0, "number of the first word in the gold links", between(0, 1));
    v(shift, "shift", false, "read a token's links from the step that takes it as input");
    v(rouge, "rouge", false, "also ROUGE-1, 2 and L, as rouge_score counts them; Chinese characters are tokens");
    v(output, "output", "", "file for the translations");
    v(json, "json", "", "file for the figures as JSON");
    v(batch, "batch", 64, "sentences translated together", between(1, 100000));
    search.visit(v);
  }
};

int evaluate_model(const Arguments& arguments) {
  EvaluateFlags flags;
  Translator translator(arguments.words[0]);
  flags.search = translator.search_options();
  flags = arguments.read(flags);
  translator.limits.sentences = static_cast<std::size_t>(flags.batch);
  const auto text = read_parallel(flags.text, "evaluate");
  EvaluateOptions options;
  options.search = flags.search;
  options.bleu_tokenizer = flags.bleu_tokenizer;
  options.lowercase = flags.lowercase;
  const auto started = std::chrono::steady_clock::now();
  const auto result = evaluate(translator, text.sources, text.targets, options);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  nlohmann::ordered_json json = {{"sentences", result.sentences},
                                 {"loss", result.loss},
                                 {"perplexity", result.perplexity},
                                 {"bleu", result.bleu.score},
                                 {"bleu_signature", result.bleu.signature},
                                 {"chrf", result.chrf.score},
                                 {"chrf_signature", result.chrf.signature},
                                 {"exact", result.exact},
                                 {"wer", result.word_errors},
                                 {"cer", result.character_errors},
                                 {"seconds", seconds},
                                 {"beam", flags.search.beam}};
  fmt::print("sentences   {}\nloss        {:.4f} nat a token\nperplexity  {:.3f}\n{}\n{}\nexact       {:.2f} %\n", result.sentences,
             result.loss, result.perplexity, result.bleu.line_with_signature(), result.chrf.line_with_signature(), 100 * result.exact);
  fmt::print("errors      {:.2f} % of words or symbols, {:.2f} % of characters\n", 100 * result.word_errors, 100 * result.character_errors);
  if (flags.rouge) {
    RougeOptions rouge_options;
    rouge_options.characters = true;
    Rouge rouge(rouge_options);
    for (std::size_t i = 0; i < text.targets.size(); ++i) rouge.add(result.translations[i], text.targets[i]);
    const auto scores = rouge.result();
    fmt::print("{}\n", scores.line_with_signature());
    json["rouge_1"] = scores.mean.rouge_1.f1;
    json["rouge_2"] = scores.mean.rouge_2.f1;
    json["rouge_l"] = scores.mean.rouge_l.f1;
    json["rouge_signature"] = scores.signature;
  }
  if (!flags.links.empty()) {
    std::vector<Links> gold;
    if (flags.links == "tsv") {
      for (std::size_t i = 0; i < text.extras.size(); ++i)
        gold.push_back(parse_links(text.extras[i], static_cast<int>(flags.link_base), fmt::format("pair {}", i + 1)));
    } else {
      gold = read_links(flags.links, static_cast<int>(flags.link_base));
    }
    LinkOptions link_options;
    link_options.shifted = flags.shift;
    link_options.words = flags.link_units == "words" || (flags.link_units == "auto" && has_pieces(translator.model()));
    const auto figures = evaluate_attention(translator, text.sources, text.targets, gold, {}, link_options);
    const auto& score = figures.links;
    auto percent = [](const std::optional<double>& x) { return x ? fmt::format("{:.2f} %", 100 * *x) : std::string("undefined"); };
    fmt::print("AER         {}  precision {}  recall {}  (forced decoding of the references, argmax)\n", percent(score.aer()),
               percent(score.precision()), percent(score.recall()));
    if (figures.entropy) {
      fmt::print("entropy     {:.3f} nat a row, {:.2f} effective tokens\n", *figures.entropy, std::exp(*figures.entropy));
      json["entropy"] = *figures.entropy;
    }
    json["aer"] = score.aer() ? nlohmann::ordered_json(*score.aer()) : nlohmann::ordered_json(nullptr);
  }
  if (!flags.output.empty()) {
    std::string all;
    for (const auto& line : result.translations) all += line + "\n";
    write_file_atomic(flags.output, all);
  }
  if (!flags.json.empty()) write_file_atomic(flags.json, json.dump(2) + "\n");
  return 0;
}

}  // namespace

ParallelText read_parallel(const ParallelFlags& flags, const char* verb) {
  if (flags.tsv.empty() && (flags.source.empty() || flags.target.empty()))
    fail(ErrorKind::kUsage, "{}: give --source FILE and --target FILE, or --tsv FILE", verb);
  CorpusOptions options;
  options.header = flags.header;
  const auto corpus =
      flags.tsv.empty() ? ParallelCorpus::from_files(flags.source, flags.target, options) : ParallelCorpus::from_tsv(flags.tsv, options);
  ParallelText text;
  for (std::size_t i = 0; i < corpus.size(); ++i) {
    text.sources.emplace_back(corpus.source(i));
    text.targets.emplace_back(corpus.target(i));
    text.extras.emplace_back(corpus.extra(i));
  }
  return text;
}

Command score_command() {
  return {.name = "score",
          .sentence = "Log-probabilities of given translations.",
          .words = "MODEL",
          .details = "One line a pair: the natural logarithm of p(target | source), </s> included.",
          .fewest_words = 1,
          .most_words = 1,
          .options = flags_of<ScoreFlags>(),
          .run = score};
}

Command evaluate_command() {
  return {.name = "evaluate",
          .sentence = "BLEU, chrF, exact match, perplexity and alignment error of a model.",
          .words = "MODEL",
          .details = "Example:\n  attend evaluate runs/phrasebook --tsv data/phrasebook/test.tsv --bleu-tokenizer zh --links tsv",
          .fewest_words = 1,
          .most_words = 1,
          .options = flags_of<EvaluateFlags>(),
          .run = evaluate_model};
}

}  // namespace attend::cli
