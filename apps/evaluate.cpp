// attend evaluate: its flags, and models that caption or continue a text. Pairs: evaluate_pairs.cpp; answers: evaluate_answers.cpp.
#include "evaluate.h"

#include <algorithm>

#include "attend/core/files.h"
#include "attend/data/text_stream.h"
#include "attend/measure/bleu.h"
#include "attend/run/captions.h"
#include "attend/run/windows.h"
#include "attend/train/data.h"
#include "attend/train/stream.h"
#include "output.h"
#include "terminal.h"
#include "verbs.h"

namespace attend::cli {

void EvaluateFlags::visit(OptionVisitor& v) {
  text.visit(v);
  v(quiz.text, "text", "", "of other tasks: texts with their classes, stories, documents with questions, or a text for a language model");
  quiz.form.form.visit(v);
  v(quiz.answers, "answers", "", "the answers to the documents' questions");
  v(quiz.images, "images", "", "pictures: to classify, a folder with one for each class, or an idx file; to caption, a folder or a tar");
  v(captions, "captions", "", "what people said of the pictures: lines name.jpg#0 TAB caption");
  v(list, "list", "", "names of the pictures to caption; empty: all with captions");
  v(quiz.labels, "labels", "", "their classes, an idx file");
  v(part, "part", "whole", "of a language model's text: all of it, or the share that its training left for dev or test",
    one_of({"whole", "dev", "test"}));
  v(length, "length", 0, "tokens that a language model reads together; 0 is as it was trained", between(0, 1 << 20));
  v(bleu_tokenizer, "bleu_tokenizer", "13a", "tokens of BLEU: zh for Chinese", one_of(bleu_tokenizer_names()));
  v(lowercase, "lowercase", false, "compare in lower case, for every figure");
  v(links, "links", "", "gold alignments, i-j sure and ipj possible; with --tsv those of its further columns: --links tsv");
  v(link_units, "link_units", "auto",
    "what gold links count: words between spaces, the same with punctuation apart (punctuated), tokens or characters, or two of them as "
    "SOURCE-TARGET; auto: words for unigram and bpe models, punctuated when links ask for it, characters where the script has no "
    "spaces, else tokens");
  v(dev_tsv, "dev_tsv", "", "with --layer best: source TAB target TAB links, on which the layer with the lowest AER is chosen");
  v(link_base, "link_base", 0, "number of the first word in the gold links", between(0, 1));
  v(shift, "shift", false, "read a token's links from the step that takes it as input");
  v(metric, "metric", {}, "also this metric, one of those below that is not counted unasked");
  v(rouge, "rouge", false, "also ROUGE-1, 2 and L, as rouge_score counts them; Chinese characters are tokens");
  v(by_length, "by_length", false, "also every figure for short and long sources apart, by their tokens");
  v(output, "output", "", "file for the translations, a line each line of input; empty where a pair is left out");
  v(per_sentence, "per_sentence", "", "file for the figures of every sentence, a TSV with a heading");
  v(json, "json", "", "file for the figures as JSON");
  v(batch, "batch", 64, "sentences translated together", between(1, 100000));
  search.visit(v);
  runner.visit(v);
}

Table::Table(std::vector<std::string> headings) { rows_.push_back(std::move(headings)); }

void Table::row(const std::vector<std::string>& cells) {
  ATTEND_ASSERT(cells.size() == rows_[0].size());
  rows_.push_back(cells);
}

std::string Table::text() const {
  std::vector<std::size_t> widths(rows_[0].size(), 0);
  for (const auto& row : rows_)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  std::string text;
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < row.size(); ++c) text += fmt::format("{}{:>{}}", c == 0 ? "" : "  ", row[c], widths[c]);
    text += '\n';
  }
  return text;
}

std::string cell(const std::optional<double>& value, double factor, int decimals) {
  return value ? fmt::format("{:.{}f}", factor * *value, decimals) : std::string("-");
}

