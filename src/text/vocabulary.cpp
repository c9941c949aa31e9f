#include "vocabulary.h"

#include <algorithm>
#include <array>

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
  vocabulary.pieces_.assign(kSpecialNames.begin(), kSpecialNames.end());
  for (const auto& [piece, count] : sorted) {
    if (vocabulary.size() >= options.vocabulary_size) break;
    vocabulary.add(*piece);
  }
  return vocabulary;
}

Vocabulary Vocabulary::from_lines(const std::string& lines) {
  Vocabulary vocabulary;
  const std::array<std::int32_t*, kSpecialPieces> special = {&vocabulary.special_.unknown, &vocabulary.special_.pad,
                                                             &vocabulary.special_.begin, &vocabulary.special_.end};
  for (auto* id : special) *id = -1;  // not met yet
  std::size_t number = 0;
  for (std::size_t at = 0; at < lines.size(); ++number) {
    const std::size_t end = lines.find('\n', at);
    ATTEND_CHECK(end != std::string::npos, kData, "vocabulary:{}: the last line has no end; the file is cut off", number + 1);
    const auto piece = std::string_view(lines).substr(at, end - at);
    at = end + 1;
    const auto name = std::find(kSpecialNames.begin(), kSpecialNames.end(), piece) - kSpecialNames.begin();
    if (name < kSpecialPieces && *special[static_cast<std::size_t>(name)] < 0) {
      *special[static_cast<std::size_t>(name)] = vocabulary.size();
      vocabulary.pieces_.emplace_back(piece);
      continue;
    }
    ATTEND_CHECK(first_broken_byte(piece) == std::string_view::npos, kData, "vocabulary:{}: the piece is not UTF-8", number + 1);
    ATTEND_CHECK(!is_white(piece), kData, "vocabulary:{}: the piece is blank", number + 1);
    ATTEND_CHECK(vocabulary.add(piece), kData, "vocabulary:{}: the piece '{}' is there twice", number + 1, piece);
  }
  for (std::size_t i = 0; i < special.size(); ++i)
    ATTEND_CHECK(*special[i] >= 0, kData, "vocabulary: none of its {} lines is {}; expected <unk>, <pad>, <s> and </s>, a line each",
                 number, kSpecialNames[i]);
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
    if (special().is_silent(id)) {
      text.skip(id);
    } else {
      text.space();
      text.add(id, vocabulary_.piece(id));
    }
  }
  return text.take();
}

}  // namespace attend
