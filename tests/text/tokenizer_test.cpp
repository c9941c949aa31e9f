// What every kind of tokenizer promises, and what characters, unigram and bpe do of their own.
#include "attend/text/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "attend/core/error.h"
#include "support/text_folder.h"
#include "text/line_sample.h"

namespace attend {
namespace {

using Texts = std::vector<std::string>;
using test::error_of;

TokenizerOptions options_of(const std::string& kind, std::int64_t vocabulary_size = 8000) {
  TokenizerOptions options;
  options.kind = kind;
  options.vocabulary_size = vocabulary_size;
  return options;
}

std::unique_ptr<Tokenizer> train(const TokenizerOptions& options, const Texts& lines) {
  return train_tokenizer(options, [&](const auto& take) {
    for (const auto& line : lines) take(line);
  });
}

std::vector<std::int32_t> ids_of(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<std::int32_t> ids;
  for (const auto& token : tokenizer.encode(text)) ids.push_back(token.id);
  return ids;
}

Texts surfaces(const Tokenizer& tokenizer, const std::string& text) {
  Texts out;
  for (const auto& token : tokenizer.encode(text)) out.push_back(text.substr(token.begin, token.end - token.begin));
  return out;
}

Texts english() {
  const Texts subjects = {"Tom", "Mary", "The old man", "My sister", "Nobody", "I"},
              verbs = {"likes", "wasn't reading", "has bought", "sold"},
              objects = {"green tea.", "the book's cover!", "3.50 apples?", "a well-known hotel, too."};
  Texts lines;
  for (const auto& s : subjects) {
    for (const auto& v : verbs) {
      for (const auto& o : objects) lines.push_back(s + " " + v + " " + o);
    }
  }
  return lines;
}

Texts chinese() {
  const Texts subjects = {"他", "我们", "老师", "我的朋友"}, verbs = {"喜欢", "看见了", "不要"},
              objects = {"绿茶。", "一本书！", "那只猫，是吗？"};
  Texts lines;
  for (const auto& s : subjects) {
    for (const auto& v : verbs) {
      for (const auto& o : objects) lines.push_back(s + v + o);
    }
  }
  return lines;
}

class EveryKind : public testing::TestWithParam<const char*> {};
TEST(WholeLines, AreOnePieceEach) {
  const auto tokenizer = train(options_of("lines"), {"New  York ", "Paris", "cafe\xcc\x81", "New York"});
  EXPECT_EQ(tokenizer->size(), 4 + 3);
  const auto city = tokenizer->encode(" New York");
  ASSERT_EQ(city.size(), 1U);
  EXPECT_EQ(tokenizer->piece(city[0].id), "New York");
  EXPECT_EQ(city[0].end, 9U);
  EXPECT_EQ(tokenizer->decode(std::vector{city[0].id}), "New York");
  EXPECT_NE(tokenizer->id("caf\xc3\xa9"), SpecialIds().unknown);
  EXPECT_EQ(tokenizer->encode("York")[0].id, SpecialIds().unknown);
  EXPECT_TRUE(tokenizer->encode("  ").empty());
  EXPECT_EQ(load_tokenizer(options_of("lines"), tokenizer->serialize())->encode("New York")[0].id, city[0].id);
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryKind, testing::Values("words", "characters", "symbols", "unigram", "bpe"),
                         [](const auto& kind) { return kind.param; });

TEST_P(EveryKind, GivesTrainingTextBack) {
  for (const auto& lines : {english(), chinese()}) {
    const auto tokenizer = train(options_of(GetParam(), 150), lines);
    EXPECT_LE(tokenizer->size(), 150);
    for (const auto& line : lines) EXPECT_EQ(tokenizer->decode(ids_of(*tokenizer, line)), line);
    EXPECT_EQ(tokenizer->decode(ids_of(*tokenizer, " \t" + lines[0] + "\u00a0")), lines[0]);
    EXPECT_TRUE(tokenizer->encode("").empty());
    EXPECT_TRUE(tokenizer->encode(" \u3000\t").empty());
    EXPECT_EQ(tokenizer->decode({}), "");
  }
}

TEST_P(EveryKind, SpecialIdsComeFirst) {
  const auto tokenizer = train(options_of(GetParam(), 100), english());
  const Texts special = {"<unk>", "<pad>", "<s>", "</s>"};
  for (std::int32_t id = 0; id < 4; ++id) {
    EXPECT_EQ(tokenizer->piece(id), special[static_cast<std::size_t>(id)]);
    EXPECT_EQ(tokenizer->id(special[static_cast<std::size_t>(id)]), SpecialIds().unknown);  // their names are text like any other
  }
  for (std::int32_t id = 4; id < tokenizer->size(); ++id) EXPECT_EQ(tokenizer->id(tokenizer->piece(id)), id);
  EXPECT_EQ(tokenizer->id("no such piece"), SpecialIds().unknown);
  const std::vector<std::int32_t> ids = {SpecialIds().begin, SpecialIds().pad, 5, SpecialIds().end};
  EXPECT_EQ(tokenizer->decode(ids), tokenizer->decode(std::vector<std::int32_t>{5}));
  // Special pieces written in a text are text.
  for (const auto& token : tokenizer->encode("<s> </s> <pad>"))
    EXPECT_TRUE(token.id == SpecialIds().unknown || token.id > SpecialIds().end);
  EXPECT_NE(error_of<Error>([&] { tokenizer->piece(tokenizer->size()); }), "");
  EXPECT_NE(error_of<Error>([&] { tokenizer->decode(std::vector<std::int32_t>{-1}); }), "");
}

// Ordinary data may write what the special pieces are called. It is learned, cut and given back like other text.
TEST_P(EveryKind, NamesOfSpecialPiecesAreOrdinaryText) {
  const Texts lines = {"a <s> b </s> c", "<pad> is no <unk> word", "x<s>y </s></s> <pad>", "a<unk>b <s>", "<s>", "</s>", "<unk> <pad>"};
  Texts repeated;
  for (int i = 0; i < 20; ++i) repeated.insert(repeated.end(), lines.begin(), lines.end());
  const auto trained = train(options_of(GetParam(), 200), repeated);
  const auto loaded = load_tokenizer(trained->options(), trained->serialize());
  for (const auto* tokenizer : {trained.get(), loaded.get()})
    for (const auto& line : lines) {
      for (const auto& token : tokenizer->encode(line)) EXPECT_GT(token.id, SpecialIds().end) << line;
      EXPECT_EQ(tokenizer->decode(ids_of(*tokenizer, line)), line);
    }
}

TEST_P(EveryKind, ALineThatShowsNothingHasNoTokens) {
  const auto tokenizer = train(options_of(GetParam(), 200), {"a b", "\u200b", "b \u2060 a", "\ufeff"});
  for (const char* nothing : {"\u200b", "\ufeff", " \u2060\u200b\t", "\u200e"}) EXPECT_TRUE(tokenizer->encode(nothing).empty());
  EXPECT_FALSE(tokenizer->encode("a\u200bb").empty());
  const auto loaded = load_tokenizer(tokenizer->options(), tokenizer->serialize());  // though U+2060 may be a piece
  EXPECT_EQ(loaded->size(), tokenizer->size());
}

TEST_P(EveryKind, SpansCoverTheTextInOrder) {
  TokenizerOptions options = options_of(GetParam(), 120);
  options.lowercase = options.fold_width = true;
  const auto tokenizer = train(options, english());
  const std::string text = "\u3000 TOM  likes ＴＥＡ cafe\u0301 日本 😀😀";
  std::string covered;
  std::uint32_t last = 0, word = 0;
  for (const auto& token : tokenizer->encode(text)) {
    EXPECT_GE(token.begin, last);
    EXPECT_LE(token.begin, token.end);
    EXPECT_TRUE(token.word == word || token.word == word + 1);
    last = token.end;
    word = token.word;
    covered += text.substr(token.begin, token.end - token.begin);
  }
  EXPECT_EQ(word, 5U);
  std::erase(covered, ' ');
  for (std::size_t at; (at = covered.find("\u3000")) != covered.npos;) covered.erase(at, 3);
  EXPECT_EQ(covered, "TOMlikesＴＥＡcafe\u0301日本😀😀");
}

TEST_P(EveryKind, UnknownCharactersKeepTheirSpans) {
  const auto tokenizer = train(options_of(GetParam(), 120), english());
  const std::string text = "Tom 😀 likes";
  const auto tokens = tokenizer->encode(text);
  const auto unknown = std::find_if(tokens.begin(), tokens.end(), [](const auto& token) { return token.id == SpecialIds().unknown; });
  ASSERT_NE(unknown, tokens.end());
  EXPECT_EQ(text.substr(unknown->begin, unknown->end - unknown->begin), "😀");
  EXPECT_EQ(unknown->word, 1U);
  std::vector<TextToken> spans;
  const auto back = tokenizer->decode(ids_of(*tokenizer, text), &spans);
  EXPECT_EQ(back, "Tom <unk> likes");
  const auto& span = spans[static_cast<std::size_t>(unknown - tokens.begin())];
  EXPECT_EQ(back.substr(span.begin, span.end - span.begin), "<unk>");
}

TEST_P(EveryKind, TrainingIsDeterministicAndLoadingExact) {
  const auto options = options_of(GetParam(), 90);
  const auto first = train(options, english());
  const auto bytes = first->serialize();
  EXPECT_EQ(train(options, english())->serialize(), bytes);
  const auto loaded = load_tokenizer(options, bytes);
  EXPECT_EQ(loaded->serialize(), bytes);
  EXPECT_EQ(loaded->size(), first->size());
  EXPECT_EQ(loaded->options().kind, GetParam());
  for (const auto& line : english()) EXPECT_EQ(ids_of(*loaded, line), ids_of(*first, line));
}

TEST_P(EveryKind, SmallTextsGiveSmallVocabularies) {
  for (const std::string line : {"a", "我", "a b", "hello world", "aaaaaaaaaaaaaaaa", "!", "▅ a", "▁ a"}) {
    for (const std::int64_t size : {6, 7, 12, 8000}) {
      const auto tokenizer = train(options_of(GetParam(), size), {line});
      EXPECT_GT(tokenizer->size(), 4) << line;
      EXPECT_LE(tokenizer->size(), size) << line;
      tokenizer->encode("hello 我们 😀");
    }
  }
}

TEST_P(EveryKind, RefusesNothingToLearnFrom) {
  for (const auto& lines : {Texts{}, Texts{""}, Texts{" ", "\t"}}) {
    EXPECT_NE(error_of<Error>([&] { train(options_of(GetParam()), lines); }).find("nothing to learn"), std::string::npos);
  }
  EXPECT_NE(error_of<Error>([&] { train(options_of(GetParam(), 4), {"a"}); }).find("vocabulary_size"), std::string::npos);
}

TEST_P(EveryKind, RefusesBrokenText) {
  const auto tokenizer = train(options_of(GetParam(), 90), english());
  EXPECT_NE(error_of<Error>([&] { tokenizer->encode("ab\xff"); }).find("byte 3"), std::string::npos);
  EXPECT_NE(error_of<Error>([&] { train(options_of(GetParam()), {"ab\xff"}); }).find("byte 3"), std::string::npos);
}

TEST_P(EveryKind, RefusesWrongBytes) {
  const auto options = options_of(GetParam(), 90);
  const auto bytes = train(options, english())->serialize();
  for (const auto& wrong : Texts{"", "junk", bytes.substr(0, bytes.size() - 1), "x" + bytes}) {
    EXPECT_NE(error_of<Error>([&] { load_tokenizer(options, wrong); }), "");
  }
}

TEST_P(EveryKind, SurvivesStrangeCharacters) {
  const Texts strange = {std::string("a\0b", 3), "\u2581 \u2585 \ufeff\u200b", "\U0010ffff\u0300\u0300", std::string(10000, 'x'),
                         "a\u0085b\rc"};
  const auto tokenizer = train(options_of(GetParam(), 60), strange);
  for (const auto& text : strange) {
    std::uint32_t last = 0;
    for (const auto& token : tokenizer->encode(text)) {
      EXPECT_GE(token.begin, last);
      last = token.end;
    }
    EXPECT_EQ(last, text.size());
  }
}

TEST_P(EveryKind, ThreadsShareOneTokenizer) {
  const auto tokenizer = train(options_of(GetParam(), 90), english());
  const auto lines = english();
  std::vector<std::vector<std::int32_t>> expected;
  for (const auto& line : lines) expected.push_back(ids_of(*tokenizer, line));
  std::vector<std::thread> threads;
  std::vector<int> wrong(3);
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < lines.size(); ++i) wrong[t] += ids_of(*tokenizer, lines[i]) != expected[i];
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(3));
}

