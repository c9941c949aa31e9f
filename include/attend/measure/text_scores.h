#pragma once
// Words and characters of texts, and exact match. Error rates: error_rate.h.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace attend {

/// The stretches of `text` between Unicode white space. Throws kData for broken UTF-8, naming the byte.
std::vector<std::string_view> split_words(std::string_view text);
/// The code points of `text`, white space included. Throws the same.
std::vector<std::string_view> split_characters(std::string_view text);

/// Lower case as BLEU and chrF have it (Python's str.lower()). Throws the same.
std::string lower_cased(std::string_view text);

/// Share of hypotheses that equal a reference of theirs byte for byte.
/// One thread at a time may add. Once all is added, threads may share it: const members only read.
class ExactMatch {
 public:
  void add(std::string_view hypothesis, std::string_view reference);
  /// With several correct references. Throws kValue without any.
  void add(std::string_view hypothesis, std::span<const std::string_view> references);
  std::uint64_t matches() const { return matches_; }
  std::uint64_t total() const { return total_; }
  std::optional<double> share() const;  ///< 0 to 1; null before the first pair

 private:
  std::uint64_t matches_ = 0, total_ = 0;
};

}  // namespace attend
