#include "attend/measure/bleu.h"

#include <gtest/gtest.h>

#include <cmath>

#include "attend/core/error.h"
#include "measure/goldens.h"

namespace attend {
namespace {

using testing::add_corpus;
using testing::error_of;
using testing::golden_corpora;
using testing::golden_file;

TEST(BleuTokens, EqualSacreBleuOnEveryGoldenText) {
  const auto goldens = golden_file("tokens");
  ASSERT_EQ(goldens.at("sacrebleu"), kSacreBleuVersion);
  std::size_t compared = 0;
  for (const auto& entry : goldens.at("entries"))
    for (const auto* tokenizer : {"13a", "zh", "char", "intl", "none"}) {
      EXPECT_EQ(bleu_tokens(entry.at("text").get<std::string>(), tokenizer), entry.at(tokenizer).get<std::vector<std::string>>())
          << tokenizer << " of " << entry.at("text");
      ++compared;
    }
  EXPECT_GE(compared, 1500u);
}

TEST(BleuTokens, PeriodsAndCommasStayBetweenDigits) {
  const std::vector<std::string> wanted{"1,299.50", ".", "5", "-", "6", "x-y", "."};
  EXPECT_EQ(bleu_tokens("1,299.50. 5-6 x-y.", "13a"), wanted);
  const std::vector<std::string> lower{"été", "!"};
  EXPECT_EQ(bleu_tokens("ÉTÉ!", "intl", true), lower);
}

TEST(Bleu, EqualsSacreBleuOnEveryGoldenCorpus) {
  const auto corpora = golden_corpora();
  const auto goldens = golden_file("bleu");
  ASSERT_EQ(goldens.at("sacrebleu"), kSacreBleuVersion);
  ASSERT_GE(corpora.size(), 40u);
  for (const auto& golden : goldens.at("entries")) {
    const auto& given = golden.at("options");
    BleuOptions options;
    options.tokenizer = given.value("tokenize", options.tokenizer);
    options.lowercase = given.value("lowercase", options.lowercase);
    options.smooth = given.value("smooth_method", options.smooth);
    options.smooth_value = given.value("smooth_value", options.smooth_value);
    options.effective_order = given.value("effective_order", options.effective_order);
    options.max_order = given.value("max_ngram_order", options.max_order);
    Bleu bleu(options);
    add_corpus(bleu, corpora.at(golden.at("corpus")));
    const BleuResult result = bleu.result();
    SCOPED_TRACE(golden.at("corpus").get<std::string>() + " " + given.dump());
    EXPECT_NEAR(result.score, golden.at("score").get<double>(), 1e-9);
    EXPECT_NEAR(result.brevity_penalty, golden.at("bp").get<double>(), 1e-12);
    EXPECT_EQ(result.hypothesis_length, golden.at("sys_len").get<std::uint64_t>());
    EXPECT_EQ(result.reference_length, golden.at("ref_len").get<std::uint64_t>());
    const auto precisions = golden.at("precisions").get<std::vector<double>>();
    ASSERT_EQ(result.precisions.size(), precisions.size());
    for (std::size_t n = 0; n < precisions.size(); ++n) EXPECT_NEAR(result.precisions[n], precisions[n], 1e-9);
    EXPECT_EQ(result.line_with_signature(), golden.at("line").get<std::string>());
  }
}

TEST(Bleu, GoldenCorporaHaveFiveReferencesToo) {
  std::size_t with_five = 0;
  for (const auto& [name, corpus] : golden_corpora()) with_five += corpus.references.front().size() == 5;
  EXPECT_GE(with_five, 5u);
}

TEST(Bleu, HandCase) {
  // Tokens: a b c d . against a b d . : matches 4/5, 2/4 (a b, d .), 0/3, 0/2; exp smoothing gives 1/(2·3) and 1/(4·2).
  Bleu bleu;
  bleu.add("a b c d.", "a b d.");
  const BleuResult result = bleu.result();
  EXPECT_EQ(result.matches, (std::vector<std::uint64_t>{4, 2, 0, 0}));
  EXPECT_EQ(result.totals, (std::vector<std::uint64_t>{5, 4, 3, 2}));
  EXPECT_NEAR(result.score, 100 * std::pow(0.8 * 0.5 / 6 / 8, 0.25), 1e-9);
  EXPECT_EQ(result.line(1), "BLEU = 30.2 80.0/50.0/16.7/12.5 (BP = 1.000 ratio = 1.250 hyp_len = 5 ref_len = 4)");
  EXPECT_EQ(result.signature, "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0");
}

TEST(Bleu, ShorterOutputPaysTheBrevityPenalty) {
  Bleu bleu;
  bleu.add("a b c d e f", "a b c d e f g h");
  EXPECT_NEAR(bleu.result().score, 100 * std::exp(1 - 8.0 / 6), 1e-9);
}

TEST(Bleu, SumsCountsOverSentencesBeforeDividing) {
  Bleu bleu;
  bleu.add("a b c d", "a b c d");
  bleu.add("x", "y");
  const BleuResult result = bleu.result();
  EXPECT_NEAR(result.score, 100 * std::pow(4.0 / 5, 0.25), 1e-9);
  EXPECT_EQ(result.hypothesis_length, 5u);
}

BleuResult caption_counts(const testing::GoldenCorpus& corpus) {
  BleuOptions options;
  options.tokenizer = "none";
  Bleu bleu(options);
  add_corpus(bleu, corpus);
  return bleu.result();
}

TEST(CaptionBleu, EqualsTheCocoScorerOnEveryGoldenCorpus) {
  const auto corpora = golden_corpora();
  const auto goldens = golden_file("captions");
  ASSERT_EQ(goldens.at("entries").size(), corpora.size());
  for (const auto& golden : goldens.at("entries")) {
    SCOPED_TRACE(golden.at("corpus"));
    const auto scores = caption_bleu(caption_counts(corpora.at(golden.at("corpus"))));
    const auto wanted = golden.at("bleu").get<std::vector<double>>();
    ASSERT_EQ(scores.size(), wanted.size());
    for (std::size_t n = 0; n < wanted.size(); ++n) EXPECT_NEAR(scores[n], 100 * wanted[n], 1e-9);
  }
}

TEST(CaptionBleu, HandCase) {
  // Unigrams 3/4, bigrams 1/3; 4 words against 3 or 6: the closest has 3, no penalty.
  const auto scores = caption_bleu(caption_counts({{"a dog runs home"}, {{"a dog sits", "he runs a big shop there"}}}));
  EXPECT_NEAR(scores[0], 75, 1e-6);
  EXPECT_NEAR(scores[1], 100 * std::sqrt(0.75 / 3), 1e-6);
}

TEST(Bleu, ErrorsSayWhatAndWhere) {
  EXPECT_NE(error_of([] { Bleu().result(); }).find("no sentence"), std::string::npos);
  BleuOptions options;
  options.tokenizer = "zhh";
  EXPECT_NE(error_of([&] { Bleu bleu(options); }).find("did you mean 'zh'"), std::string::npos);
  options = {};
  options.smooth = "expo";
  EXPECT_NE(error_of([&] { Bleu bleu(options); }).find("'exp'"), std::string::npos);
  options = {};
  options.max_order = 0;
  EXPECT_NE(error_of([&] { Bleu bleu(options); }).find("max_order must be 1 to 16, got 0"), std::string::npos);
  Bleu bleu;
  bleu.add("fine", "fine");
  EXPECT_NE(error_of([&] { bleu.add("so\xff", "fine"); }).find("hypothesis of sentence 2: broken UTF-8 at byte 2 (0xff)"),
            std::string::npos);
  EXPECT_NE(error_of([&] { bleu.add("fine", "\xc3"); }).find("a reference of sentence 2: broken UTF-8 at byte 0"), std::string::npos);
  EXPECT_NE(error_of([&] { bleu.add("fine", std::span<const std::string_view>{}); }).find("sentence 2 has no reference"),
            std::string::npos);
  EXPECT_EQ(bleu.result().hypothesis_length, 1u);  // what threw left no trace
}

}  // namespace
}  // namespace attend
