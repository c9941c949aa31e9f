#include "attend/run/evaluate.h"

#include <algorithm>
#include <array>

#include "attend/measure/language_model.h"
#include "attend/measure/text_scores.h"
#include "attend/run/text_batches.h"
#include "attend/text/unicode.h"

namespace attend {

MetricFigures compare_texts(std::span<const std::string> texts, std::span<const std::string> references, const MetricOptions& options,
                            const MetricList& wanted, MetricEvidence more) {
  ATTEND_CHECK(texts.size() == references.size() && !texts.empty(), kValue,
               "compare_texts: {} texts and {} references; give one reference a text, and at least one", texts.size(), references.size());
  std::vector<std::string> said, right;
  for (const auto& text : texts) said.push_back(comparable(text));
  for (const auto& reference : references) right.push_back(comparable(reference));
  std::vector<std::vector<std::string_view>> of_each;
  for (const auto& reference : right) of_each.push_back({reference});
  const ComparedTexts compared{said, of_each};
  more.texts = &compared;
  return count_metrics(wanted, more, options);
}

Evaluation evaluate(const Runner& runner, std::span<const std::string> sources, std::span<const std::string> references,
                    const EvaluateOptions& options) {
  ATTEND_CHECK(sources.size() == references.size() && !sources.empty(), kValue,
               "evaluate: {} sources and {} references; give one reference a source", sources.size(), references.size());
  Evaluation result;
  for (const auto& translated : runner.translate(sources, options.search)) {
    result.translations.push_back(translated.text());
    result.cut += translated.best[0].cut;
    result.each.push_back({.log_prob = translated.best[0].log_prob});
  }
  for (std::size_t i = 0; i < sources.size(); ++i) result.each[i].source_tokens = runner.writer().source->encode(sources[i]).size();
  LanguageModelScore probabilities;
  if (options.forced_loss) {
    double sum = 0;
    const auto scored = runner.score(sources, references);
    for (std::size_t i = 0; i < scored.size(); ++i) {
      result.each[i].reference_log_prob = scored[i].best[0].log_prob;
      result.each[i].reference_tokens = scored[i].best[0].tokens.size();
      sum -= result.each[i].reference_log_prob;
      result.target_tokens += result.each[i].reference_tokens;
    }
    probabilities.add(sum, result.target_tokens);
  }
  result.metrics = compare_texts(result.translations, references, options, options.wanted,
                                 {.probabilities = options.forced_loss ? &probabilities : nullptr});
  return result;
}

std::vector<LengthGroup> length_groups(std::span<const std::size_t> lengths) {
  constexpr std::array<std::size_t, 6> kLongest{5, 10, 15, 20, 30, 50};
  std::vector<LengthGroup> groups(kLongest.size() + 1);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    groups[g].shortest = g == 0 ? 1 : kLongest[g - 1] + 1;
    groups[g].longest = g < kLongest.size() ? kLongest[g] : 0;
  }
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto group = std::lower_bound(kLongest.begin(), kLongest.end(), lengths[i]) - kLongest.begin();
    groups[static_cast<std::size_t>(group)].items.push_back(i);
  }
  std::erase_if(groups, [](const LengthGroup& group) { return group.items.empty(); });
  return groups;
}

