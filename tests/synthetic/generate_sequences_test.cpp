#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "attend/synthetic/generate.h"
#include "support/expect_error.h"

namespace attend {
namespace {

std::vector<std::string> fields_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::string pair_lines_of(const std::vector<GeneratedPair>& pairs) {
  std::string text;
  for (const auto& pair : pairs) text += to_tsv_line(pair) + '\n';
  return text;
}

SequenceOptions sequences(const std::string& task, std::int64_t pairs) {
  SequenceOptions options;
  options.task = task;
  options.pairs = pairs;
  return options;
}

TEST(Sequences, TargetsAndLinksAreThoseOfTheTask) {
  for (const std::string task : {"reverse", "copy", "sort"}) {
    auto options = sequences(task, 400);
    options.symbols = 5;  // many equal symbols
    std::set<std::string> distinct;
    for (const auto& pair : generate_sequences(options)) {
      const auto source = fields_of(pair.source);
      auto target = source;
      if (task == "reverse") std::reverse(target.begin(), target.end());
      if (task == "sort") std::sort(target.begin(), target.end());
      EXPECT_EQ(fields_of(pair.target), target);
      EXPECT_GE(source.size(), 3u);
      EXPECT_LE(source.size(), 12u);
      EXPECT_TRUE(distinct.insert(pair.source).second);
      ASSERT_EQ(pair.links.size(), source.size());
      for (std::uint32_t s = 0; s < source.size(); ++s) {
        EXPECT_EQ(pair.links[s].source, s);
        EXPECT_TRUE(pair.links[s].sure);
        std::size_t goes_to = task == "reverse" ? source.size() - 1 - s : s;
        if (task == "sort") {  // all smaller ones, and equal ones before it
          goes_to = 0;
          for (std::uint32_t i = 0; i < source.size(); ++i) goes_to += source[i] < source[s] || (source[i] == source[s] && i < s);
        }
        EXPECT_EQ(pair.links[s].target, goes_to) << pair.source;
      }
    }
    EXPECT_EQ(distinct.size(), 400u);
  }
}

TEST(Sequences, SymbolsBeyondTheAlphabetSortByNumber) {
  auto options = sequences("sort", 703);  // a to zz and aaa
  options.minimum_length = options.maximum_length = 1;
  options.symbols = 703;
  std::set<std::string> names;
  for (const auto& pair : generate_sequences(options)) names.insert(pair.source);
  EXPECT_EQ(names.size(), 703u);
  for (const char* name : {"a", "z", "aa", "az", "ba", "zz", "aaa"}) EXPECT_TRUE(names.contains(name)) << name;
  options.minimum_length = options.maximum_length = 40;
  options.pairs = 5;
  for (const auto& pair : generate_sequences(options)) {
    const auto target = fields_of(pair.target);
    EXPECT_TRUE(std::is_sorted(target.begin(), target.end(),
                               [](const auto& a, const auto& b) { return a.size() != b.size() ? a.size() < b.size() : a < b; }));
  }
}

TEST(Sequences, AllThatExistCanBeHadAndOneMoreIsRefused) {
  auto options = sequences("copy", 14);
  options.symbols = 2;
  options.minimum_length = 1;
  options.maximum_length = 3;
  std::set<std::string> distinct;
  for (const auto& pair : generate_sequences(options)) distinct.insert(pair.source);
  EXPECT_EQ(distinct.size(), 14u);  // 2 + 4 + 8
  options.pairs = 15;
  EXPECT_ERROR(generate_sequences(options), kValue, "15 pairs asked for, but task 'copy' has only 14");
  options.minimum_length = 4;
  EXPECT_ERROR(generate_sequences(options), kValue, "minimum_length must be at most maximum_length, got 4 and 3");
  options.task = "revers";
  EXPECT_ERROR(generate_sequences(options), kUnknownName, "reverse");
}

TEST(Sequences, LengthsAreDrawnEvenly) {
  std::map<std::size_t, int> lengths;
  for (const auto& pair : generate_sequences(sequences("copy", 1000))) ++lengths[fields_of(pair.source).size()];
  EXPECT_EQ(lengths.size(), 10u);
  for (const auto& [length, count] : lengths) EXPECT_EQ(count, 100) << length;
}

TEST(Sequences, DatesReadBackAndDigitsAreLinkedToTheirPart) {
  const std::vector<std::string> months{"January", "February", "March",     "April",   "May",      "June",
                                        "July",    "August",   "September", "October", "November", "December"};
  std::set<std::string> shapes;
  for (const auto& pair : generate_sequences(sequences("dates", 2000))) {
    const auto source = fields_of(pair.source), target = fields_of(pair.target);
    ASSERT_EQ(target.size(), 10u) << pair.target;
    std::string iso;
    for (const auto& digit : target) iso += digit;
    std::map<std::uint32_t, std::string> said;  // source token to the target characters that are linked to it
    for (const auto& link : pair.links) {
      EXPECT_EQ(link.sure, target[link.target] != "-");
      if (link.sure) said[link.source] += target[link.target];
    }
    ASSERT_EQ(pair.links.size(), 10u);
    ASSERT_EQ(said.size(), 3u) << pair.source;
    for (const auto& [token, digits] : said) {
      const auto month = std::find(months.begin(), months.end(), source[token]);
      const int value = month != months.end() ? static_cast<int>(month - months.begin()) + 1 : std::stoi(source[token]);
      EXPECT_EQ(value, std::stoi(digits)) << pair.source << " / " << iso;
      EXPECT_EQ(digits.size(), value > 31 ? 4u : 2u);
    }
    EXPECT_GE(iso.substr(0, 4), "1950");
    EXPECT_LE(iso.substr(0, 4), "2049");
    std::string shape;
    for (const auto& word : source)
      shape += std::isdigit(static_cast<unsigned char>(word[0]))   ? "0 "
               : std::isupper(static_cast<unsigned char>(word[0])) ? "A "
                                                                   : word + ' ';
    shapes.insert(std::regex_replace(shape, std::regex("st|nd|rd"), "th"));
  }
  EXPECT_EQ(shapes, (std::set<std::string>{"0 / 0 / 0 ", "0 A 0 ", "A 0 , 0 ", "A 0 A 0 ", "the 0 th of A 0 "}));
}

TEST(Sequences, WeekdaysAndLeapDaysAreRight) {
  auto options = sequences("dates", 366 * 5);  // all of 2024
  options.first_year = options.last_year = 2024;
  std::set<std::string> sources;
  for (const auto& pair : generate_sequences(options)) sources.insert(pair.source);
  EXPECT_EQ(sources.size(), 1830u);
  for (const char* date : {"Thursday 29 February 2024", "the 22 nd of November 2024", "the 11 th of May 2024", "2024 / 2 / 29",
                           "June 1 , 2024", "31 December 2024"}) {
    EXPECT_TRUE(sources.contains(date)) << date;
  }
  options.pairs = 1831;
  EXPECT_ERROR(generate_sequences(options), kValue, "task 'dates' has only 1830");
}

TEST(Sequences, SeedsDecide) {
  auto options = sequences("reverse", 50);
  const auto first = pair_lines_of(generate_sequences(options));
  EXPECT_EQ(pair_lines_of(generate_sequences(options)), first);
  options.seed = 2;
  EXPECT_NE(pair_lines_of(generate_sequences(options)), first);
}

}  // namespace
}  // namespace attend
