// The tokenizer `lines`: a whole text is one piece, as answers and names of classes are.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "attend/text/lines.h"
#include "kinds.h"
#include "vocabulary.h"

namespace attend {
namespace {

// The text as one piece: NFC, one space between its words, none around. Empty for a blank one.
std::string piece_of(std::string_view text, const TokenizerOptions& options) {
  const auto normal = normalise(text, normalisation(options));
  return fmt::format("{}", fmt::join(words_of_line(normal.bytes()), " "));
}

class LineTokenizer final : public VocabularyTokenizer {
 public:
  using VocabularyTokenizer::VocabularyTokenizer;

  std::vector<TextToken> encode(std::string_view text) const override {
    const auto piece = piece_of(text, options_);
    if (piece.empty()) return {};
    return {{vocabulary_.id(piece), 0, static_cast<std::uint32_t>(text.size()), 0}};
  }

  std::string decode(std::span<const std::int32_t> ids, std::vector<TextToken>* spans) const override { return decode_apart(ids, spans); }
};

}  // namespace

std::unique_ptr<Tokenizer> train_whole_lines(const TokenizerOptions& options, const LineSource& lines) {
  PieceCounter counter;
  lines([&](std::string_view line) {
    const auto piece = piece_of(line, options);
    if (!piece.empty()) counter.add(piece);
  });
  return std::make_unique<LineTokenizer>(options, Vocabulary::from_counts(counter, options));
}

std::unique_ptr<Tokenizer> load_whole_lines(const TokenizerOptions& options, const std::string& serialized) {
  return std::make_unique<LineTokenizer>(options, Vocabulary::from_lines(serialized));
}

}  // namespace attend
