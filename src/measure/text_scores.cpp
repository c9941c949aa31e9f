#include "attend/measure/text_scores.h"

#include <algorithm>

#include "attend/core/error.h"
#include "attend/measure/metrics.h"
#include "measure/unicode.h"

namespace attend {

std::vector<std::string_view> split_characters(std::string_view text) {
  std::vector<std::string_view> characters;
  for (std::size_t at = 0; at < text.size();) {
    const auto c = scoring::code_point_at(text, at, "split_characters");
    characters.push_back(text.substr(at, c.bytes));
    at += c.bytes;
  }
  return characters;
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t begin = 0;
  const auto end_word = [&](std::size_t at) {
    if (at > begin) words.push_back(text.substr(begin, at - begin));
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto c = scoring::code_point_at(text, at, "split_words");
    if (scoring::is_white_space(c.value)) {
      end_word(at);
      begin = at + c.bytes;
    }
    at += c.bytes;
  }
  end_word(text.size());
  return words;
}

std::string lower_cased(std::string_view text) { return scoring::to_utf8(scoring::lower_case(scoring::code_points(text, "lower case"))); }

void ExactMatch::add(std::string_view hypothesis, std::string_view reference) { add(hypothesis, std::span(&reference, 1)); }
void ExactMatch::add(std::string_view hypothesis, std::span<const std::string_view> references) {
  ATTEND_CHECK(!references.empty(), kValue, "exact match: item {} has no reference; give at least one", total_ + 1);
  matches_ += std::find(references.begin(), references.end(), hypothesis) != references.end();
  ++total_;
}
std::optional<double> ExactMatch::share() const {
  if (total_ == 0) return std::nullopt;
  return static_cast<double>(matches_) / static_cast<double>(total_);
}

namespace {

TextFigure exact_figure(const ComparedTexts& texts, const MetricOptions& compare) {
  ExactMatch exact;
  for_each_text(texts, compare.lowercase, [&](auto hypothesis, auto references) { exact.add(hypothesis, references); });
  const double share = exact.share().value_or(0);
  if (!compare.captions) return {.value = share};
  return {.value = share, .orders = {}, .signature = {}, .line = fmt::format("exact       {:.2f} % are one of the captions", 100 * share)};
}

}  // namespace

extern constinit const MetricEntry exact_metric{.sentence = "texts that equal a reference of theirs",
                                                .needs = {MetricNeed::kTexts},
                                                .unit = "a share",
                                                .larger_is_better = true,
                                                .print = {.label = "exact", .brief_decimals = 1, .share = true},
                                                .of_texts = exact_figure};

}  // namespace attend
