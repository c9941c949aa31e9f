// Links read off attention weights.
#include <algorithm>
#include <limits>

#include "attend/core/error.h"
#include "attend/measure/alignment.h"
#include "measure/unicode.h"

namespace attend {
namespace {

std::uint64_t word_count(const std::vector<RecordToken>& tokens) {
  std::uint64_t words = 0;
  for (const RecordToken& token : tokens)
    if (!token.special) words = std::max(words, std::uint64_t{token.word} + 1);
  return words;
}

/// Tokens whose `word` is what their weights are gathered by: words, or each its own number.
std::vector<RecordToken> gathered_by(std::vector<RecordToken> tokens, LinkUnit unit) {
  if (unit == LinkUnit::kWords || unit == LinkUnit::kPunctuated) return tokens;
  for (std::uint32_t i = 0; i < tokens.size(); ++i) tokens[i].word = i;
  return tokens;
}

/// Links between gathered rows and columns to links between units: only tokens may hold more than one unit, or none.
Links in_units(const Links& links, const RecordText& target, const RecordText& source, LinkUnits units) {
  if (units.source != LinkUnit::kCharacters && units.target != LinkUnit::kCharacters) return links;
  const auto rows = units_of(target, units.target), columns = units_of(source, units.source);
  const auto of = [](const std::vector<std::vector<std::uint32_t>>& tokens, LinkUnit unit, std::uint32_t at) {
    return unit == LinkUnit::kCharacters ? tokens[at] : std::vector{at};
  };
  Links out;
  for (const Link& link : links)
    for (const auto s : of(columns, units.source, link.source))
      for (const auto t : of(rows, units.target, link.target)) out.push_back({s, t, link.sure});
  return sorted_links(std::move(out));
}

/// Row t becomes what row t + 1 was: the step that takes token t as its input. The last token is no one's input.
WeightMatrix shifted_up(WeightMatrix weights) {
  if (weights.rows == 0) return weights;
  weights.values.erase(weights.values.begin(), weights.values.begin() + weights.cols);
  weights.values.resize(std::size_t{weights.rows} * weights.cols, 0.0f);
  return weights;
}

}  // namespace

const AttentionMap* chosen_map(const Record& record, const MapChoice& choice) {
  if (choice.site.empty()) return record.source_map(choice.layer);
  const AttentionMap* last = nullptr;
  for (const AttentionMap& map : record.data().maps)
    if (map.site.name == choice.site && (!last || map.site.layer > last->site.layer)) last = &map;
  const auto& map = choice.layer || !last ? record.find_map(choice.site, choice.layer.value_or(0)) : *last;
  ATTEND_CHECK(target_to_source(map.site), kValue,
               "links: {} does not go from target to source; choose a site such as decoder.cross or decoder.attention", choice.site);
  return &map;
}

std::vector<std::vector<std::uint32_t>> units_of(const RecordText& text, LinkUnit unit) {
  std::vector<std::vector<std::uint32_t>> units(text.tokens.size());
  const auto characters = unit == LinkUnit::kCharacters ? scoring::visible_graphemes(text.utf8, "links") : std::vector<scoring::Stretch>{};
  for (std::uint32_t i = 0; i < text.tokens.size(); ++i) {
    const RecordToken& token = text.tokens[i];
    if (token.special) continue;
    if (unit != LinkUnit::kCharacters) {
      units[i] = {unit == LinkUnit::kTokens ? i : token.word};
      continue;
    }
    auto at = std::partition_point(characters.begin(), characters.end(), [&](const auto& c) { return c.end <= token.span.begin; });
    for (; at != characters.end() && at->begin < token.span.end; ++at)
      units[i].push_back(static_cast<std::uint32_t>(at - characters.begin()));
  }
  return units;
}

std::uint32_t unit_count(const RecordText& text, LinkUnit unit) {
  std::uint32_t count = 0;
  for (const auto& units : units_of(text, unit))
    if (!units.empty()) count = std::max(count, units.back() + 1);
  return count;
}

WeightLinks argmax_links(const WeightMatrix& weights) {
  WeightLinks result;
  for (std::uint32_t t = 0; t < weights.rows; ++t) {
    float largest = 0;
    std::uint32_t at = 0, times = 0;
    for (std::uint32_t s = 0; s < weights.cols; ++s) {
      const float a = weights.at(t, s);
      if (a > largest) {
        largest = a;
        at = s;
        times = 1;
      } else if (a == largest && times > 0) {
        ++times;
      }
    }
    if (times > 0) result.links.push_back({at, t});
    result.tied_rows += times > 1;
  }
  result.links = sorted_links(std::move(result.links));
  return result;
}

WeightLinks threshold_links(const WeightMatrix& weights, double threshold) {
  ATTEND_CHECK(threshold >= 0, kValue, "links: threshold must be at least 0, got {}", threshold);
  WeightLinks result;
  for (std::uint32_t s = 0; s < weights.cols; ++s)
    for (std::uint32_t t = 0; t < weights.rows; ++t)
      if (weights.at(t, s) > threshold) result.links.push_back({s, t});
  return result;
}

WeightMatrix words_from_pieces(const WeightMatrix& weights, const std::vector<RecordToken>& target,
                               const std::vector<RecordToken>& source) {
  ATTEND_CHECK(weights.rows == target.size() && weights.cols == source.size(), kShape,
               "words_from_pieces: weights must be [target tokens = {}, source tokens = {}], got [{}, {}]", target.size(), source.size(),
               weights.rows, weights.cols);
  // Words are numbered by whoever made the tokens, and a number of words is no number of bytes that anyone had to write.
  const auto rows = word_count(target), cols = word_count(source);
  constexpr std::uint64_t kAlways = std::uint64_t{1} << 24;
  const auto room = std::max(kAlways, 4 * std::uint64_t{weights.rows} * weights.cols);
  ATTEND_CHECK(rows <= std::numeric_limits<std::uint32_t>::max() && cols <= room && rows * std::max<std::uint64_t>(cols, 1) <= room, kShape,
               "words_from_pieces: {} and {} words are too many for {} and {} tokens; the tokens' word numbers are wrong", rows, cols,
               target.size(), source.size());
  WeightMatrix words{.rows = static_cast<std::uint32_t>(rows), .cols = static_cast<std::uint32_t>(cols), .values = {}};
  std::vector<double> sums(std::size_t{words.rows} * words.cols);
  std::vector<std::uint32_t> pieces(words.rows);
  for (std::uint32_t t = 0; t < weights.rows; ++t) {
    if (target[t].special) continue;
    ++pieces[target[t].word];
    for (std::uint32_t s = 0; s < weights.cols; ++s)
      if (!source[s].special) sums[std::size_t{target[t].word} * words.cols + source[s].word] += weights.at(t, s);
  }
  words.values.reserve(sums.size());
  for (std::size_t i = 0; i < sums.size(); ++i)
    words.values.push_back(static_cast<float>(sums[i] / std::max<std::uint32_t>(pieces[i / words.cols], 1)));
  return words;
}

WeightLinks links_of(const Record& record, const MapChoice& choice, std::size_t hypothesis, const LinkOptions& options) {
  const auto& hypotheses = record.data().hypotheses;
  ATTEND_CHECK(hypothesis < hypotheses.size(), kValue, "links: hypothesis must be below {}, got {}", hypotheses.size(), hypothesis);
  const AttentionMap* chosen = chosen_map(record, choice);
  ATTEND_CHECK(chosen, kValue, "links: sentence {} has no attention to the source; record a model that has one", record.data().sentence);
  const AttentionMap& map = *chosen;
  if (choice.head)
    ATTEND_CHECK(*choice.head < map.heads, kValue, "links: {} layer {} has heads 0 to {}, got {}", map.site.name, map.site.layer,
                 map.heads - 1, *choice.head);
  const RecordText& target = hypotheses[hypothesis].text;
  const RecordText& source = record.data().source;

  WeightMatrix weights = choice.head ? record.map(map, *choice.head, hypothesis) : record.mean_map(map, hypothesis);
  ATTEND_ASSERT(weights.rows == target.tokens.size() && weights.cols == source.tokens.size());
  if (options.shifted) weights = shifted_up(std::move(weights));
  weights = words_from_pieces(weights, gathered_by(target.tokens, options.units.target), gathered_by(source.tokens, options.units.source));
  auto found = options.threshold ? threshold_links(weights, *options.threshold) : argmax_links(weights);
  found.links = in_units(found.links, target, source, options.units);
  return found;
}

}  // namespace attend
