#include "attend/text/tokenizer.h"

#include <limits>

#include "attend/core/error.h"
#include "kinds.h"
#include "vocabulary.h"

namespace attend {
namespace {

struct Kind {
  const char* name;
  std::unique_ptr<Tokenizer> (*train)(const TokenizerOptions& options, const LineSource& lines);
  std::unique_ptr<Tokenizer> (*load)(const TokenizerOptions& options, const std::string& serialized);
  bool line_a_piece;  // as it is stored
};
constexpr Kind kKinds[] = {
    {"words", train_words, load_words, true},       {"characters", train_characters, load_characters, true},
    {"symbols", train_symbols, load_symbols, true}, {"lines", train_whole_lines, load_whole_lines, true},
    {"unigram", train_pieces, load_pieces, false},  {"bpe", train_pieces, load_pieces, false},
};

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const auto& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

const Kind& kind_of(const TokenizerOptions& options) {
  for (const auto& kind : kKinds) {
    if (options.kind == kind.name) return kind;
  }
  fail_unknown_name("tokenizer kind", options.kind, kind_names());
}

}  // namespace

void TokenizerOptions::visit(OptionVisitor& v) {
  v(kind, "kind", "unigram", "how text is cut into tokens", one_of(kind_names()));
  v(vocabulary_size, "vocabulary_size", 8000, "largest number of pieces, the four special ones included",
    between(kSpecialPieces + 1, std::numeric_limits<std::int32_t>::max()));
  v(minimum_count, "minimum_count", 1, "words and characters seen less often become <unk> (unigram, bpe: characters)", at_least(1));
  v(lowercase, "lowercase", false, "turn all text into lower case");
  v(fold_width, "fold_width", false, "turn full-width forms and the ideographic space into ASCII");
}

std::unique_ptr<Tokenizer> train_tokenizer(const TokenizerOptions& options, const LineSource& lines) {
  const auto& kind = kind_of(options);
  ATTEND_CHECK(options.vocabulary_size > kSpecialPieces, kValue,
               "tokenizer: vocabulary_size must be at least {}, since four pieces are special; got {}", kSpecialPieces + 1,
               options.vocabulary_size);
  auto tokenizer = kind.train(options, lines);
  ATTEND_CHECK(tokenizer->size() > kSpecialPieces, kData,
               "tokenizer: the text holds nothing to learn a vocabulary from; it is empty, blank, or each of its pieces is rarer than "
               "minimum_count={}",
               options.minimum_count);
  return tokenizer;
}

std::vector<std::int32_t> ordinary_ids(const Tokenizer& tokenizer) {
  std::vector<std::int32_t> ids;
  for (std::int32_t id = 0; id < tokenizer.size(); ++id)
    if (!tokenizer.special().contains(id)) ids.push_back(id);
  return ids;
}

bool stores_a_line_a_piece(const TokenizerOptions& options) { return kind_of(options).line_a_piece; }

std::unique_ptr<Tokenizer> load_tokenizer(const TokenizerOptions& options, const std::string& serialized) {
  return kind_of(options).load(options, serialized);
}

}  // namespace attend
