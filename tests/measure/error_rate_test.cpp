#include "attend/measure/error_rate.h"

#include <gtest/gtest.h>

#include "attend/core/error.h"
#include "attend/measure/text_scores.h"
#include "measure/goldens.h"

namespace attend {
namespace {

using testing::error_of;
using testing::golden_file;
using testing::views;

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

TEST(CountEdits, HandCases) {
  const auto edits = [](std::string_view hypothesis, std::string_view reference) {
    return count_edits(split_characters(hypothesis), split_characters(reference));
  };
  EXPECT_EQ(edits("", ""), (Edits{0, 0, 0, 0}));
  EXPECT_EQ(edits("", "abc"), (Edits{0, 0, 0, 3}));
  EXPECT_EQ(edits("abc", ""), (Edits{0, 0, 3, 0}));
  EXPECT_EQ(edits("sitting", "kitten"), (Edits{4, 2, 1, 0}));
  EXPECT_EQ(edits("kitten", "sitting"), (Edits{4, 2, 0, 1}));
  EXPECT_EQ(edits("ba", "ab"), (Edits{1, 0, 1, 1}));  // as few as two substitutions, and ends in a deletion
  EXPECT_EQ(edits("bc", "ab"), (Edits{0, 2, 0, 0}));  // as few as one deletion, a hit and an insertion at the end
}

TEST(CountEdits, AddUpToBothLengths) {
  for (const auto* hypothesis : {"", "a", "abab", "bbaab", "cab"})
    for (const auto* reference : {"", "b", "baba", "abbba", "acc"}) {
      const auto said = split_characters(hypothesis), wanted = split_characters(reference);
      const Edits edits = count_edits(said, wanted);
      EXPECT_EQ(edits.reference_tokens(), wanted.size());
      EXPECT_EQ(edits.hits + edits.substitutions + edits.insertions, said.size());
      EXPECT_EQ(edits.errors(), slow_distance(hypothesis, reference));
    }
}

TEST(ErrorRate, EqualsJiwerOnEveryGoldenCorpus) {
  const auto goldens = golden_file("error_rate");
  ASSERT_GE(goldens.at("entries").size(), 29u);
  for (const auto& golden : goldens.at("entries")) {
    SCOPED_TRACE(golden.at("name"));
    ErrorRate rate(golden.at("unit") == "words" ? ErrorUnit::kWords : ErrorUnit::kCharacters);
    const auto hypotheses = golden.at("hypotheses").get<std::vector<std::string>>();
    const auto references = golden.at("references").get<std::vector<std::vector<std::string>>>();
    for (std::size_t i = 0; i < hypotheses.size(); ++i) rate.add(hypotheses[i], views(references[i]));
    EXPECT_NEAR(rate.rate().value(), golden.at("rate").get<double>(), 1e-12);
    EXPECT_EQ(rate.edits().hits, golden.at("hits").get<std::uint64_t>());
    EXPECT_EQ(rate.edits().substitutions, golden.at("substitutions").get<std::uint64_t>());
    EXPECT_EQ(rate.edits().insertions, golden.at("insertions").get<std::uint64_t>());
    EXPECT_EQ(rate.edits().deletions, golden.at("deletions").get<std::uint64_t>());
    EXPECT_EQ(rate.wrong_items(), golden.at("wrong").get<std::uint64_t>());
    EXPECT_EQ(rate.items(), hypotheses.size());
  }
}

TEST(ErrorRate, DividesCorpusSums) {
  ErrorRate rate;
  EXPECT_FALSE(rate.item_rate());
  rate.add("extra", "");
  EXPECT_FALSE(rate.rate());
  rate.add("the cat sat", "the cat sat down");
  rate.add("a", "a b c d e f");
  rate.add("a  b", "a b");
  EXPECT_EQ(rate.edits(), (Edits{6, 0, 1, 6}));
  EXPECT_DOUBLE_EQ(rate.rate().value(), 7.0 / 12);
  EXPECT_DOUBLE_EQ(rate.item_rate().value(), 0.75);
}

TEST(ErrorRate, TheClosestOfSeveralReferencesCounts) {
  ErrorRate rate;
  const std::vector<std::string_view> pronunciations{"t ə m eɪ t oʊ", "t ə m ɑː t oʊ"};
  rate.add("t ə m ɑː t oʊ", pronunciations);
  EXPECT_EQ(rate.edits(), (Edits{6, 0, 0, 0}));
  EXPECT_EQ(rate.wrong_items(), 0u);
  const std::vector<std::string_view> equally_far{"a b", "a b c d", "a x c"};  // one error each: the longest gives the lowest rate
  rate.add("a b c", equally_far);
  EXPECT_EQ(rate.edits(), (Edits{9, 0, 0, 1}));
  EXPECT_DOUBLE_EQ(rate.item_rate().value(), 0.5);
}

TEST(ErrorRate, CharactersIncludeInnerBlanksOnly) {
  ErrorRate rate(ErrorUnit::kCharacters);
  rate.add("\u3000to day\n", "today");
  EXPECT_EQ(rate.edits(), (Edits{5, 0, 1, 0}));
}

TEST(ErrorRate, TakesEditsCountedOutside) {
  ErrorRate rate;
  const std::vector<std::string_view> said{"new york", "is"}, wanted{"new york", "was", "big"};
  rate.add(count_edits(said, wanted));
  EXPECT_DOUBLE_EQ(rate.rate().value(), 2.0 / 3);
}

TEST(ErrorRate, ErrorsSayWhatAndWhere) {
  ErrorRate rate;
  rate.add("a", "a");
  EXPECT_NE(error_of([&] { rate.add("a", std::span<const std::string_view>{}); }).find("item 2 has no reference"), std::string::npos);
  EXPECT_NE(error_of([&] { rate.add("a\xff", "a"); }).find("broken UTF-8 at byte 1"), std::string::npos);
  EXPECT_EQ(rate.items(), 1u);
}

}  // namespace
}  // namespace attend
