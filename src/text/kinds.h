#pragma once
// What the kinds of tokenizer share, and how each is made.
#include <memory>
#include <string>

#include "attend/text/tokenizer.h"
#include "attend/text/unicode.h"

namespace attend {

inline constexpr std::string_view kSpaceMark = "\u2581";   // ▁
inline constexpr std::string_view kJoinerMark = "\uffed";  // ￭

inline Normalisation normalisation(const TokenizerOptions& options) {
  return {.fold_width = options.fold_width, .lowercase = options.lowercase, .plain_spaces = true};
}

/// Text under construction in `decode`, with the span of each id.
class DecodedText {
 public:
  explicit DecodedText(std::vector<TextToken>* spans) : spans_(spans) {
    if (spans_ != nullptr) spans_->clear();
  }
  bool empty() const { return text_.empty(); }
  /// White space between two words; none at the beginning and never two.
  void space() {
    if (text_.empty() || text_.back() == ' ') return;
    text_.push_back(' ');
    ++word_;
  }
  void add(std::int32_t id, std::string_view bytes) {
    const std::size_t begin = text_.size();
    text_.append(bytes);
    record(id, begin);
  }
  /// A token that is the space itself.
  void add_space(std::int32_t id) {
    const std::size_t begin = text_.size();
    space();
    record(id, begin);
  }
  /// An id without text.
  void skip(std::int32_t id) { add(id, {}); }
  std::string take() { return std::move(text_); }

 private:
  void record(std::int32_t id, std::size_t begin) {
    if (spans_ != nullptr) spans_->push_back({id, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(text_.size()), word_});
  }
  std::string text_;
  std::uint32_t word_ = 0;
  std::vector<TextToken>* spans_;
};

std::unique_ptr<Tokenizer> train_words(const TokenizerOptions& options, const LineSource& lines);
std::unique_ptr<Tokenizer> load_words(const TokenizerOptions& options, const std::string& serialized);
std::unique_ptr<Tokenizer> train_characters(const TokenizerOptions& options, const LineSource& lines);
std::unique_ptr<Tokenizer> load_characters(const TokenizerOptions& options, const std::string& serialized);
std::unique_ptr<Tokenizer> train_symbols(const TokenizerOptions& options, const LineSource& lines);
std::unique_ptr<Tokenizer> load_symbols(const TokenizerOptions& options, const std::string& serialized);
/// Kind lines: a text is one piece.
std::unique_ptr<Tokenizer> train_whole_lines(const TokenizerOptions& options, const LineSource& lines);
std::unique_ptr<Tokenizer> load_whole_lines(const TokenizerOptions& options, const std::string& serialized);
/// SentencePiece: kinds unigram and bpe.
std::unique_ptr<Tokenizer> train_pieces(const TokenizerOptions& options, const LineSource& lines);
std::unique_ptr<Tokenizer> load_pieces(const TokenizerOptions& options, const std::string& serialized);

}  // namespace attend
