#include "attend/measure/text_scores.h"

#include <algorithm>
#include <numeric>

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

std::size_t edit_distance(std::span<const std::string_view> a, std::span<const std::string_view> b) {
  if (a.size() < b.size()) std::swap(a, b);
  std::vector<std::size_t> row(b.size() + 1);  // row[j]: distance of the prefix of a so far to the first j tokens of b
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

void ExactMatch::add(std::string_view hypothesis, std::string_view reference) {
  matches_ += hypothesis == reference;
  ++total_;
}
std::optional<double> ExactMatch::share() const {
  if (total_ == 0) return std::nullopt;
  return static_cast<double>(matches_) / static_cast<double>(total_);
}

void ErrorRate::add(std::span<const std::string_view> hypothesis, std::span<const std::string_view> reference) {
  errors_ += edit_distance(hypothesis, reference);
  reference_tokens_ += reference.size();
}
std::optional<double> ErrorRate::rate() const {
  if (reference_tokens_ == 0) return std::nullopt;
  return static_cast<double>(errors_) / static_cast<double>(reference_tokens_);
}

}  // namespace attend
