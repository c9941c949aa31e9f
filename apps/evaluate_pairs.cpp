// attend evaluate, of models that turn a text into a text.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "attend/measure/language_model.h"
#include "attend/run/evaluate.h"
#include "evaluate.h"
#include "terminal.h"

namespace attend::cli {
namespace {

// Everything that is known of the pairs; what was not asked for is empty.
struct PairFigures {
  const ParallelText& text;
  MetricList wanted;
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
std::int64_t layer_by_development(const Runner& runner, const EvaluateFlags& flags, LinkUnits units, bool quiet) {
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
  const auto layers = alignment_by_layer(runner, text.sources, text.targets, request);
  const auto best = best_layer(layers);
  if (!quiet)
    for (const auto& [layer, score] : layers)
      say("{}: layer {} has AER {:.2f} %{}\n", flags.dev_tsv, layer, 100 * score.aer().value_or(1), layer == best ? ", the best" : "");
  return best;
}

void look_at_attention(PairFigures& figures, const Runner& runner, const EvaluateFlags& flags) {
  std::vector<std::string> places;
  const auto gold = flags.links.empty() ? std::vector<Links>{} : gold_links(flags, figures.text, places);
  AttentionRequest request{.gold = gold, .places = places};
  request.choice.layer = figures.layer;
  request.links.shifted = flags.shift;
  if (flags.link_units == "auto") figures.units = fit_link_units(figures.units, figures.text.sources, figures.text.targets, gold);
  request.links.units = figures.units;
  figures.attention = evaluate_attention(runner, figures.text.sources, figures.text.targets, request);
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

// Those that are counted from links, or the others.
MetricList part_of(const MetricList& wanted, bool of_links) {
  auto part = wanted;
  std::erase_if(part, [&](const Metric* metric) { return (metric->of_links != nullptr) != of_links; });
  return part;
}

// Those with a column where sentences or lengths are told apart; links have theirs whether there are any or not.
MetricList columns_of(const PairFigures& figures) {
  auto columns = part_of(figures.wanted, /*of_links=*/false);
  for (const auto* metric : part_of(metrics_of({MetricNeed::kGoldLinks}), /*of_links=*/true)) columns.push_back(metric);
  std::erase_if(columns, [](const Metric* metric) { return !metric->print.column; });
  return columns;
}

MetricOptions compared_by(const EvaluateFlags& flags) { return {.bleu_tokenizer = flags.bleu_tokenizer, .lowercase = flags.lowercase}; }

std::string percent(const std::optional<double>& x) { return x ? fmt::format("{:.2f} %", 100 * *x) : std::string("undefined"); }

void tell_texts(const PairFigures& figures, const EvaluateFlags& flags, nlohmann::ordered_json& json) {
  const auto& e = figures.texts;
  const std::string left =
      figures.text.left_out() > 0 ? fmt::format(" ({} of {} left out)", figures.text.left_out(), figures.text.lines) : "";
  fmt::print("sentences   {}{}\n", figures.text.sources.size(), left);
  print_figures(e.metrics, "a token", flags.lowercase ? ", in lower case" : "");
  json["left_out"] = figures.text.left_out();
  const auto usual = usual_metrics(kPairsHave, MetricPlace::kEvaluation).size();
  MetricFigures unasked, asked;
  for (const auto& figure : e.metrics) (unasked.size() < usual ? unasked : asked).add(figure);
  put_figures(json, unasked);
  json["lowercase"] = flags.lowercase;
  put_figures(json, asked);
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
    const auto counted = count_metrics(part_of(figures.wanted, /*of_links=*/true), {.links = &score});
    std::vector<std::string> lines;
    for (auto& line : metric_lines(counted, "")) lines.push_back(std::move(line.text));
    fmt::print("{}  precision {}  recall {}  (forced decoding of the references, argmax, {}, {}{})\n", fmt::join(lines, "\n"),
               percent(score.precision()), percent(score.recall()), units,
               figures.site ? describe_layer(*figures.site, figures.layer) : "no attention", without);
    json["link_units"] = units;
    json["layer"] = figures.site ? nlohmann::ordered_json(figures.site->layer) : nlohmann::ordered_json(nullptr);
    put_figures(json, counted);
    json["without_links"] = figures.without_links;
  }
  tell_entropy(all, json);
}

// Of some of the pairs.
MetricFigures count_group(const PairFigures& figures, const std::vector<std::size_t>& items, const MetricList& wanted,
                          const MetricOptions& compare) {
  std::vector<std::string> texts, references;
  double nll = 0;
  std::size_t tokens = 0;
  for (const auto i : items) {
    texts.push_back(figures.texts.translations[i]);
    references.push_back(figures.text.targets[i]);
    nll -= figures.texts.each[i].reference_log_prob;
    tokens += figures.texts.each[i].reference_tokens;
  }
  LanguageModelScore probabilities;
  probabilities.add(nll, tokens);
  const auto attention = sum_of(figures.attention, items);
  return compare_texts(texts, references, compare, wanted,
                       {.probabilities = &probabilities, .links = figures.links ? &attention.links : nullptr});
}

void tell_lengths(const PairFigures& figures, const EvaluateFlags& flags, nlohmann::ordered_json& json) {
  std::vector<std::size_t> lengths;
  for (const auto& one : figures.texts.each) lengths.push_back(one.source_tokens);
  const auto columns = columns_of(figures);
  std::vector<std::string> headings{"tokens", "sentences"};
  for (const auto* metric : columns) headings.push_back(metric_heading(*metric));
  headings.emplace_back("entropy");
  Table table(headings);
  json["by_length"] = nlohmann::ordered_json::array();
  for (const auto& group : length_groups(lengths)) {
    const auto counted = count_group(figures, group.items, columns, compared_by(flags));
    const auto entropy = sum_of(figures.attention, group.items).entropy.over_sentences();
    std::vector<std::string> cells{range_text(group.shortest, group.longest), std::to_string(group.items.size())};
    nlohmann::ordered_json row{{"shortest", group.shortest},
                               {"longest", group.longest > 0 ? nlohmann::ordered_json(group.longest) : nlohmann::ordered_json(nullptr)},
                               {"sentences", group.items.size()}};
    for (const auto& [metric, value, text] : counted) {
      cells.push_back(metric_cell(*metric, value));
      row[std::string(metric->name)] = json_of(value);
    }
    cells.push_back(cell(entropy, 1, 3));
    row["entropy"] = json_of(entropy);
    table.row(cells);
    json["by_length"].push_back(row);
  }
  fmt::print("\n{}", table.text());
}

// A row an input line; where a pair was left out it holds the line's number alone.
std::vector<std::string> sentence_rows(const PairFigures& figures, const EvaluateFlags& flags) {
  const auto& e = figures.texts;
  auto compare = compared_by(flags);
  compare.sentence = true;
  auto of_texts = columns_of(figures), of_links = part_of(of_texts, /*of_links=*/true);
  std::erase_if(of_texts, [](const Metric* metric) { return !metric->of_texts; });
  if (!figures.links) of_links.clear();
  std::vector<std::string> heading{"line", "source", "reference", "output"};
  for (const auto* metric : of_texts) heading.emplace_back(metric->name);
  for (const char* name : {"log_prob", "tokens", "reference_log_prob", "entropy"}) heading.emplace_back(name);
  for (const auto* metric : of_links) heading.emplace_back(metric->name);
  const std::size_t first = flags.text.header ? 2 : 1;
  std::vector<std::string> rows{tsv_row(heading)};
  for (std::size_t l = 0; l < figures.text.lines; ++l) {
    std::vector<std::string> empty(heading.size());
    empty[0] = std::to_string(l + first);
    rows.push_back(tsv_row(empty));
  }
  for (std::size_t i = 0; i < e.each.size(); ++i) {
    const auto line = figures.text.line[i];
    std::vector<std::string> cells{std::to_string(line + first), figures.text.sources[i], figures.text.targets[i], e.translations[i]};
    for (const auto& [metric, value, text] : count_group(figures, {i}, of_texts, compare)) cells.push_back(metric_raw_cell(*metric, value));
    for (auto& own : {fmt::format("{:.6f}", e.each[i].log_prob), std::to_string(e.each[i].source_tokens),
                      fmt::format("{:.6f}", e.each[i].reference_log_prob), cell(figures.attention[i].entropy.over_sentences(), 1, 6)})
      cells.push_back(own);
    for (const auto* metric : of_links) cells.push_back(cell(metric->of_links(figures.attention[i].links), 1, 6));
    rows[line + 1] = tsv_row(cells);
  }
  return rows;
}

}  // namespace

int evaluate_pairs(const Arguments& arguments) {
  refuse_other_data(arguments, {"source", "target", "tsv", "header"}, "a model that translates");
  EvaluateFlags flags;
  flags.search = read_stored_options<SearchOptions>(arguments.words[0], "decode");
  flags = arguments.read(flags);
  Runner runner(arguments.words[0], flags.runner);
  runner.limits.sentences = static_cast<std::size_t>(flags.batch);
  const bool linked = !flags.links.empty();
  const auto wanted = wanted_metrics(flags, linked ? kPairsHave.with(MetricNeed::kGoldLinks) : kPairsHave,
                                     linked ? "a model that translates" : "a model that translates, without --links,");
  const auto text = read_parallel(flags.text, "evaluate");
  tell_left_out(text, "evaluate", arguments.common.quiet);
  EvaluateOptions options;
  options.search = flags.search;
  options.bleu_tokenizer = flags.bleu_tokenizer;
  options.lowercase = flags.lowercase;
  PairFigures figures{.text = text, .wanted = wanted};
  options.wanted = part_of(wanted, /*of_links=*/false);
  const bool looks = linked || flags.by_length || !flags.per_sentence.empty();
  figures.units = link_units(runner.writer(), flags.link_units);
  ATTEND_CHECK(flags.dev_tsv.empty() || flags.search.layer == "best", kUsage, "evaluate: --dev-tsv serves --layer best; give that too");
  if (flags.search.layer == "best")
    options.search.layer = std::to_string(layer_by_development(runner, flags, figures.units, arguments.common.quiet));
  figures.layer = options.search.source_layer();
  figures.site = source_site(runner.writer().network->sites(), figures.layer);
  if (looks) look_at_attention(figures, runner, flags);  // first, since it finds what is wrong with the links
  const auto started = std::chrono::steady_clock::now();
  figures.texts = evaluate(runner, text.sources, text.targets, options);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  nlohmann::ordered_json json = {{"sentences", text.sources.size()}};
  tell_texts(figures, flags, json);
  const auto cut = cut_message(figures.texts.cut, text.sources.size(), flags.search);
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
