#include "attend/measure/error_rate.h"

#include <algorithm>
#include <vector>

#include "attend/core/error.h"
#include "attend/measure/metrics.h"
#include "attend/measure/text_scores.h"
#include "measure/share.h"
#include "measure/unicode.h"

namespace attend {
namespace {

std::vector<std::string_view> tokens_of(std::string_view text, ErrorUnit unit) {
  if (unit == ErrorUnit::kWords) return split_words(text);
  const auto blank = [](std::string_view c) { return scoring::is_white_space(scoring::code_point_at(c, 0, "error rate").value); };
  auto characters = split_characters(text);
  while (!characters.empty() && blank(characters.back())) characters.pop_back();
  characters.erase(characters.begin(), std::find_if_not(characters.begin(), characters.end(), blank));
  return characters;
}

}  // namespace

Edits& Edits::operator+=(const Edits& other) {
  hits += other.hits;
  substitutions += other.substitutions;
  insertions += other.insertions;
  deletions += other.deletions;
  return *this;
}

Edits count_edits(std::span<const std::string_view> hypothesis, std::span<const std::string_view> reference) {
  std::uint64_t shared = 0;
  for (; !hypothesis.empty() && !reference.empty() && hypothesis.front() == reference.front(); ++shared) {
    hypothesis = hypothesis.subspan(1);
    reference = reference.subspan(1);
  }
  for (; !hypothesis.empty() && !reference.empty() && hypothesis.back() == reference.back(); ++shared) {
    hypothesis = hypothesis.first(hypothesis.size() - 1);
    reference = reference.first(reference.size() - 1);
  }

  std::vector<Edits> row(reference.size() + 1);  // row[i]: from the first i reference tokens to the hypothesis tokens so far
  for (std::size_t i = 0; i < row.size(); ++i) row[i].deletions = i;
  for (const auto said : hypothesis) {
    Edits diagonal = row[0];
    ++row[0].insertions;
    for (std::size_t i = 0; i < reference.size(); ++i) {
      const Edits above = row[i + 1];
      Edits matched = diagonal, deleted = row[i], inserted = above;
      ++(said == reference[i] ? matched.hits : matched.substitutions);
      ++deleted.deletions;
      ++inserted.insertions;
      const auto fewest = std::min({matched.errors(), deleted.errors(), inserted.errors()});
      if (deleted.errors() == fewest) {
        row[i + 1] = deleted;
      } else if (inserted.errors() == diagonal.errors()) {  // then a substitution is worse, and a hit no better
        row[i + 1] = inserted;
      } else {
        row[i + 1] = matched;
      }
      diagonal = above;
    }
  }
  Edits edits = row.back();
  edits.hits += shared;
  return edits;
}

std::size_t edit_distance(std::span<const std::string_view> a, std::span<const std::string_view> b) { return count_edits(a, b).errors(); }

void ErrorRate::add(std::string_view hypothesis, std::string_view reference) { add(hypothesis, std::span(&reference, 1)); }

void ErrorRate::add(std::string_view hypothesis, std::span<const std::string_view> references) {
  ATTEND_CHECK(!references.empty(), kValue, "error rate: item {} has no reference; give at least one", items_ + 1);
  const auto said = tokens_of(hypothesis, unit_);
  std::optional<Edits> best;
  for (const auto reference : references) {
    const Edits edits = count_edits(said, tokens_of(reference, unit_));
    const bool better = !best || edits.errors() < best->errors() ||
                        (edits.errors() == best->errors() && edits.reference_tokens() > best->reference_tokens());
    if (better) best = edits;
  }
  add(*best);
}

void ErrorRate::add(const Edits& edits) {
  edits_ += edits;
  ++items_;
  wrong_ += edits.errors() > 0;
}

std::optional<double> ErrorRate::rate() const { return share(edits_.errors(), edits_.reference_tokens()); }
std::optional<double> ErrorRate::item_rate() const { return share(wrong_, items_); }

namespace {

template <ErrorUnit kUnit>
TextFigure error_figure(const ComparedTexts& texts, const MetricOptions& compare) {
  ErrorRate errors(kUnit);
  for_each_text(texts, compare.lowercase, [&](auto hypothesis, auto references) { errors.add(hypothesis, references); });
  return {.value = errors.rate().value_or(0)};
}

}  // namespace

extern constinit const MetricEntry wer_metric{
    .sentence = "word error rate: edits that turn a reference into the text, by its words or symbols",
    .needs = {MetricNeed::kTexts},
    .unit = "a share, may exceed 1",
    .larger_is_better = false,
    .print = {.label = "errors", .after = " of words or symbols", .brief_decimals = 1, .share = true, .column = false},
    .unasked = {.captions = false},
    .of_texts = error_figure<ErrorUnit::kWords>};
extern constinit const MetricEntry cer_metric{
    .sentence = "character error rate: the same by characters",
    .needs = {MetricNeed::kTexts},
    .unit = "a share, may exceed 1",
    .larger_is_better = false,
    .print = {.label = "errors", .after = " of characters", .brief_decimals = 1, .share = true, .column = false},
    .unasked = {.training = false, .captions = false},
    .of_texts = error_figure<ErrorUnit::kCharacters>};

}  // namespace attend
