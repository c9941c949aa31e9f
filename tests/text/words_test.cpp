// The `words` tokenizer: where it cuts, what it marks, and that decoding gives the sentence back.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "attend/text/tokenizer.h"
#include "text/words.h"

namespace attend {
namespace {

using Texts = std::vector<std::string>;

TokenizerOptions words_options() {
  TokenizerOptions options;
  options.kind = "words";
  return options;
}

std::unique_ptr<Tokenizer> words_of(const Texts& lines, const TokenizerOptions& options = words_options()) {
  return train_tokenizer(options, [&](const auto& take) {
    for (const auto& line : lines) take(line);
  });
}

Texts pieces(const Tokenizer& tokenizer, const std::string& text) {
  Texts out;
  for (const auto& token : tokenizer.encode(text)) out.push_back(tokenizer.piece(token.id));
  return out;
}

std::string round_trip(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<std::int32_t> ids;
  for (const auto& token : tokenizer.encode(text)) ids.push_back(token.id);
  return tokenizer.decode(ids);
}

Texts cut(const std::string& line) {
  std::vector<WordCut> cuts;
  cut_words(line, cuts);
  Texts out;
  for (const auto& c : cuts) out.push_back(line.substr(c.begin, c.end - c.begin));
  return out;
}

TEST(Words, CutsPunctuationEndingsAndNumbers) {
  EXPECT_EQ(cut("How are you?"), (Texts{"How", "are", "you", "?"}));
  EXPECT_EQ(cut("I don't know Tom's name, I'm new."), (Texts{"I", "do", "n't", "know", "Tom", "'s", "name", ",", "I", "'m", "new", "."}));
  EXPECT_EQ(cut("We\u2019ll see, they WOULDN'T."), (Texts{"We", "\u2019ll", "see", ",", "they", "WOULD", "N'T", "."}));
  EXPECT_EQ(cut("O'Hara and l'homme"), (Texts{"O'Hara", "and", "l'homme"}));
  EXPECT_EQ(cut("$3.50, 1,000 at 10:30."), (Texts{"$", "3.50", ",", "1,000", "at", "10:30", "."}));
  EXPECT_EQ(cut("well-known... \"yes\""), (Texts{"well", "-", "known", "...", "\"", "yes", "\""}));
  EXPECT_EQ(cut("naïve Москва 😀👍🏽"), (Texts{"naïve", "Москва", "😀", "👍🏽"}));
  EXPECT_EQ(cut("你好，Tom！"), (Texts{"你", "好", "，", "Tom", "！"}));
  EXPECT_EQ(cut(""), Texts{});
}

TEST(Words, MannersFollowFromTheTokenAlone) {
  const Texts lines = {"\"I don't,\" he said (to Tom's 2 cats): 'no way' $5 50% “so” 你好，「好」 ￥5 😀... n't it's ¿qué? we'd've"};
  for (const auto& line : lines) {
    std::vector<WordCut> cuts;
    cut_words(line, cuts);
    for (const auto& c : cuts) {
      const auto token = line.substr(c.begin, c.end - c.begin);
      const auto manner = manner_of(token);
      EXPECT_EQ(manner.word, c.manner.word) << token;
      EXPECT_EQ(manner.glued_right, c.manner.glued_right) << token;
      EXPECT_EQ(manner.glued_left, c.manner.glued_left) << token;
    }
  }
}

TEST(Words, OrdinaryTextNeedsNoMarks) {
  const auto tokenizer = words_of({"Do you like tea (or coffee)? I don't, Tom's tea costs $3.50!"});
  for (std::int32_t id = 0; id < tokenizer->size(); ++id) {
    EXPECT_EQ(tokenizer->piece(id).find("￭"), std::string::npos) << tokenizer->piece(id);
    EXPECT_EQ(tokenizer->piece(id).find("▁"), std::string::npos) << tokenizer->piece(id);
  }
}

TEST(Words, MarksStandAtThePunctuation) {
  const Texts lines = {"He said \"hello\" , well-known."};
  const auto tokenizer = words_of(lines);
  EXPECT_EQ(pieces(*tokenizer, lines[0]), (Texts{"He", "said", "\"￭", "hello", "￭\"", "▁,", "well", "￭-￭", "known", "."}));
}

TEST(Words, TheGuidesExampleIsTrue) {
  const std::string line = "I don't know Tom's name, \"Mr. 3.50\"?";
  EXPECT_EQ(pieces(*words_of({line}), line),
            (Texts{"I", "do", "n't", "know", "Tom", "'s", "name", ",", "\"￭", "Mr", ".", "3.50", "￭\"", "?"}));
}

TEST(Words, DecodingGivesTheSentenceBack) {
  const Texts sentences = {
      "How are you?",
      "I don't know.",
      "I'm very sleepy.",
      "Tom's dogs' bowls aren't his.",
      "He said, \"I can't come.\"",
      "\"Really?\" she asked.",
      "A well-known, state-of-the-art idea - or not?",
      "It costs $3.50 (or 3,50 €), i.e. 10% off!",
      "Wait... what?!",
      "rock 'n' roll",
      "'Tis the season; we'd've gone.",
      "e-mail: tom@example.com / http://a.b/c?d=e&f",
      "I like 北京 a lot.",
      "他说：“你好。”然后走了。",
      "我有3只猫，Tom有2只。",
      "¿Qué? ¡Sí!",
      "a , b .",
      "( x ) [y] {z}",
      "5€ or 5 € pro",
      "un café à l'hôtel",
      "It’s “quoted” ‘twice’—really.",
      "n't 's",
      "x++ <= y_1 && z != 2",
      "A.M. and p.m.",
      "😀 fine😀",
      "#1 & #2",
      "50 % of 50%",
  };
  const auto tokenizer = words_of(sentences);
  for (const auto& sentence : sentences) EXPECT_EQ(round_trip(*tokenizer, sentence), sentence);
  EXPECT_EQ(round_trip(*tokenizer, "  How\t are\u3000you?  "), "How are you?");
}

TEST(Words, SpansPointIntoTheGivenText) {
  TokenizerOptions options = words_options();
  options.lowercase = options.fold_width = true;
  const auto tokenizer = words_of({"cafe\u0301 tea, don't !"}, options);
  const std::string text = "\u3000CAFE\u0301 ＴＥＡ！Don't";
  const Texts expected = {"CAFE\u0301", "ＴＥＡ", "！", "Do", "n't"};
  const std::vector<std::uint32_t> words = {0, 1, 1, 1, 1};
  const auto tokens = tokenizer->encode(text);
  ASSERT_EQ(tokens.size(), expected.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_EQ(text.substr(tokens[i].begin, tokens[i].end - tokens[i].begin), expected[i]);
    EXPECT_EQ(tokens[i].word, words[i]);
    EXPECT_NE(tokens[i].id, SpecialIds().unknown) << i;
  }
}

TEST(Words, UnknownWordsKeepTheirSpans) {
  const auto tokenizer = words_of({"I like tea."});
  const std::string text = "I like zebras ￭ ▁.";
  const auto tokens = tokenizer->encode(text);
  ASSERT_EQ(tokens.size(), 6U);
  EXPECT_EQ(tokens[2].id, SpecialIds().unknown);
  EXPECT_EQ(text.substr(tokens[2].begin, tokens[2].end - tokens[2].begin), "zebras");
  EXPECT_EQ(tokens[3].id, SpecialIds().unknown);  // the marks themselves are never read as marks
  EXPECT_EQ(tokens[4].id, SpecialIds().unknown);
  std::vector<TextToken> spans;
  EXPECT_EQ(
      tokenizer->decode(std::vector<std::int32_t>{SpecialIds().begin, tokens[0].id, tokens[2].id, tokens[5].id, SpecialIds().end}, &spans),
      "I <unk>.");
  ASSERT_EQ(spans.size(), 5U);
  EXPECT_EQ(spans[0].begin, spans[0].end);
  EXPECT_EQ(spans[2].begin, 2U);
  EXPECT_EQ(spans[2].end, 7U);
  EXPECT_EQ(spans[2].word, 1U);
  EXPECT_EQ(spans[4].begin, 8U);
  EXPECT_EQ(spans[4].end, 8U);
}

TEST(Words, PunctuationFallsBackToAnotherMarkingButWordsDoNot) {
  const auto tokenizer = words_of({"well-known"});
  EXPECT_EQ(pieces(*tokenizer, "well - known"), (Texts{"well", "￭-￭", "known"}));
  EXPECT_EQ(pieces(*tokenizer, "badly-known"), (Texts{"<unk>", "￭-￭", "known"}));
}

}  // namespace
}  // namespace attend
