#include "attend/core/error.h"
#include "kinds.h"
#include "vocabulary.h"

namespace attend {
namespace {

/// Grapheme clusters of a normalised line; white space between words is one cluster, that around the line none.
/// Calls take(begin, end, is_space).
template <class Take>
void cut_characters(const std::string& line, const Take& take) {
  std::uint32_t begin = 0, space_begin = 0;
  bool space = false, started = false;
  for (const auto end : grapheme_ends(line)) {
    if (line[begin] == ' ' && end == begin + 1) {
      if (!space) space_begin = begin;
      space = true;
    } else {
      if (space && started) take(space_begin, begin, true);
      take(begin, end, false);
      space = false;
      started = true;
    }
    begin = end;
  }
}

class CharacterTokenizer final : public VocabularyTokenizer {
 public:
  CharacterTokenizer(const TokenizerOptions& options, Vocabulary vocabulary)
      : VocabularyTokenizer(options, std::move(vocabulary)), space_id_(vocabulary_.id(kSpaceMark)) {}

  std::vector<TextToken> encode(std::string_view text) const override {
    const auto normal = normalise(text, normalisation(options_));
    const std::string_view line = normal.bytes();
    std::vector<TextToken> tokens;
    if (is_blank(line)) return tokens;
    std::uint32_t word = 0;
    cut_characters(normal.bytes(), [&](std::uint32_t begin, std::uint32_t end, bool space) {
      word += space ? 1 : 0;  // the space belongs to the word it begins
      const auto cluster = line.substr(begin, end - begin);
      // The mark itself, written in a text, is not a space.
      const auto id = space ? space_id_ : cluster == kSpaceMark ? special().unknown : vocabulary_.id(cluster);
      const auto [first, last] = normal.original(begin, end);
      tokens.push_back({id, first, last, word});
    });
    return tokens;
  }

  std::string decode(std::span<const std::int32_t> ids, std::vector<TextToken>* spans) const override {
    DecodedText text(spans);
    for (const auto id : ids) {
      check_id(id, size());
      if (special().is_silent(id)) {
        text.skip(id);
      } else if (id != special().unknown && id == space_id_) {
        text.add_space(id);
      } else {
        text.add(id, vocabulary_.piece(id));
      }
    }
    return text.take();
  }

 private:
  std::int32_t space_id_;
};

}  // namespace

std::unique_ptr<Tokenizer> train_characters(const TokenizerOptions& options, const LineSource& lines) {
  PieceCounter counter;
  const auto how = normalisation(options);
  lines([&](std::string_view line) {
    const auto normal = normalise(line, how);
    if (is_blank(normal.bytes())) return;
    cut_characters(normal.bytes(), [&](std::uint32_t begin, std::uint32_t end, bool space) {
      const auto cluster = std::string_view(normal.bytes()).substr(begin, end - begin);
      if (space || cluster != kSpaceMark) counter.add(space ? kSpaceMark : cluster);
    });
  });
  return std::make_unique<CharacterTokenizer>(options, Vocabulary::from_counts(counter, options));
}

std::unique_ptr<Tokenizer> load_characters(const TokenizerOptions& options, const std::string& serialized) {
  return std::make_unique<CharacterTokenizer>(options, Vocabulary::from_lines(serialized));
}

}  // namespace attend