TEST(Vocabulary, OrderIsFrequencyThenBytes) {
  const auto tokenizer = train(options_of("words"), {"b b b c c a a d"});
  EXPECT_EQ(tokenizer->serialize(), "<unk>\n<pad>\n<s>\n</s>\nb\na\nc\nd\n");
  EXPECT_EQ(train(options_of("words", 6), {"b b b c c a a d"})->serialize(), "<unk>\n<pad>\n<s>\n</s>\nb\na\n");
  auto options = options_of("words");
  options.minimum_count = 2;
  EXPECT_EQ(train(options, {"b b b c c a a d"})->serialize(), "<unk>\n<pad>\n<s>\n</s>\nb\na\nc\n");
}

TEST(Vocabulary, ErrorsNameTheLine) {
  const std::string head = "<unk>\n<pad>\n<s>\n</s>\n";
  const auto load = [&](const std::string& lines) { return error_of<Error>([&] { load_tokenizer(options_of("words"), lines); }); };
  EXPECT_NE(load(head + "a\nb\na\n").find("vocabulary:7: the piece 'a' is there twice"), std::string::npos);
  EXPECT_NE(load(head + "a\n\n").find("vocabulary:6: the piece is blank"), std::string::npos);
  EXPECT_NE(load(head + "a\n\xff\n").find("vocabulary:6: the piece is not UTF-8"), std::string::npos);
  EXPECT_NE(load("<pad>\n").find("vocabulary: none of its 1 lines is <unk>"), std::string::npos);
  EXPECT_EQ(load(head + "a\n"), "");
}