namespace {

// Of a vocabulary of pieces: whether most of their characters are of scripts without spaces.
bool unspaced_pieces(const Tokenizer& tokenizer) {
  std::size_t unspaced = 0, all = 0;
  for (const auto id : ordinary_ids(tokenizer)) {
    const auto piece = tokenizer.piece(id);
    for (std::size_t at = 0; at < piece.size(); ++all) unspaced += is_unspaced(next_character(piece, at)) ? 1 : 0;
  }
  return 2 * unspaced > all;
}

LinkUnit link_unit(const Tokenizer& tokenizer) {
  const auto& kind = tokenizer.options().kind;
  if (kind != "unigram" && kind != "bpe") return LinkUnit::kTokens;
  return unspaced_pieces(tokenizer) ? LinkUnit::kCharacters : LinkUnit::kWords;
}

LinkUnit link_unit(const Tokenizer& tokenizer, const std::string& wanted) {
  if (wanted == "auto") return link_unit(tokenizer);
  if (wanted == "words") return LinkUnit::kWords;
  if (wanted == "punctuated") return LinkUnit::kPunctuated;
  if (wanted == "tokens") return LinkUnit::kTokens;
  ATTEND_CHECK(wanted == "characters", kUsage,
               "--link-units: expected auto, words, punctuated, tokens or characters, or two of them as SOURCE-TARGET, got '{}'", wanted);
  return LinkUnit::kCharacters;
}

// Where the tokenizer `words` cuts, which sets punctuation apart.
std::vector<TextToken> cuts_of(std::string_view text) {
  static const auto words = [] {
    TokenizerOptions options;
    options.kind = "words";
    return load_tokenizer(options, "<unk>\n<pad>\n<s>\n</s>\n");
  }();
  return words->encode(text);
}

// Counts words anew: a token is of the first cut that it reaches into.
void set_apart(RecordText& text) {
  const auto cuts = cuts_of(text.utf8);
  for (auto& token : text.tokens) {
    auto begin = token.span.begin;  // a piece may be the space before its word
    while (begin < token.span.end && text.utf8[begin] == ' ') ++begin;
    const auto cut = std::partition_point(cuts.begin(), cuts.end(), [&](const TextToken& c) { return c.end <= begin; });
    token.word = static_cast<std::uint32_t>(cut - cuts.begin());
  }
}

// Whether a link leads behind the last word between white space of some text.
bool needs_apart(std::span<const std::string> texts, std::span<const Links> gold, bool source) {
  for (std::size_t i = 0; i < gold.size(); ++i) {
    const auto words = split_words(texts[i]).size();
    for (const auto& link : gold[i])
      if ((source ? link.source : link.target) >= words) return true;
  }
  return false;
}

WeightMatrix without_specials(const WeightMatrix& weights, const std::vector<RecordToken>& rows, const std::vector<RecordToken>& columns) {
  WeightMatrix out;
  for (std::uint32_t t = 0; t < weights.rows; ++t) {
    if (rows[t].special) continue;
    ++out.rows;
    for (std::uint32_t s = 0; s < weights.cols; ++s)
      if (!columns[s].special) out.values.push_back(weights.at(t, s));
  }
  out.cols = out.rows > 0 ? static_cast<std::uint32_t>(out.values.size() / out.rows) : 0;
  return out;
}

void add_entropies(AttentionFigures& figures, const Record& record, const MapChoice& choice) {
  const auto* map = chosen_map(record, choice);
  if (!map) return;
  std::vector<WeightMatrix> heads, own;
  for (std::uint32_t h = 0; h < map->heads; ++h) {
    heads.push_back(record.map(*map, h));
    own.push_back(without_specials(heads.back(), record.data().hypotheses[0].text.tokens, record.data().source.tokens));
  }
  figures.entropy.add(heads);
  figures.entropy_without_end.add(own);
}

}  // namespace

LinkUnits link_units(const TranslationModel& model) { return {link_unit(*model.source), link_unit(*model.target)}; }

LinkUnits link_units(const TranslationModel& model, const std::string& wanted) {
  const auto cut = wanted.find('-');
  const auto source = wanted.substr(0, cut), target = cut == wanted.npos ? source : wanted.substr(cut + 1);
  return {link_unit(*model.source, source), link_unit(*model.target, target)};
}

LinkUnits fit_link_units(LinkUnits units, std::span<const std::string> sources, std::span<const std::string> references,
                         std::span<const Links> gold) {
  if (units.source == LinkUnit::kWords && needs_apart(sources, gold, /*source=*/true)) units.source = LinkUnit::kPunctuated;
  if (units.target == LinkUnit::kWords && needs_apart(references, gold, /*source=*/false)) units.target = LinkUnit::kPunctuated;
  return units;
}

RecordText linked_text(const Tokenizer& tokenizer, std::string_view text, LinkUnit unit) {
  auto own = text_of(tokenizer, text);
  if (unit == LinkUnit::kPunctuated) set_apart(own);
  return own;
}

std::uint32_t linked_count(const Tokenizer& tokenizer, std::string_view text, LinkUnit unit) {
  // A piece may hold a word and its punctuation: all the same both are there.
  if (unit == LinkUnit::kPunctuated) return static_cast<std::uint32_t>(cuts_of(text).size());
  return unit_count(text_of(tokenizer, text), unit);
}

