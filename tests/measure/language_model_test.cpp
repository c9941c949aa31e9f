#include "attend/measure/language_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "measure/goldens.h"

namespace attend {
namespace {

TEST(LanguageModelScore, UniformGuessesHaveThePerplexityOfTheirNumber) {
  LanguageModelScore score;
  score.add(10 * std::log(27.0), 10, 40);
  score.add(5 * std::log(27.0), 5, 5);
  EXPECT_EQ(score.tokens(), 15u);
  EXPECT_EQ(score.characters(), 45u);
  EXPECT_NEAR(score.loss().value(), std::log(27.0), 1e-14);
  EXPECT_NEAR(score.perplexity().value(), 27, 1e-12);
  EXPECT_NEAR(score.bits_per_character().value(), 15 * std::log2(27.0) / 45, 1e-14);
}

TEST(LanguageModelScore, OneValueATokenIsTheSameSum) {
  const std::vector<float> nlls{0.5F, 0.25F, 2.0F, 0.0F};
  LanguageModelScore score;
  score.add(nlls, 8);
  EXPECT_EQ(score.nll(), 2.75);
  EXPECT_EQ(score.tokens(), 4u);
  EXPECT_NEAR(score.bits_per_character().value(), 2.75 / std::log(2.0) / 8, 1e-15);
}

TEST(LanguageModelScore, SmallPartsAreNotLostBesideALargeSum) {
  const double large = std::ldexp(1, 53) + 2;  // up here doubles are 2 apart: a plain sum would lose the ones
  LanguageModelScore score;
  score.add(large, 1);
  for (int i = 0; i < 1000; ++i) score.add(1, 1);
  EXPECT_EQ(score.nll(), large + 1000);
  LanguageModelScore turned;
  for (int i = 0; i < 1000; ++i) {
    if (i == 997) turned.add(large, 1);
    turned.add(1, 1);
  }
  EXPECT_EQ(turned.nll(), score.nll());
}

TEST(LanguageModelScore, NullWithoutTokensOrCharacters) {
  LanguageModelScore score;
  EXPECT_FALSE(score.loss());
  EXPECT_FALSE(score.perplexity());
  score.add(1, 1);
  EXPECT_FALSE(score.bits_per_character());
  EXPECT_TRUE(score.perplexity());
}

TEST(LanguageModelScore, TheImpossibleIsInfinite) {
  LanguageModelScore score;
  score.add(1, 1, 1);
  score.add(std::numeric_limits<double>::infinity(), 1, 1);
  score.add(1, 1, 1);
  EXPECT_EQ(score.perplexity(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(score.bits_per_character(), std::numeric_limits<double>::infinity());
}

TEST(LanguageModelScore, RefusesLogProbabilities) {
  LanguageModelScore score;
  score.add(-1e-7, 1);  // rounding
  EXPECT_NE(testing::error_of([&] { score.add(-3, 2); }).find("change the sign"), std::string::npos);
  const std::vector<float> wrong{0.5F, -0.5F};
  EXPECT_NE(testing::error_of([&] { score.add(wrong); }).find("got -0.5"), std::string::npos);
  EXPECT_NE(testing::error_of([&] { score.add(std::nan(""), 1); }).find("got nan"), std::string::npos);
  EXPECT_EQ(score.tokens(), 1u);
}

}  // namespace
}  // namespace attend
