// Vocabularies from elsewhere: their special tokens stand where they stand.
#include "attend/text/special_ids.h"

#include <gtest/gtest.h>
#include <sentencepiece_trainer.h>

#include <algorithm>

#include "attend/core/error.h"
#include "attend/text/tokenizer.h"
#include "support/expect_error.h"

namespace attend {
namespace {

TokenizerOptions of_kind(const std::string& kind) {
  TokenizerOptions options;
  options.kind = kind;
  return options;
}

std::vector<std::int32_t> ids_in(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<std::int32_t> ids;
  for (const auto& token : tokenizer.encode(text)) ids.push_back(token.id);
  return ids;
}

/// A SentencePiece model with special ids as given; −1 leaves one out.
std::string trained_elsewhere(const SpecialIds& special) {
  class Lines final : public sentencepiece::SentenceIterator {
   public:
    bool done() const override { return next_ >= lines_.size(); }
    void Next() override { ++next_; }
    const std::string& value() const override { return lines_[next_]; }
    sentencepiece::util::Status status() const override { return {}; }

   private:
    std::vector<std::string> lines_{"the cat sat on the mat", "the dog sat on the log", "a cat and a dog", "the end of the log"};
    std::size_t next_ = 0;
  } lines;
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train({{"model_type", "unigram"},
                                                                  {"vocab_size", "40"},
                                                                  {"hard_vocab_limit", "false"},
                                                                  {"unk_id", std::to_string(special.unknown)},
                                                                  {"pad_id", std::to_string(special.pad)},
                                                                  {"bos_id", std::to_string(special.begin)},
                                                                  {"eos_id", std::to_string(special.end)},
                                                                  {"minloglevel", "3"}},
                                                                 &lines, &model);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return model;
}

TEST(SpecialIds, OfALineVocabularyAreWhereTheirNamesFirstStand) {
  for (const auto* kind : {"words", "symbols", "lines", "characters"}) {
    SCOPED_TRACE(kind);
    const std::string lines = "b\n</s>\n<pad>\na\n<unk>\n<s>\n</s>\nc\n";  // the second </s> is text
    const auto tokenizer = load_tokenizer(of_kind(kind), lines);
    EXPECT_EQ(tokenizer->special(), (SpecialIds{.unknown = 4, .pad = 2, .begin = 5, .end = 1}));
    EXPECT_EQ(ordinary_ids(*tokenizer), (std::vector<std::int32_t>{0, 3, 6, 7}));
    EXPECT_EQ(tokenizer->serialize(), lines);
    EXPECT_EQ(tokenizer->id("b"), 0);
    EXPECT_EQ(tokenizer->id("nothing"), 4);
    EXPECT_EQ(tokenizer->id("<pad>"), 4);
    EXPECT_EQ(tokenizer->id("</s>"), 6);
    for (const auto& [id, name] : {std::pair{4, "<unk>"}, {2, "<pad>"}, {5, "<s>"}, {1, "</s>"}}) EXPECT_EQ(tokenizer->piece(id), name);
    const auto apart = std::string(kind) == "characters" ? "" : " ";
    EXPECT_EQ(tokenizer->decode(std::vector<std::int32_t>{5, 0, 4, 2, 3, 1, 2}), fmt::format("b{0}<unk>{0}a", apart));
  }
  EXPECT_EQ(ids_in(*load_tokenizer(of_kind("words"), "b\n</s>\n<pad>\na\n<unk>\n<s>\n"), "a b z"), (std::vector<std::int32_t>{3, 0, 4}));
}

TEST(SpecialIds, AMissingOneIsNamed) {
  EXPECT_ERROR(load_tokenizer(of_kind("words"), "<unk>\n<pad>\n</s>\na\n"), kData,
               "vocabulary: none of its 4 lines is <s>; expected <unk>, <pad>, <s> and </s>");
  const auto endless = trained_elsewhere({.unknown = 0, .pad = 1, .begin = 2, .end = -1});
  EXPECT_ERROR(load_tokenizer(of_kind("unigram"), endless), kData, "pieces for <unk> and </s>, got ids 0 and -1");
}

TEST(SpecialIds, OfSentencePieceAreItsOwn) {
  struct Case {
    const char* name;
    SpecialIds trained, expected;
  };
  const Case cases[] = {{"llama", {.unknown = 0, .pad = -1, .begin = 1, .end = 2}, {.unknown = 0, .pad = 2, .begin = 1, .end = 2}},
                        {"t5", {.unknown = 2, .pad = 0, .begin = -1, .end = 1}, {.unknown = 2, .pad = 0, .begin = 0, .end = 1}},
                        {"gpt", {.unknown = 1, .pad = -1, .begin = -1, .end = 0}, {.unknown = 1, .pad = 0, .begin = 0, .end = 0}},
                        {"reversed", {.unknown = 3, .pad = 2, .begin = 1, .end = 0}, {.unknown = 3, .pad = 2, .begin = 1, .end = 0}}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto tokenizer = load_tokenizer(of_kind("unigram"), trained_elsewhere(c.trained));
    EXPECT_EQ(tokenizer->special(), c.expected);
    EXPECT_EQ(tokenizer->piece(c.expected.unknown), "<unk>");
    auto ids = ids_in(*tokenizer, "the cat sat");
    for (const auto id : ids) EXPECT_FALSE(tokenizer->special().contains(id));
    EXPECT_EQ(tokenizer->decode(ids), "the cat sat");
    ids.insert(ids.begin(), c.expected.begin);
    ids.push_back(c.expected.end);
    ids.push_back(c.expected.pad);
    EXPECT_EQ(tokenizer->decode(ids), "the cat sat");
    EXPECT_EQ(tokenizer->id("</s>"), c.expected.unknown);  // no name leads to a special piece
    const auto ordinary = ordinary_ids(*tokenizer);
    EXPECT_EQ(std::count_if(ordinary.begin(), ordinary.end(), [&](auto id) { return c.expected.contains(id); }), 0);
    EXPECT_GT(ordinary.size(), 10U);
  }
}

}  // namespace
}  // namespace attend