TEST(Symbols, OnlySpacesDivideThem) {
  const auto tokenizer = train(options_of("symbols"), {"t͡ʃ aː n, -", "n,  aː"});
  const std::string text = " t͡ʃ  aː n, x";
  const auto tokens = tokenizer->encode(text);
  ASSERT_EQ(tokens.size(), 4u);
  EXPECT_EQ(text.substr(tokens[0].begin, tokens[0].end - tokens[0].begin), "t͡ʃ");
  EXPECT_EQ(tokenizer->piece(tokens[2].id), "n,");
  EXPECT_EQ(tokens[3].id, SpecialIds().unknown);
  EXPECT_EQ(tokens[3].word, 3u);
  EXPECT_EQ(tokenizer->decode(ids_of(*tokenizer, "- n, aː")), "- n, aː");
}

TEST(Characters, AreGraphemeClusters) {
  const std::string text = "我们 ate cafe\u0301 👍🏽";
  const auto tokenizer = train(options_of("characters"), {text});
  EXPECT_EQ(surfaces(*tokenizer, text), (Texts{"我", "们", " ", "a", "t", "e", " ", "c", "a", "f", "e\u0301", " ", "👍🏽"}));
  const auto tokens = tokenizer->encode(" 我  a");
  ASSERT_EQ(tokens.size(), 3U);
  EXPECT_EQ(tokenizer->piece(tokens[1].id), "▁");
  EXPECT_EQ(tokens[1].begin, 4U);
  EXPECT_EQ(tokens[1].end, 6U);
  EXPECT_EQ(tokens[0].word, 0U);
  EXPECT_EQ(tokens[1].word, 1U);  // the space belongs to the word behind it
  EXPECT_EQ(tokens[2].word, 1U);
  // The mark written in a text is not a space.
  EXPECT_EQ(tokenizer->encode("我▁们")[1].id, SpecialIds().unknown);
}

