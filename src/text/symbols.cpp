#include "attend/text/lines.h"
#include "kinds.h"
#include "vocabulary.h"

namespace attend {
namespace {

// Symbols written apart, as phonemes and letters of a list are: nothing but the space divides, nothing is cut off.
class SymbolTokenizer final : public VocabularyTokenizer {
 public:
  using VocabularyTokenizer::VocabularyTokenizer;

  std::vector<TextToken> encode(std::string_view text) const override {
    const auto normal = normalise(text, normalisation(options_));
    const std::string_view line = normal.bytes();
    std::vector<TextToken> tokens;
    if (is_blank(line)) return tokens;
    for (const auto symbol : words_of_line(line)) {
      const auto begin = static_cast<std::uint32_t>(symbol.data() - line.data());
      const auto [first, last] = normal.original(begin, begin + static_cast<std::uint32_t>(symbol.size()));
      tokens.push_back({vocabulary_.id(symbol), first, last, static_cast<std::uint32_t>(tokens.size())});
    }
    return tokens;
  }

  std::string decode(std::span<const std::int32_t> ids, std::vector<TextToken>* spans) const override { return decode_apart(ids, spans); }
};

}  // namespace

std::unique_ptr<Tokenizer> train_symbols(const TokenizerOptions& options, const LineSource& lines) {
  PieceCounter counter;
  lines([&](std::string_view line) {
    const auto normal = normalise(line, normalisation(options));
    if (is_blank(normal.bytes())) return;
    for (const auto symbol : words_of_line(normal.bytes())) counter.add(symbol);
  });
  return std::make_unique<SymbolTokenizer>(options, Vocabulary::from_counts(counter, options));
}

std::unique_ptr<Tokenizer> load_symbols(const TokenizerOptions& options, const std::string& serialized) {
  return std::make_unique<SymbolTokenizer>(options, Vocabulary::from_lines(serialized));
}

}  // namespace attend
