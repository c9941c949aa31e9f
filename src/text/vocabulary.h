#pragma once
// The list of pieces of the tokenizers that store a line a piece (words, characters, symbols, lines).
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "attend/text/tokenizer.h"

namespace attend {

/// Names of the special pieces, for people, in the order of SpecialIds. Text that looks like one is text: no name leads to a special id.
inline constexpr std::array<std::string_view, kSpecialPieces> kSpecialNames{"<unk>", "<pad>", "<s>", "</s>"};

struct PieceHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view piece) const { return std::hash<std::string_view>{}(piece); }
};
template <class Value>
using PieceMap = std::unordered_map<std::string, Value, PieceHash, std::equal_to<>>;

/// Counts pieces without a copy of those already seen.
class PieceCounter {
 public:
  void add(std::string_view piece) {
    const auto found = counts_.find(piece);
    if (found != counts_.end()) {
      ++found->second;
    } else {
      counts_.emplace(piece, 1);
    }
  }
  const PieceMap<std::uint64_t>& counts() const { return counts_; }

 private:
  PieceMap<std::uint64_t> counts_;
};

class Vocabulary {
 public:
  /// The most frequent pieces first, ties in the order of their bytes; at most options.vocabulary_size with the special
  /// ones, none seen less often than options.minimum_count.
  static Vocabulary from_counts(const PieceCounter& counter, const TokenizerOptions& options);
  /// One piece a line in the order of ids. The special pieces are the first lines of their names, wherever they stand; a piece behind
  /// them may look like one. Throws kData naming the line that is wrong.
  static Vocabulary from_lines(const std::string& lines);
  std::string lines() const;

  std::int32_t size() const { return static_cast<std::int32_t>(pieces_.size()); }
  const SpecialIds& special() const { return special_; }
  const std::string& piece(std::int32_t id) const;
  /// special().unknown when absent; never another special id.
  std::int32_t id(std::string_view piece) const {
    const auto found = ids_.find(piece);
    return found == ids_.end() ? special_.unknown : found->second;
  }

 private:
  bool add(std::string_view piece);
  SpecialIds special_;
  std::vector<std::string> pieces_;
  PieceMap<std::int32_t> ids_;
};

/// Throws kValue unless 0 <= id < size.
void check_id(std::int32_t id, std::int32_t size);

/// What tokenizers over a Vocabulary share.
class VocabularyTokenizer : public Tokenizer {
 public:
  VocabularyTokenizer(const TokenizerOptions& options, Vocabulary vocabulary) : options_(options), vocabulary_(std::move(vocabulary)) {}
  std::int32_t size() const final { return vocabulary_.size(); }
  const SpecialIds& special() const final { return vocabulary_.special(); }
  std::string piece(std::int32_t id) const final { return vocabulary_.piece(id); }
  std::int32_t id(std::string_view piece) const final { return vocabulary_.id(piece); }
  const TokenizerOptions& options() const final { return options_; }
  std::string serialize() const final { return vocabulary_.lines(); }

 protected:
  /// Text whose pieces stand apart by a space each.
  std::string decode_apart(std::span<const std::int32_t> ids, std::vector<TextToken>* spans) const;

  TokenizerOptions options_;
  Vocabulary vocabulary_;
};

}  // namespace attend