TEST(SentencePiece, LearnsPiecesLongerThanACharacter) {
  for (const std::string kind : {"unigram", "bpe"}) {
    const auto tokenizer = train(options_of(kind, 200), english());
    const auto tokens = tokenizer->encode("Nobody likes green tea.");
    EXPECT_LE(tokens.size(), 10U) << kind;
    EXPECT_EQ(surfaces(*tokenizer, "likes  likes"), (Texts{"likes", "likes"})) << kind;
  }
}

TEST(SentencePiece, FullWidthMarksStayAsTheyAre) {
  for (const std::string kind : {"unigram", "bpe"}) {
    const auto tokenizer = train(options_of(kind, 100), chinese());
    EXPECT_NE(tokenizer->id("，"), SpecialIds().unknown) << kind;
    EXPECT_EQ(tokenizer->id(","), SpecialIds().unknown) << kind;
  }
}

TEST(SentencePiece, TextWithoutSpacesGetsNoSpaceInFront) {
  for (const std::string kind : {"unigram", "bpe"}) {
    const auto tokenizer = train(options_of(kind, 100), chinese());
    for (const auto& line : chinese()) {
      for (const auto& token : tokenizer->encode(line)) EXPECT_FALSE(tokenizer->piece(token.id).starts_with("▁")) << kind << " " << line;
    }
  }
}