Links attention_links(const Record& record, const LinkOptions& options, const MapChoice& choice) {
  const auto [source, target] = options.units;
  if (source != LinkUnit::kPunctuated && target != LinkUnit::kPunctuated) return links_of(record, choice, 0, options).links;
  auto data = record.data();
  if (source == LinkUnit::kPunctuated) set_apart(data.source);
  if (target == LinkUnit::kPunctuated) set_apart(data.hypotheses.at(0).text);
  return links_of(Record(std::move(data)), choice, 0, options).links;
}

LinkOptions default_links(const TranslationModel& model) {
  LinkOptions options;
  options.units = link_units(model);
  return options;
}

AttentionFigures& AttentionFigures::operator+=(const AttentionFigures& other) {
  links += other.links;
  entropy += other.entropy;
  entropy_without_end += other.entropy_without_end;
  return *this;
}

namespace {

constexpr std::size_t kTogether = 256;  // records of a whole corpus would not fit

void check_gold(const TranslationModel& model, std::span<const std::string> sources, std::span<const std::string> references,
                const AttentionRequest& request) {
  ATTEND_CHECK(request.gold.empty() || sources.size() == request.gold.size(), kValue,
               "evaluate: {} sentences and {} lines of gold links; give one line a sentence", sources.size(), request.gold.size());
  const auto place = [&](std::size_t i) { return request.places.empty() ? fmt::format("pair {}", i + 1) : request.places[i]; };
  const auto units = request.links.units;
  for (std::size_t i = 0; i < request.gold.size(); ++i)
    check_links(request.gold[i], linked_count(*model.source, sources[i], units.source),
                linked_count(*model.target, references[i], units.target), place(i));
}

// Calls take(number, record) for each pair that has a record under forced decoding.
template <class Take>
void each_forced(const Runner& runner, std::span<const std::string> sources, std::span<const std::string> references, const Take& take) {
  for (std::size_t begin = 0; begin < sources.size(); begin += kTogether) {
    const auto n = std::min(kTogether, sources.size() - begin);
    const auto forced = runner.score(sources.subspan(begin, n), references.subspan(begin, n), {.record = true, .keep = MapKeeping::full()});
    for (std::size_t i = 0; i < n; ++i)
      if (forced[i].record) take(begin + i, *forced[i].record);
  }
}

}  // namespace

std::vector<AttentionFigures> evaluate_attention(const Runner& runner, std::span<const std::string> sources,
                                                 std::span<const std::string> references, const AttentionRequest& request) {
  check_gold(runner.writer(), sources, references, request);
  std::vector<AttentionFigures> figures(sources.size());
  each_forced(runner, sources, references, [&](std::size_t i, const Record& record) {
    if (!request.gold.empty()) figures[i].links.add(attention_links(record, request.links, request.choice), request.gold[i]);
    add_entropies(figures[i], record, request.choice);
  });
  return figures;
}

std::map<std::int64_t, AlignmentScore> alignment_by_layer(const Runner& runner, std::span<const std::string> sources,
                                                          std::span<const std::string> references, const AttentionRequest& request) {
  check_gold(runner.writer(), sources, references, request);
  std::map<std::int64_t, AlignmentScore> layers;
  each_forced(runner, sources, references, [&](std::size_t i, const Record& record) {
    for (const auto& map : record.data().maps) {
      if (map.site.role != SiteRole::kSource) continue;
      const MapChoice choice{.site = {}, .layer = map.site.layer, .head = request.choice.head};
      layers[map.site.layer].add(attention_links(record, request.links, choice), request.gold[i]);
    }
  });
  return layers;
}

std::int64_t best_layer(const std::map<std::int64_t, AlignmentScore>& layers) {
  std::optional<std::int64_t> best;
  for (const auto& [layer, score] : layers)
    if (score.aer() && (!best || *score.aer() <= *layers.at(*best).aer())) best = layer;
  ATTEND_CHECK(best, kValue, "evaluate: no layer of the attention to the source has an alignment error rate; is there any gold link?");
  return *best;
}

}  // namespace attend
