#pragma once
// Edit-distance rates: word, character and phoneme error rate, and the word error rate of grapheme-to-phoneme conversion.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace attend {

/// The edits that turn a reference into a hypothesis, and what they left alone.
struct Edits {
  std::uint64_t hits = 0;           ///< reference tokens said
  std::uint64_t substitutions = 0;  ///< said as something else
  std::uint64_t insertions = 0;     ///< hypothesis tokens the reference lacks
  std::uint64_t deletions = 0;      ///< reference tokens not said

  std::uint64_t errors() const { return substitutions + insertions + deletions; }
  std::uint64_t reference_tokens() const { return hits + substitutions + deletions; }
  Edits& operator+=(const Edits& other);
  bool operator==(const Edits&) const = default;
};

/// The fewest edits (Levenshtein, 1966). Where several sets of edits are as few, the one jiwer counts: what both sequences
/// begin and end with is hit; then, from the end backwards, a deletion before a substitution before an insertion before a hit.
/// Time O(n·m), memory O(n) for n reference tokens.
Edits count_edits(std::span<const std::string_view> hypothesis, std::span<const std::string_view> reference);
/// Their number.
std::size_t edit_distance(std::span<const std::string_view> a, std::span<const std::string_view> b);

/// What a text is cut into.
enum class ErrorUnit : std::uint8_t {
  kWords,      ///< between white space: words for WER, phonemes and other symbols written apart for PER
  kCharacters  ///< code points between the first and the last that is not white space, inner white space included, for CER
};

/// Errors per reference token over a corpus: Σ (substitutions + insertions + deletions) / Σ reference tokens. May exceed 1.
///
///     ErrorRate phonemes;
///     phonemes.add("r iː d", pronunciations);  // a word may have several: "r iː d", "r ɛ d"
///     phonemes.rate();       // PER
///     phonemes.item_rate();  // the "word error rate" of grapheme-to-phoneme conversion
///
/// Of several correct references the one with the fewest errors counts, of equals the longest (the lower rate), of these the
/// first. One thread at a time may add. Once all is added, threads may share it: const members only read.
class ErrorRate {
 public:
  explicit ErrorRate(ErrorUnit unit = ErrorUnit::kWords) : unit_(unit) {}

  /// Adds one item. Throws kValue without a reference, kData for broken UTF-8, naming the byte.
  void add(std::string_view hypothesis, std::span<const std::string_view> references);
  void add(std::string_view hypothesis, std::string_view reference);
  /// Adds one item whose edits were counted outside.
  void add(const Edits& edits);

  const Edits& edits() const { return edits_; }         ///< sums over the items
  std::uint64_t items() const { return items_; }        ///< items added
  std::uint64_t wrong_items() const { return wrong_; }  ///< those with an error
  std::optional<double> rate() const;                   ///< errors / reference tokens; null while the references have no token
  std::optional<double> item_rate() const;              ///< 1 − exact match of tokens; null before the first item

 private:
  ErrorUnit unit_;
  Edits edits_;
  std::uint64_t items_ = 0, wrong_ = 0;
};

}  // namespace attend
