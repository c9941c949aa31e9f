// attend evaluate
#include <cmath>
#include <nlohmann/json.hpp>

#include "attend/core/files.h"
#include "attend/decode/answers.h"
#include "attend/decode/captions.h"
#include "attend/decode/evaluate.h"
#include "attend/decode/windows.h"
#include "attend/measure/rouge.h"
#include "attend/text/text_stream.h"
#include "attend/train/config.h"
#include "parallel.h"
#include "stored_options.h"
#include "verbs.h"

namespace attend::cli {
namespace {

struct EvaluateFlags {
  ParallelFlags text;
  SearchOptions search;
  QuizFiles quiz;
  std::string captions, list, part, links, link_units, output, bleu_tokenizer, json;
  bool lowercase, shift, rouge;
  std::int64_t link_base, batch, length;
  EvaluateFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v) {
    text.visit(v);
    v(quiz.text, "text", "", "of other tasks: lines 'label sentence', stories, documents with questions, or a text for a language model");
    v(quiz.answers, "answers", "", "the answers to the documents' questions");
    v(quiz.images, "images", "", "pictures: to classify, an idx file; to caption, a folder or a tar archive");
    v(captions, "captions", "", "what people said of the pictures: lines name.jpg#0 TAB caption");
    v(list, "list", "", "names of the pictures to caption; empty: all with captions");
    v(quiz.labels, "labels", "", "their classes, an idx file");
    v(part, "part", "whole", "of a language model's text: all of it, or the share that its training left for dev or test",
      one_of({"whole", "dev", "test"}));
    v(length, "length", 0, "tokens that a language model reads together; 0 is as it was trained", between(0, 1 << 20));
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

// What was given, a line each, and the figures, in the files that the user named.
void finish(const EvaluateFlags& flags, const std::vector<std::string>& given, const nlohmann::ordered_json& figures) {
  if (!flags.output.empty()) {
    std::string all;
    for (const auto& line : given) all += line + "\n";
    write_file_atomic(flags.output, all);
  }
  if (!flags.json.empty()) write_file_atomic(flags.json, figures.dump(2) + "\n");
}

int evaluate_pairs(const Arguments& arguments) {
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
  if (const auto message = cut_message(result.cut, result.sentences, flags.search); !message.empty()) fmt::print(stderr, "{}\n", message);
  json["cut"] = result.cut;
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
  finish(flags, result.translations, json);
  return 0;
}

int evaluate_quiz(const Arguments& arguments) {
  const auto flags = arguments.read<EvaluateFlags>();
  const auto model = read_answer_model(arguments.words[0]);
  auto files = flags.quiz;
  files.tsv = flags.text.tsv;
  const auto quiz = read_quiz(model_kind(model.model.type).reads, files, "--");
  quiz->prepare(any_model(model));
  const auto figures = evaluate_answers(model, *quiz);
  nlohmann::ordered_json json = {{"items", figures.items}, {"accuracy", figures.accuracy}, {"loss", figures.loss}};
  fmt::print("items       {}\naccuracy    {:.2f} %\nloss        {:.4f} nat an answer\n", figures.items, 100 * figures.accuracy,
             figures.loss);
  if (figures.unanswerable > 0)
    fmt::print("            {} answers are none the model can give; they count as wrong\n", figures.unanswerable);
  if (figures.macro_f1) {
    fmt::print("macro-F1    {:.2f} %\n", 100 * *figures.macro_f1);
    json["macro_f1"] = *figures.macro_f1;
  }
  if (!figures.support.empty()) {
    json["support"] = figures.support;
    fmt::print("support     {:.1f} % of the weight on supporting statements, by hop\n", fmt::join(
                                                                                            [&] {
                                                                                              auto shares = figures.support;
                                                                                              for (auto& share : shares) share *= 100;
                                                                                              return shares;
                                                                                            }(),
                                                                                            " "));
  }
  if (!figures.confusion.empty()) fmt::print("\n{}", figures.confusion);
  finish(flags, figures.given, json);
  return 0;
}

int evaluate_captioner(const Arguments& arguments) {
  const auto& path = arguments.words[0];
  EvaluateFlags flags;
  flags.search = read_stored_options<SearchOptions>(path, "decode");
  flags = arguments.read(flags);
  ATTEND_CHECK(!flags.captions.empty() && !flags.quiz.images.empty(), kUsage,
               "evaluate: {} is a captioner; give --captions FILE and --images FOLDER-OR-TAR, and --list FILE for some of them", path);
  const auto model = read_captioner(path);
  PictureSet set(flags.quiz.images, flags.captions, flags.list);
  set.load(model.model);
  const auto figures = evaluate_captions(model, set, flags.search);
  const nlohmann::ordered_json json = {{"pictures", figures.pictures}, {"loss", figures.loss},   {"perplexity", figures.perplexity},
                                       {"bleu", figures.bleu},         {"cider", figures.cider}, {"exact", figures.exact},
                                       {"beam", flags.search.beam}};
  fmt::print("pictures    {}\nperplexity  {:.3f}\nBLEU-1..4   {:.2f}\nCIDEr-D     {:.3f}\nexact       {:.2f} % are one of the captions\n",
             figures.pictures, figures.perplexity, fmt::join(figures.bleu, " "), figures.cider, 100 * figures.exact);
  finish(flags, figures.captions, json);
  return 0;
}

int evaluate_text(const Arguments& arguments) {
  const auto flags = arguments.read<EvaluateFlags>();
  const auto& path = arguments.words[0];
  ATTEND_CHECK(!flags.quiz.text.empty(), kUsage, "evaluate: {} is a language model; give --text FILE", path);
  const auto model = read_language_model(path);
  const auto trained = read_stored_options<DataOptions>(path, "data");
  auto text = read_text(flags.quiz.text);
  if (flags.part != "whole") {
    const auto parts = split_text(text, {.dev = trained.dev_share, .test = trained.test_share}, flags.quiz.text);
    text = flags.part == "dev" ? parts.dev : parts.test;
  }
  const auto score = predict(*model.network, stream_of(*model.target, text), flags.length > 0 ? flags.length : trained.length);
  const nlohmann::ordered_json json = {{"tokens", score.tokens()},
                                       {"characters", score.characters()},
                                       {"loss", score.loss().value_or(0)},
                                       {"perplexity", score.perplexity().value_or(0)},
                                       {"bits_per_character", score.bits_per_character().value_or(0)}};
  fmt::print("tokens      {}\nloss        {:.4f} nat a token\nperplexity  {:.3f}\nbits        {:.4f} a character\n", score.tokens(),
             score.loss().value_or(0), score.perplexity().value_or(0), score.bits_per_character().value_or(0));
  finish(flags, {}, json);
  return 0;
}

int evaluate_model(const Arguments& arguments) {
  const auto kind = stored_kind(arguments.words[0]);
  if (kind.gives == Matter::kAnswer) return evaluate_quiz(arguments);
  if (kind.reads == Matter::kPicture) return evaluate_captioner(arguments);
  return kind.reads == Matter::kNothing ? evaluate_text(arguments) : evaluate_pairs(arguments);
}

}  // namespace

Command evaluate_command() {
  return {.name = "evaluate",
          .sentence = "How well a model does: BLEU, chrF, exact match, perplexity, alignment error; accuracy and F1; bits per character.",
          .words = "MODEL",
          .details =
              "Examples:\n"
              "  attend evaluate runs/phrasebook --tsv data/phrasebook/test.tsv --bleu-tokenizer zh --links tsv\n"
              "  attend evaluate runs/polarity --text data/polarity/test.txt\n"
              "  attend evaluate runs/digits --images t10k-images-idx3-ubyte.gz --labels t10k-labels-idx1-ubyte.gz",
          .fewest_words = 1,
          .most_words = 1,
          .options = flags_of<EvaluateFlags>(),
          .run = evaluate_model};
}

}  // namespace attend::cli