nlohmann::ordered_json json_of(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

std::string range_text(std::size_t shortest, std::size_t longest) {
  return longest > 0 ? fmt::format("{}-{}", shortest, longest) : fmt::format("{}-", shortest);
}

void write_lines(const std::string& path, const std::vector<std::string>& lines) {
  Output out(path);
  for (const auto& line : lines) out.line(line);
  out.close();
}

std::string tsv_row(const std::vector<std::string>& cells) {
  std::string row;
  for (const auto& cell : cells) {
    if (&cell != cells.data()) row += '\t';
    for (const char c : cell) row += c == '\t' || c == '\n' || c == '\r' ? ' ' : c;
  }
  return row;
}

void finish(const EvaluateFlags& flags, const std::vector<std::string>& given, const nlohmann::ordered_json& figures) {
  if (!flags.output.empty()) write_lines(flags.output, given);
  if (!flags.json.empty()) write_file_atomic(flags.json, figures.dump(2) + "\n");
}

void refuse_flags(const Arguments& arguments, const std::vector<std::string>& names, const std::string& model) {
  for (auto name : names) {
    if (!arguments.has(name)) continue;
    std::replace(name.begin(), name.end(), '_', '-');
    fail(ErrorKind::kUsage, "evaluate: --{} has no meaning for {}; leave it out", name, model);
  }
}

void refuse_other_data(const Arguments& arguments, const std::vector<std::string_view>& read, const std::string& model) {
  std::vector<std::string> others;
  for (const char* name : {"source", "target", "tsv", "header", "text", "format", "text_column", "label_column", "answers", "images",
                           "labels", "captions", "list", "part", "length"})
    if (std::find(read.begin(), read.end(), name) == read.end()) others.emplace_back(name);
  refuse_flags(arguments, others, model);
}

MetricList wanted_metrics(const EvaluateFlags& flags, MetricNeeds has, const std::string& model) {
  auto wanted = usual_metrics(has, MetricPlace::kEvaluation);
  const auto ask = [&](std::string_view name, const char* who) {
    const auto* metric = &choose_metric(name, {.who = who, .whose = model, .has = has, .kind = ErrorKind::kUsage});
    if (std::find(wanted.begin(), wanted.end(), metric) == wanted.end()) wanted.push_back(metric);
  };
  for (const auto& metric : metrics())
    if (flags.rouge && metric.family == "rouge") ask(metric.name, "evaluate: --rouge");
  for (const auto& name : flags.metric) ask(name, "evaluate: --metric");
  return wanted;
}

void print_figures(const MetricFigures& figures, const std::string& each, const std::string& how) {
  for (const auto& line : metric_lines(figures, each, how)) fmt::print("{}\n", line.text);
}

void put_figures(nlohmann::ordered_json& json, const MetricFigures& figures) {
  for (std::size_t i = 0; i < figures.size(); ++i) {
    const auto& [metric, value, text] = figures[i];
    json[std::string(metric->name)] = text.orders.empty() ? json_of(value) : nlohmann::ordered_json(text.orders);
    const bool last = i + 1 == figures.size() || figures[i + 1].metric->family != metric->family;
    if (last && !text.signature.empty()) json[fmt::format("{}_signature", metric->family)] = text.signature;
  }
}

namespace {

int evaluate_captioner(const Arguments& arguments) {
  const auto& path = arguments.words[0];
  refuse_flags(arguments, {"by_length", "per_sentence", "links"}, "a captioner");
  refuse_other_data(arguments, {"images", "captions", "list"}, "a captioner");
  EvaluateFlags flags;
  flags.search = read_stored_options<SearchOptions>(path, "decode");
  flags = arguments.read(flags);
  ATTEND_CHECK(!flags.captions.empty() && !flags.quiz.images.empty(), kUsage,
               "evaluate: {} is a captioner; give --captions FILE and --images FOLDER-OR-TAR, and --list FILE for some of them", path);
  const auto wanted = wanted_metrics(flags, kCaptionsHave, "a captioner");
  const Runner runner(path, flags.runner);
  runner.writer(Matter::kPicture);
  PictureSet set(flags.quiz.images, flags.captions, flags.list);
  set.load(runner.model().model);
  tell(set.told(), arguments.common.quiet);
  const auto figures = evaluate_captions(runner, set, flags.search, 0, wanted);
  nlohmann::ordered_json json = {{"pictures", figures.pictures}};
  put_figures(json, figures.metrics);
  json["beam"] = flags.search.beam;
  fmt::print("pictures    {}\n", figures.pictures);
  print_figures(figures.metrics, "a token");
  finish(flags, figures.captions, json);
  return 0;
}

int evaluate_text(const Arguments& arguments) {
  refuse_flags(arguments, {"by_length", "per_sentence", "links", "output"}, "a language model");
  refuse_other_data(arguments, {"text", "part", "length"}, "a language model");
  const auto flags = arguments.read<EvaluateFlags>();
  const auto& path = arguments.words[0];
  ATTEND_CHECK(!flags.quiz.text.empty(), kUsage, "evaluate: {} is a language model; give --text FILE", path);
  const auto wanted = wanted_metrics(flags, kTextHas, "a language model");
  const Runner runner(path, flags.runner);
  const auto& model = runner.writer(Matter::kNothing);
  const auto trained = read_stored_options<StreamOptions>(path, "data");
  auto text = read_text(flags.quiz.text);
  if (flags.part != "whole") {
    const auto parts =
        split_text(text, {.dev = read_stored_options<HeldOutOptions>(path, "data").dev_share, .test = trained.test_share}, flags.quiz.text);
    text = flags.part == "dev" ? parts.dev : parts.test;
  }
  const auto length = flags.length > 0 ? flags.length : trained.length;
  const auto stream = stream_of(*model.target, text);
  const auto score = runner.predict(stream, length);
  ATTEND_CHECK(score.tokens() > 0, kData, "evaluate: {} ({}) holds no token to predict; give a longer text", flags.quiz.text, flags.part);
  if (stream.unknown > 0 && !arguments.common.quiet)
    say("{} of {} tokens are unknown to the model: what their letters would cost is in no figure, so that loss, perplexity and bits a "
        "character compare only with models of the same vocabulary\n",
        stream.unknown, score.tokens());
  const auto figures = count_metrics(wanted, {.probabilities = &score});
  nlohmann::ordered_json json = {{"tokens", score.tokens()}, {"unknown", stream.unknown}, {"characters", score.characters()}};
  put_figures(json, figures);
  json["length"] = length;
  fmt::print("tokens      {}\n", score.tokens());
  print_figures(figures, "a token");
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
          .sentence = "How well a model does, by every metric that its task can have.",
          .words = "MODEL",
          .details =
              "Translations and references are compared in Unicode's composed form (NFC), with single spaces. Pairs with a blank side and\n"
              "lines longer than 65536 bytes count in no figure; a message tells where they stand.\n"
              "Metrics, in the order in which they are printed:\n" +
              metrics_help() +
              "Examples:\n"
              "  attend evaluate runs/phrasebook --tsv data/phrasebook/test.tsv --bleu-tokenizer zh --links tsv\n"
              "  attend evaluate runs/phrasebook --tsv data/phrasebook/test.tsv --by-length --per-sentence figures.tsv\n"
              "  attend evaluate runs/polarity --text data/polarity/test.txt\n"
              "  attend evaluate runs/digits --images t10k-images-idx3-ubyte.gz --labels t10k-labels-idx1-ubyte.gz",
          .model_first = true,
          .paths = 1,
          .fewest_words = 1,
          .most_words = 1,
          .options = flags_of<EvaluateFlags>(),
          .run = evaluate_model};
}

}  // namespace attend::cli
