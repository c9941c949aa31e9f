#include "attend/measure/rouge.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "measure/goldens.h"

namespace attend {
namespace {

using testing::error_of;
using testing::golden_file;
using testing::views;

RougeOptions with(bool stem, bool characters = false) {
  RougeOptions options;
  options.stem = stem;
  options.characters = characters;
  return options;
}

TEST(RougeTokens, StemsEqualNltkOnEveryGoldenWord) {
  const auto goldens = golden_file("stems");
  ASSERT_EQ(goldens.at("made_with").at("rouge_score"), kRougeScoreVersion);
  ASSERT_GE(goldens.at("entries").size(), 5000u);
  for (const auto& entry : goldens.at("entries"))
    EXPECT_EQ(rouge_tokens(entry.at(0).get<std::string>(), with(true)), (std::vector<std::string>{entry.at(1)})) << entry.at(0);
}

void expect_near(const RougeScore& score, const nlohmann::json& golden, const char* name) {
  const auto wanted = golden.at(name).get<std::array<double, 3>>();
  EXPECT_NEAR(score.precision, 100 * wanted[0], 1e-9) << name;
  EXPECT_NEAR(score.recall, 100 * wanted[1], 1e-9) << name;
  EXPECT_NEAR(score.f1, 100 * wanted[2], 1e-9) << name;
}

TEST(Rouge, EqualsRougeScoreOnEveryGoldenText) {
  const auto goldens = golden_file("rouge");
  ASSERT_GE(goldens.at("entries").size(), 200u);
  for (const auto& golden : goldens.at("entries")) {
    const auto options = with(golden.at("stem"), golden.at("characters"));
    SCOPED_TRACE(golden.at("name").get<std::string>() + (options.stem ? " stemmed" : "") + (options.characters ? " characters" : ""));
    const auto hypothesis = golden.at("hypothesis").get<std::string>();
    EXPECT_EQ(rouge_tokens(hypothesis, options), golden.at("tokens").get<std::vector<std::string>>());
    const auto references = golden.at("references").get<std::vector<std::string>>();
    const RougeScores scores = rouge_scores(hypothesis, views(references), options);
    expect_near(scores.rouge_1, golden, "rouge1");
    expect_near(scores.rouge_2, golden, "rouge2");
    expect_near(scores.rouge_l, golden, "rougeL");
    expect_near(scores.rouge_l_sum, golden, "rougeLsum");
  }
}

TEST(Rouge, HandCase) {
  // Lin (2004), section 3.1: against "police killed the gunman", "police kill the gunman" keeps order, "the gunman kill police" does not.
  const std::vector<std::string_view> reference{"police killed the gunman"};
  EXPECT_DOUBLE_EQ(rouge_scores("police kill the gunman", reference).rouge_l.f1, 75);
  EXPECT_DOUBLE_EQ(rouge_scores("police kill the gunman", reference, with(true)).rouge_l.f1, 100);
  EXPECT_DOUBLE_EQ(rouge_scores("the gunman kill police", reference).rouge_l.f1, 50);
  EXPECT_DOUBLE_EQ(rouge_scores("the gunman kill police", reference).rouge_2.f1, 100.0 / 3);
}

TEST(Rouge, UnionOfSubsequences) {
  // Lin (2004), section 3.2: w1 w2 and w1 w3 w5 cover 4 of 5 words.
  const std::vector<std::string_view> reference{"w1 w2 w3 w4 w5"};
  const auto score = rouge_scores("w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5", reference).rouge_l_sum;
  EXPECT_DOUBLE_EQ(score.recall, 80);
  EXPECT_DOUBLE_EQ(score.precision, 40);
}

TEST(Rouge, CharactersKeepWhatThePackageDrops) {
  EXPECT_TRUE(rouge_tokens("我爱你。").empty());
  EXPECT_EQ(rouge_tokens("我爱Linux们，かカ한", with(false, true)),
            (std::vector<std::string>{"我", "爱", "linux", "们", "か", "カ", "한"}));
}

TEST(Rouge, MeansOverTheCorpusAndSignature) {
  Rouge rouge(with(true, true));
  rouge.add("green teas", "green tea");
  rouge.add("green", "red tea");
  const auto result = rouge.result();
  EXPECT_EQ(result.items, 2u);
  EXPECT_DOUBLE_EQ(result.mean.rouge_1.f1, 50);
  EXPECT_EQ(result.signature, "nrefs:1|case:lc|stem:porter|tok:words+cjk|split:newline|version:0.1.2");
  EXPECT_EQ(result.line(), "ROUGE F1 = 50.00/50.00/50.00/50.00 (1/2/L/Lsum)");
  EXPECT_EQ(result.line_with_signature(), "ROUGE F1|" + result.signature + " = 50.00/50.00/50.00/50.00 (1/2/L/Lsum)");
  const std::vector<std::string_view> two{"a", "b"};
  rouge.add("b", two);
  EXPECT_EQ(rouge.result().signature.substr(0, 9), "nrefs:var");
  Rouge plain;
  plain.add("a", "a");
  EXPECT_EQ(plain.result().signature, "nrefs:1|case:lc|stem:no|tok:words|split:newline|version:0.1.2");
}

TEST(Rouge, ErrorsSayWhatAndWhere) {
  EXPECT_NE(error_of([] { Rouge().result(); }).find("no item"), std::string::npos);
  Rouge rouge;
  rouge.add("a", "a");
  EXPECT_NE(error_of([&] { rouge.add("a", std::span<const std::string_view>{}); }).find("item 2 has no reference"), std::string::npos);
  EXPECT_NE(error_of([&] { rouge.add("one\ntwo\xff", "a"); }).find("hypothesis of item 2: broken UTF-8 at byte 7 (0xff)"),
            std::string::npos);
  EXPECT_NE(error_of([&] { rouge.add("a", "\xc3"); }).find("a reference of item 2: broken UTF-8 at byte 0"), std::string::npos);
  EXPECT_EQ(rouge.result().items, 1u);
}

}  // namespace
}  // namespace attend
