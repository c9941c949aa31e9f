#pragma once
// Raw text to token ids and back.
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attend/core/options.h"
#include "attend/text/special_ids.h"

namespace attend {

/// One token of a text: its id and the bytes [begin, end) of the *original* text it stands for.
struct TextToken {
  std::int32_t id = 0;
  std::uint32_t begin = 0, end = 0;
  std::uint32_t word = 0;  ///< 0-based index of the word it belongs to (words end at white space)
};

/// How one side's text becomes tokens. Config section `text.source` or `text.target`.
struct TokenizerOptions {
  std::string kind;              // words, characters, symbols, lines, unigram, bpe
  std::int64_t vocabulary_size;  // largest size, special ids included
  std::int64_t minimum_count;    // words and characters seen less often become <unk> (unigram and bpe: characters)
  bool lowercase, fold_width;
  TokenizerOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Text of one side to token ids and back, made by train_tokenizer or load_tokenizer. Threads may share one: all its members only read.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  /// Tokens of one line, without <s> and </s>. Text is normalised to NFC first; spans point into `text` as given.
  /// Throws kData for broken UTF-8, naming the byte. Safe to call from several threads at once.
  virtual std::vector<TextToken> encode(std::string_view text) const = 0;
  /// Text of a sequence of ids; <pad>, <s> and </s> are dropped, <unk> is written as "<unk>". `spans`, when given, receives one
  /// entry an id: its byte span in the result, empty when the id was dropped. Throws kValue for an id outside the vocabulary.
  virtual std::string decode(std::span<const std::int32_t> ids, std::vector<TextToken>* spans = nullptr) const = 0;
  virtual std::int32_t size() const = 0;
  virtual const SpecialIds& special() const = 0;
  virtual std::string piece(std::int32_t id) const = 0;       ///< "<unk>" "<pad>" "<s>" "</s>" for the special ids
  virtual std::int32_t id(std::string_view piece) const = 0;  ///< special().unknown when absent
  virtual const TokenizerOptions& options() const = 0;
  /// Everything load_tokenizer needs beside the options, as one blob (vocabulary lines, or the SentencePiece model).
  virtual std::string serialize() const = 0;
};

/// The ids of a vocabulary that stand for text, ascending: all but the special ones.
std::vector<std::int32_t> ordinary_ids(const Tokenizer& tokenizer);

/// A source of lines for training a tokenizer: calls `take` for each line.
using LineSource = std::function<void(const std::function<void(std::string_view)>& take)>;

/// Builds the vocabulary from text. Deterministic: same lines and options give the same bytes. Throws kData for text that is not
/// UTF-8 or holds nothing to learn from. A small text gives a small vocabulary. unigram and bpe learn from at most 2,000,000
/// lines and 256 MiB, a fixed random choice of longer texts.
std::unique_ptr<Tokenizer> train_tokenizer(const TokenizerOptions& options, const LineSource& lines);
/// The tokenizer whose serialize() gave `serialized`. Throws kData for bytes that are not such a vocabulary.
std::unique_ptr<Tokenizer> load_tokenizer(const TokenizerOptions& options, const std::string& serialized);
/// Whether serialize() of such a tokenizer has a line for each piece.
bool stores_a_line_a_piece(const TokenizerOptions& options);

}  // namespace attend
