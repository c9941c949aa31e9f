// Targets: vocabularies, text, and what stands in terminals.
#include "attend/core/error.h"
#include "attend/core/printable.h"
#include "attend/draw/width.h"
#include "attend/measure/alignment.h"
#include "attend/text/tokenizer.h"
#include "fuzz.h"

namespace attend::fuzz {
namespace {

constexpr std::string_view kLine = "Ich habe, ähm, 你好 I'm ﬁne\xcc\x88 …";

TokenizerOptions options_of(const char* kind) {
  TokenizerOptions options;
  options.kind = kind;
  options.vocabulary_size = 60;
  return options;
}

/// What an encoding must keep whatever the vocabulary: spans inside the text and in order, ids that decode.
void check_round(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::int32_t> ids;
  std::uint32_t begin = 0;
  for (const auto& token : tokenizer.encode(text)) {
    ATTEND_ASSERT(token.begin <= token.end && token.end <= text.size() && token.begin >= begin);
    ATTEND_ASSERT(token.id >= 0 && token.id < tokenizer.size());
    begin = token.begin;
    ids.push_back(token.id);
  }
  std::vector<TextToken> spans;
  const auto decoded = tokenizer.decode(ids, &spans);
  ATTEND_ASSERT(spans.size() == ids.size());
  for (const auto& span : spans) ATTEND_ASSERT(span.begin <= span.end && span.end <= decoded.size());
  touch(decoded);
}

void load(const char* kind, std::string_view bytes) {
  attempt([&] {
    const auto tokenizer = load_tokenizer(options_of(kind), std::string(bytes));
    check_round(*tokenizer, kLine);
    touch(tokenizer->serialize());
  });
}

}  // namespace

void run_vocabulary(std::string_view bytes) {
  for (const auto* kind : {"words", "characters", "symbols", "lines"}) load(kind, bytes);
}

void run_pieces(std::string_view bytes) { load("unigram", bytes); }

void run_text(std::string_view bytes) {
  static const auto trained = [] {
    std::vector<std::unique_ptr<Tokenizer>> all;
    for (const auto* kind : {"words", "characters", "symbols", "unigram", "bpe"})
      all.push_back(train_tokenizer(options_of(kind), [](const auto& take) {
        for (int i = 0; i < 8; ++i) take(kLine);
      }));
    return all;
  }();
  for (const auto& tokenizer : trained) attempt([&] { check_round(*tokenizer, bytes); });
}

void run_links(std::string_view bytes) {
  for (const int base : {0, 1}) {
    attempt([&] { touch(format_links(parse_link_columns(bytes, base, "x:1"), base)); });
    touch(format_links(parse_links(bytes, base, "x:1"), base));
  }
}

void run_width(std::string_view bytes) {
  std::size_t size = 0;
  for (const auto cluster : grapheme_clusters(bytes)) size += cluster.size();
  ATTEND_ASSERT(size == bytes.size());
  for (const bool wide : {false, true}) {
    for (const int columns : {0, 1, 2, 20, 80}) ATTEND_ASSERT(display_width(clip_text(bytes, columns, wide), wide) <= columns);
    ATTEND_ASSERT(display_width(visible_text(bytes), wide) >= 0);
  }
  for (const char c : printable(bytes)) ATTEND_ASSERT(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t');
  for (const char c : visible_text(bytes)) ATTEND_ASSERT(static_cast<unsigned char>(c) >= 0x20);
}

}  // namespace attend::fuzz
