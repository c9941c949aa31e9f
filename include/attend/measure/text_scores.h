#pragma once
// Exact match and edit-distance rates of texts.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace attend {

/// The stretches of `text` between Unicode white space. Throws kData for broken UTF-8, naming the byte.
std::vector<std::string_view> split_words(std::string_view text);
/// The code points of `text`, white space included. Throws the same.
std::vector<std::string_view> split_characters(std::string_view text);

/// Levenshtein distance: the fewest insertions, deletions and substitutions of tokens that turn one sequence into the
/// other. Time O(n·m), memory O(min(n, m)).
std::size_t edit_distance(std::span<const std::string_view> a, std::span<const std::string_view> b);

/// Share of hypotheses that equal their reference byte for byte.
class ExactMatch {
 public:
  void add(std::string_view hypothesis, std::string_view reference);
  std::uint64_t matches() const { return matches_; }
  std::uint64_t total() const { return total_; }
  std::optional<double> share() const;  ///< 0 to 1; null before the first pair

 private:
  std::uint64_t matches_ = 0, total_ = 0;
};

/// Errors per reference token over a corpus: word error rate on split_words, character error rate on split_characters,
/// phoneme error rate on phonemes. May exceed 1.
class ErrorRate {
 public:
  void add(std::span<const std::string_view> hypothesis, std::span<const std::string_view> reference);
  std::uint64_t errors() const { return errors_; }
  std::uint64_t reference_tokens() const { return reference_tokens_; }
  std::optional<double> rate() const;  ///< errors / reference tokens; null while the references have no token

 private:
  std::uint64_t errors_ = 0, reference_tokens_ = 0;
};

}  // namespace attend
