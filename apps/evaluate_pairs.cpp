// attend evaluate, of models that turn a text into a text.
#include <chrono>
#include <cmath>

#include "attend/run/evaluate.h"
#include "evaluate.h"
#include "terminal.h"

namespace attend::cli {
namespace {

// Everything that is known of the pairs; what was not asked for is empty.
struct PairFigures {
  const ParallelText& text;
  Evaluation texts;
  std::vector<AttentionFigures> attention;
  bool links = false;
  LinkUnits units;                // what they count
  std::size_t without_links = 0;  // pairs whose gold links are none
  std::optional<Site> site;       // the attention to the source that is looked at
  std::optional<std::int64_t> layer;
};

std::vector<Links> gold_links(const EvaluateFlags& flags, const ParallelText& text, std::vector<std::string>& places) {
  const auto base = static_cast<int>(flags.link_base);
  std::vector<Links> gold;
  if (flags.links == "tsv") {
    ATTEND_CHECK(!flags.text.tsv.empty(), kUsage, "evaluate: --links tsv takes the links from further columns of --tsv FILE; give that");
    for (std::size_t i = 0; i < text.extras.size(); ++i) gold.push_back(parse_link_columns(text.extras[i], base, text.places[i]));
    const bool none = std::all_of(gold.begin(), gold.end(), [](const Links& links) { return links.empty(); });
    ATTEND_CHECK(!none, kData, "{}: no row has links behind source TAB target; name the file that has them: --links FILE", flags.text.tsv);
    places = text.places;
    return gold;
  }
  const auto all = read_links(flags.links, base);
  const std::size_t first = flags.text.header ? 1 : 0;
  ATTEND_CHECK(all.size() == text.lines + first, kData,
               "{}: {} lines of links for {} lines of text; give one line a pair, an empty one where there are none", flags.links,
               all.size(), text.lines + first);
  for (const auto line : text.line) {
    gold.push_back(all[line + first]);
    places.push_back(fmt::format("{}:{}", flags.links, line + first + 1));
  }
  return gold;
}

// --layer best: the layer whose links are best on other pairs than those that are evaluated.
std::int64_t layer_by_development(const Translator& translator, const EvaluateFlags& flags, LinkUnits units, bool quiet) {
  ATTEND_CHECK(!flags.dev_tsv.empty(), kUsage,
               "evaluate: --layer best chooses on a development set: give it as --dev-tsv FILE, source TAB target TAB links");
  EvaluateFlags dev = flags;
  dev.text = ParallelFlags{};
  dev.text.tsv = flags.dev_tsv;
  dev.links = "tsv";
  const auto text = read_parallel(dev.text, "evaluate");
  std::vector<std::string> places;
  const auto gold = gold_links(dev, text, places);
  AttentionRequest request{.gold = gold, .places = places};
  request.links.shifted = flags.shift;
  request.links.units = flags.link_units == "auto" ? fit_link_units(units, text.sources, text.targets, gold) : units;
  const auto layers = alignment_by_layer(translator, text.sources, text.targets, request);
  const auto best = best_layer(layers);
  if (!quiet)
    for (const auto& [layer, score] : layers)
      say("{}: layer {} has AER {:.2f} %{}\n", flags.dev_tsv, layer, 100 * score.aer().value_or(1), layer == best ? ", the best" : "");
  return best;
}

void look_at_attention(PairFigures& figures, const Translator& translator, const EvaluateFlags& flags) {
  std::vector<std::string> places;
  const auto gold = flags.links.empty() ? std::vector<Links>{} : gold_links(flags, figures.text, places);
  AttentionRequest request{.gold = gold, .places = places};
  request.choice.layer = figures.layer;
  request.links.shifted = flags.shift;
  if (flags.link_units == "auto") figures.units = fit_link_units(figures.units, figures.text.sources, figures.text.targets, gold);
  request.links.units = figures.units;
  figures.attention = evaluate_attention(translator, figures.text.sources, figures.text.targets, request);
  figures.links = !flags.links.empty();
  for (const auto& links : gold) figures.without_links += links.empty() ? 1 : 0;
}

AttentionFigures sum_of(const std::vector<AttentionFigures>& each, const std::vector<std::size_t>& items) {
  AttentionFigures sum;
  for (const auto i : items) sum += each[i];
  return sum;
}

const char* name_of(LinkUnit unit) {
  switch (unit) {
    case LinkUnit::kWords: return "words";
    case LinkUnit::kPunctuated: return "punctuated";
    case LinkUnit::kTokens: return "tokens";
    default: return "characters";
  }
}

std::string percent(const std::optional<double>& x) { return x ? fmt::format("{:.2f} %", 100 * *x) : std::string("undefined"); }

void tell_texts(const PairFigures& figures, const EvaluateFlags& flags, nlohmann::ordered_json& json) {
  const auto& e = figures.texts;
  const std::string left =
      figures.text.left_out() > 0 ? fmt::format(" ({} of {} left out)", figures.text.left_out(), figures.text.lines) : "";
  const char* how = flags.lowercase ? ", in lower case" : "";
  fmt::print("sentences   {}{}\nloss        {:.4f} nat a token\nperplexity  {:.3f}\n{}\n{}\nexact       {:.2f} %{}\n", e.sentences, left,
             e.loss, e.perplexity, e.bleu.line_with_signature(), e.chrf.line_with_signature(), 100 * e.exact, how);
  fmt::print("errors      {:.2f} % of words or symbols, {:.2f} % of characters{}\n", 100 * e.word_errors, 100 * e.character_errors, how);
  json["left_out"] = figures.text.left_out();
  json["loss"] = e.loss;
  json["perplexity"] = e.perplexity;
  json["bleu"] = e.bleu.score;
  json["bleu_signature"] = e.bleu.signature;
  json["chrf"] = e.chrf.score;
  json["chrf_signature"] = e.chrf.signature;
  json["exact"] = e.exact;
  json["wer"] = e.word_errors;
  json["cer"] = e.character_errors;
  json["lowercase"] = flags.lowercase;
  if (!e.rouge) return;
  fmt::print("{}\n", e.rouge->line_with_signature());
  json["rouge_1"] = e.rouge->mean.rouge_1.f1;
  json["rouge_2"] = e.rouge->mean.rouge_2.f1;
  json["rouge_l"] = e.rouge->mean.rouge_l.f1;
  json["rouge_signature"] = e.rouge->signature;
}

void tell_entropy(const AttentionFigures& all, nlohmann::ordered_json& json) {
  const auto sentences = all.entropy.over_sentences();
  if (!sentences) return;
  fmt::print("entropy     {:.3f} nat a row, {:.2f} effective tokens (mean of the sentences' means; over all rows {:.3f} nat)\n", *sentences,
             std::exp(*sentences), *all.entropy.over_rows());
  if (all.entropy_without_end.sentences() > 0)
    fmt::print("            without </s> {:.3f} nat a row (over all rows {:.3f})\n", *all.entropy_without_end.over_sentences(),
               *all.entropy_without_end.over_rows());
  json["entropy"] = *sentences;
  json["entropy_rows"] = json_of(all.entropy.over_rows());
  json["entropy_without_end"] = json_of(all.entropy_without_end.over_sentences());
  json["entropy_rows_without_end"] = json_of(all.entropy_without_end.over_rows());
}

void tell_attention(const PairFigures& figures, nlohmann::ordered_json& json) {
  AttentionFigures all;
  for (const auto& own : figures.attention) all += own;
  if (figures.links) {
    const auto& score = all.links;
    const auto pairs = figures.attention.size();
    const std::string without =
        figures.without_links > 0 ? fmt::format("; {} of {} pairs have no gold links", figures.without_links, pairs) : "";
    const auto units = fmt::format("{}-{}", name_of(figures.units.source), name_of(figures.units.target));
    fmt::print("AER         {}  precision {}  recall {}  (forced decoding of the references, argmax, {}, {}{})\n",
               percent(score.aer()), percent(score.precision()), percent(score.recall()), units,
               figures.site ? describe_layer(*figures.site, figures.layer) : "no attention", without);
    json["link_units"] = units;
    json["layer"] = figures.site ? nlohmann::ordered_json(figures.site->layer) : nlohmann::ordered_json(nullptr);
    json["aer"] = json_of(score.aer());
    json["without_links"] = figures.without_links;
  }
  tell_entropy(all, json);
}

void tell_lengths(const PairFigures& figures, const EvaluateFlags& flags, nlohmann::ordered_json& json) {
  const auto& e = figures.texts;
  std::vector<std::size_t> lengths;
  for (const auto& one : e.each) lengths.push_back(one.source_tokens);
  const CompareOptions compare{.bleu_tokenizer = flags.bleu_tokenizer, .lowercase = flags.lowercase};
  Table table({"tokens", "sentences", "perplexity", "BLEU", "chrF", "exact %", "AER %", "entropy"});
  json["by_length"] = nlohmann::ordered_json::array();
  for (const auto& group : length_groups(lengths)) {
    std::vector<std::string> texts, references;
    double nll = 0;
    std::size_t tokens = 0;
    for (const auto i : group.items) {
      texts.push_back(e.translations[i]);
      references.push_back(figures.text.targets[i]);
      nll -= e.each[i].reference_log_prob;
      tokens += e.each[i].reference_tokens;
    }
    const auto own = compare_texts(texts, references, compare);
    const auto attention = sum_of(figures.attention, group.items);
    const double perplexity = std::exp(nll / static_cast<double>(std::max<std::size_t>(tokens, 1)));
    const auto aer = figures.links ? attention.links.aer() : std::nullopt;
    table.row({range_text(group.shortest, group.longest), std::to_string(own.sentences), cell(perplexity, 1, 3), cell(own.bleu.score),
               cell(own.chrf.score), cell(own.exact, 100), cell(aer, 100), cell(attention.entropy.over_sentences(), 1, 3)});
    json["by_length"].push_back({{"shortest", group.shortest},
                                 {"longest", group.longest > 0 ? nlohmann::ordered_json(group.longest) : nlohmann::ordered_json(nullptr)},
                                 {"sentences", own.sentences},
                                 {"perplexity", perplexity},
                                 {"bleu", own.bleu.score},
                                 {"chrf", own.chrf.score},
                                 {"exact", own.exact},
                                 {"aer", json_of(aer)},
                                 {"entropy", json_of(attention.entropy.over_sentences())}});
  }
  fmt::print("\n{}", table.text());
}

// A row an input line; where a pair was left out it holds the line's number alone.
std::vector<std::string> sentence_rows(const PairFigures& figures, const EvaluateFlags& flags) {
  const auto& e = figures.texts;
  const CompareOptions compare{.bleu_tokenizer = flags.bleu_tokenizer, .lowercase = flags.lowercase, .sentence = true};
  std::vector<std::string> heading{"line",     "source", "reference",          "output", "bleu", "chrf", "exact",
                                   "log_prob", "tokens", "reference_log_prob", "entropy"};
  if (figures.links) heading.emplace_back("aer");
  const std::size_t first = flags.text.header ? 2 : 1;
  std::vector<std::string> rows{tsv_row(heading)};
  for (std::size_t l = 0; l < figures.text.lines; ++l) {
    std::vector<std::string> empty(heading.size());
    empty[0] = std::to_string(l + first);
    rows.push_back(tsv_row(empty));
  }
  for (std::size_t i = 0; i < e.each.size(); ++i) {
    const auto own = compare_texts(std::span(&e.translations[i], 1), std::span(&figures.text.targets[i], 1), compare);
    const auto line = figures.text.line[i];
    std::vector<std::string> cells{std::to_string(line + first),
                                   figures.text.sources[i],
                                   figures.text.targets[i],
                                   e.translations[i],
                                   fmt::format("{:.2f}", own.bleu.score),
                                   fmt::format("{:.2f}", own.chrf.score),
                                   own.exact > 0 ? "1" : "0",
                                   fmt::format("{:.6f}", e.each[i].log_prob),
                                   std::to_string(e.each[i].source_tokens),
                                   fmt::format("{:.6f}", e.each[i].reference_log_prob),
                                   cell(figures.attention[i].entropy.over_sentences(), 1, 6)};
    if (figures.links) cells.push_back(cell(figures.attention[i].links.aer(), 1, 6));
    rows[line + 1] = tsv_row(cells);
  }
  return rows;
}

}  // namespace

int evaluate_pairs(const Arguments& arguments) {
  refuse_other_data(arguments, {"source", "target", "tsv", "header"}, "a model that translates");
  EvaluateFlags flags;
  Translator translator(arguments.words[0]);
  flags.search = translator.search_options();
  flags = arguments.read(flags);
  translator.limits.sentences = static_cast<std::size_t>(flags.batch);
  const auto text = read_parallel(flags.text, "evaluate");
  tell_left_out(text, "evaluate", arguments.common.quiet);
  EvaluateOptions options;
  options.search = flags.search;
  options.bleu_tokenizer = flags.bleu_tokenizer;
  options.lowercase = flags.lowercase;
  options.rouge = flags.rouge;
  PairFigures figures{.text = text};
  const bool looks = !flags.links.empty() || flags.by_length || !flags.per_sentence.empty();
  figures.units = link_units(translator.model(), flags.link_units);
  ATTEND_CHECK(flags.dev_tsv.empty() || flags.search.layer == "best", kUsage, "evaluate: --dev-tsv serves --layer best; give that too");
  if (flags.search.layer == "best")
    options.search.layer = std::to_string(layer_by_development(translator, flags, figures.units, arguments.common.quiet));
  figures.layer = options.search.source_layer();
  figures.site = source_site(translator.model().network->sites(), figures.layer);
  if (looks) look_at_attention(figures, translator, flags);  // first, since it finds what is wrong with the links
  const auto started = std::chrono::steady_clock::now();
  figures.texts = evaluate(translator, text.sources, text.targets, options);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  nlohmann::ordered_json json = {{"sentences", figures.texts.sentences}};
  tell_texts(figures, flags, json);
  const auto cut = cut_message(figures.texts.cut, figures.texts.sentences, flags.search);
  if (!cut.empty() && !arguments.common.quiet) say("{}\n", cut);
  json["cut"] = figures.texts.cut;
  json["seconds"] = seconds;
  json["beam"] = flags.search.beam;
  if (looks) tell_attention(figures, json);
  if (flags.by_length) tell_lengths(figures, flags, json);
  if (!flags.per_sentence.empty()) write_lines(flags.per_sentence, sentence_rows(figures, flags));
  std::vector<std::string> given(text.lines);
  for (std::size_t i = 0; i < text.line.size(); ++i) given[text.line[i]] = figures.texts.translations[i];
  finish(flags, given, json);
  return 0;
}

}  // namespace attend::cli
