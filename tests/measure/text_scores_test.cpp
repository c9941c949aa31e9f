#include "attend/measure/text_scores.h"

#include <gtest/gtest.h>

#include "attend/core/error.h"

namespace attend {
namespace {

TEST(Split, WordsAndCharacters) {
  EXPECT_EQ(split_words("  a\u00a0bc\t\u3000d "), (std::vector<std::string_view>{"a", "bc", "d"}));
  EXPECT_TRUE(split_words(" ").empty());
  EXPECT_EQ(split_characters("aé 😀"), (std::vector<std::string_view>{"a", "é", " ", "😀"}));
  EXPECT_THROW(split_characters("a\xe4"), Error);
  EXPECT_THROW(split_words("a\xe4"), Error);
}

TEST(ExactMatch, IsTheShareOfEqualTexts) {
  ExactMatch exact;
  EXPECT_FALSE(exact.share());
  exact.add("a b", "a b");
  exact.add("a b ", "a b");
  exact.add("", "");
  exact.add("A", "a");
  EXPECT_EQ(exact.matches(), 2u);
  EXPECT_DOUBLE_EQ(exact.share().value(), 0.5);
}

TEST(ExactMatch, OneOfSeveralReferencesIsEnough) {
  ExactMatch exact;
  const std::vector<std::string_view> pronunciations{"r iː d", "r ɛ d"};
  exact.add("r ɛ d", pronunciations);
  exact.add("r ɛ t", pronunciations);
  EXPECT_DOUBLE_EQ(exact.share().value(), 0.5);
  EXPECT_THROW(exact.add("r", std::span<const std::string_view>{}), Error);
  EXPECT_EQ(exact.total(), 2u);
}

}  // namespace
}  // namespace attend