TEST(SentencePiece, RareCharactersMakeRoom) {
  for (const std::string kind : {"unigram", "bpe"}) {
    const auto tokenizer = train(options_of(kind, 8), {"aaaa bbb cc d e f g h"});  // 4 special ones, ▁, and three more
    EXPECT_NE(tokenizer->id("a"), SpecialIds().unknown) << kind;
    EXPECT_NE(tokenizer->id("b"), SpecialIds().unknown) << kind;
    EXPECT_NE(tokenizer->id("c"), SpecialIds().unknown) << kind;
    EXPECT_EQ(tokenizer->id("d"), SpecialIds().unknown) << kind;
    auto options = options_of(kind);
    options.minimum_count = 3;
    EXPECT_EQ(train(options, {"aaaa bbb cc d"})->id("c"), SpecialIds().unknown) << kind;
  }
}

TEST(SentencePiece, LongLinesAreLearnedFrom) {
  std::string line;
  while (line.size() < 20000) line += "green tea ";
  EXPECT_NE(train(options_of("bpe", 60), {line})->id("▁green"), SpecialIds().unknown);
}

TEST(TokenizerOptionsTest, DefaultsAndChoices) {
  const TokenizerOptions options;
  EXPECT_EQ(options.kind, "unigram");
  EXPECT_EQ(options.vocabulary_size, 8000);
  EXPECT_EQ(options.minimum_count, 1);
  EXPECT_FALSE(options.lowercase || options.fold_width);
  const auto wrong = error_of<Error>([] { train(options_of("unigrams"), {"a"}); });
  EXPECT_NE(wrong.find("did you mean 'unigram'"), std::string::npos) << wrong;
}

TEST(LineSampleTest, KeepsAllThatFitsAndChoosesEvenly) {
  LineSample all({10, 1000}, 1);
  for (const auto* line : {"b", "a", "c"}) all.add(line);
  EXPECT_EQ(all.take(), (Texts{"b", "a", "c"}));
  const auto sample = [](std::uint64_t seed) {
    LineSample some({100, 100000}, seed);
    for (int i = 0; i < 10000; ++i) some.add(std::to_string(i));
    return some.take();
  };
  const auto kept = sample(1);
  EXPECT_EQ(kept.size(), 100U);
  EXPECT_EQ(kept, sample(1));
  EXPECT_NE(kept, sample(2));
  double sum = 0;
  for (const auto& line : kept) sum += std::stod(line);
  EXPECT_NEAR(sum / 100, 5000, 1200);  // four standard errors of a uniform choice
  LineSample bytes({100, 50}, 1);
  for (int i = 0; i < 1000; ++i) bytes.add("0123456789");
  EXPECT_EQ(bytes.take().size(), 5U);
}

}  // namespace
}  // namespace attend
