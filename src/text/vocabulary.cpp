#include "vocabulary.h"

#include <algorithm>

#include "attend/core/error.h"
#include "attend/text/unicode.h"
#include "kinds.h"

namespace attend {

namespace {

bool is_white(std::string_view text) {
  for (std::size_t at = 0; at < text.size();)
    if (!is_white_space(next_character(text, at))) return false;
  return true;
}

}  // namespace

Vocabulary::Vocabulary() : pieces_(kSpecialNames.begin(), kSpecialNames.end()) {}

bool Vocabulary::add(std::string_view piece) {
  if (!ids_.emplace(piece, size()).second) return false;
  pieces_.emplace_back(piece);
  return true;
}

Vocabulary Vocabulary::from_counts(const PieceCounter& counter, const TokenizerOptions& options) {
  struct Counted {
    const std::string* piece;
    std::uint64_t count;
  };
  std::vector<Counted> sorted;
  for (const auto& [piece, count] : counter.counts()) {
    if (count >= static_cast<std::uint64_t>(std::max<std::int64_t>(options.minimum_count, 1))) sorted.push_back({&piece, count});
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const Counted& a, const Counted& b) { return a.count != b.count ? a.count > b.count : *a.piece < *b.piece; });
  Vocabulary vocabulary;
  for (const auto& [piece, count] : sorted) {
    if (vocabulary.size() >= options.vocabulary_size) break;
    vocabulary.add(*piece);
  }
  return vocabulary;
}

Vocabulary Vocabulary::from_lines(const std::string& lines) {
  Vocabulary vocabulary;
  std::size_t number = 0;
  for (std::size_t at = 0; at < lines.size(); ++number) {
    const std::size_t end = lines.find('\n', at);
    ATTEND_CHECK(end != std::string::npos, kData, "vocabulary:{}: the last line has no end; the file is cut off", number + 1);
    const auto piece = std::string_view(lines).substr(at, end - at);
    at = end + 1;
    if (number < static_cast<std::size_t>(kFirstFreeId)) {
      const auto& expected = vocabulary.pieces_[number];
      ATTEND_CHECK(piece == expected, kData, "vocabulary:{}: expected {}, got '{}'", number + 1, expected, piece.substr(0, 40));
      continue;
    }
    ATTEND_CHECK(first_broken_byte(piece) == std::string_view::npos, kData, "vocabulary:{}: the piece is not UTF-8", number + 1);
    ATTEND_CHECK(!is_white(piece), kData, "vocabulary:{}: the piece is blank", number + 1);
    ATTEND_CHECK(vocabulary.add(piece), kData, "vocabulary:{}: the piece '{}' is there twice", number + 1, piece);
  }
  ATTEND_CHECK(number >= static_cast<std::size_t>(kFirstFreeId), kData,
               "vocabulary: expected <unk>, <pad>, <s> and </s> on the first four lines, got {} lines", number);
  return vocabulary;
}

std::string Vocabulary::lines() const {
  std::string out;
  for (const auto& piece : pieces_) out.append(piece).push_back('\n');
  return out;
}

const std::string& Vocabulary::piece(std::int32_t id) const {
  check_id(id, size());
  return pieces_[static_cast<std::size_t>(id)];
}

void check_id(std::int32_t id, std::int32_t size) {
  ATTEND_CHECK(id >= 0 && id < size, kValue, "tokenizer: id {} is outside the vocabulary of {} pieces (0 to {})", id, size, size - 1);
}

std::string VocabularyTokenizer::decode_apart(std::span<const std::int32_t> ids, std::vector<TextToken>* spans) const {
  DecodedText text(spans);
  for (const auto id : ids) {
    check_id(id, size());
    if (id != kUnknownId && id < kFirstFreeId) {
      text.skip(id);
    } else {
      text.space();
      text.add(id, vocabulary_.piece(id));
    }
  }
  return text.take();
}

}  // namespace attend
