#include "attend/measure/text_scores.h"

#include <gtest/gtest.h>

#include "attend/core/error.h"

namespace attend {
namespace {

std::size_t distance(std::string_view a, std::string_view b) { return edit_distance(split_characters(a), split_characters(b)); }

TEST(EditDistance, HandCases) {
  EXPECT_EQ(distance("", ""), 0u);
  EXPECT_EQ(distance("", "abc"), 3u);
  EXPECT_EQ(distance("kitten", "sitting"), 3u);
  EXPECT_EQ(distance("sitting", "kitten"), 3u);
  EXPECT_EQ(distance("flaw", "lawn"), 2u);
  EXPECT_EQ(distance("ab", "ba"), 2u);  // a transposition is two edits
  EXPECT_EQ(distance("我爱你", "我你"), 1u);
}

/// The plain recursion, exponential and obviously right.
std::size_t slow_distance(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return a.size() + b.size();
  const std::size_t kept = slow_distance(a.substr(1), b.substr(1)) + (a[0] == b[0] ? 0 : 1);
  return std::min({kept, slow_distance(a.substr(1), b) + 1, slow_distance(a, b.substr(1)) + 1});
}

TEST(EditDistance, EqualsTheRecursionOnAllShortTexts) {
  std::vector<std::string> texts{""};
  for (std::size_t i = 0; texts[i].size() < 4; ++i)
    for (const char c : {'a', 'b'}) texts.push_back(texts[i] + c);
  for (const auto& a : texts)
    for (const auto& b : texts) ASSERT_EQ(distance(a, b), slow_distance(a, b)) << a << " " << b;
}

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

TEST(ErrorRate, DividesCorpusSums) {
  ErrorRate rate;
  rate.add(split_words("extra"), {});
  EXPECT_FALSE(rate.rate());
  rate.add(split_words("the cat sat"), split_words("the cat sat down"));
  rate.add(split_words("a"), split_words("a b c d e f"));
  EXPECT_EQ(rate.errors(), 7u);
  EXPECT_DOUBLE_EQ(rate.rate().value(), 0.7);
}

}  // namespace
}  // namespace attend
