// Headlines, spelling and parity: pairs of texts made by rule.
#include <gtest/gtest.h>

#include <cctype>
#include <map>
#include <set>

#include "attend/synthetic/generate_files.h"
#include "generated_folder.h"
#include "support/expect_error.h"

namespace attend {
namespace {

using test::words_of;

bool is_name(const std::string& word) { return std::isupper(static_cast<unsigned char>(word[0])) != 0; }

std::string tsv_of(const std::vector<GeneratedPair>& pairs) { return to_tsv_files({pairs, {}, {}})[0].bytes; }

TEST(GeneratedFilesOfPairs, HaveLinksAsAThirdColumnOnlyWhereThereAreAny) {
  const GeneratedSet set{{{"a b", "c", {{0, 0, true}, {1, 0, false}}}}, {{"x", "y", {}}}, {}};
  const auto files = to_tsv_files(set);
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].name, "train.tsv");
  EXPECT_EQ(files[0].bytes, "a b\tc\t0-0 1p0\n");
  EXPECT_EQ(files[1].name, "dev.tsv");
  EXPECT_EQ(files[1].bytes, "x\ty\n");
  EXPECT_EQ(files[2].bytes, "");
}

TEST(Headlines, SayWhatTheStorySaysAndLinkToIt) {
  const auto set = generate_headlines(1);
  EXPECT_EQ(set.train.size(), 6000u);
  EXPECT_EQ(set.dev.size(), 300u);
  EXPECT_EQ(set.test.size(), 500u);
  std::map<std::string, int> kinds;
  for (const auto* part : {&set.train, &set.test}) {
    for (const auto& pair : *part) {
      const auto story = words_of(pair.source), headline = words_of(pair.target);
      const auto sentences = std::count(story.begin(), story.end(), ".");
      EXPECT_GE(sentences, 2);
      EXPECT_LE(sentences, 3);
      EXPECT_TRUE(std::is_sorted(pair.links.begin(), pair.links.end(), [](const auto& a, const auto& b) {
        return std::pair(a.source, a.target) < std::pair(b.source, b.target);
      }));
      std::string kind;
      for (std::uint32_t t = 0; t < headline.size(); ++t) {
        int sure = 0;
        for (const auto& link : pair.links) {
          if (link.target != t) continue;
          sure += link.sure;
          ASSERT_LT(link.source, story.size());
          if (is_name(headline[t])) {
            EXPECT_EQ(story[link.source], headline[t]) << pair.source;
          }
        }
        const bool is_function_word = headline[t] == "in" || headline[t] == "its";
        EXPECT_EQ(sure, is_function_word ? 0 : 1) << pair.target << " / " << headline[t];
        if (!is_name(headline[t]) && !is_function_word && headline[t].ends_with('s')) kind = headline[t];
      }
      ++kinds[kind];
    }
  }
  for (const char* verb : {"opens", "closes", "buys", "makes", "leaves", "wins", "hits", "builds"}) EXPECT_GT(kinds[verb], 500) << verb;
}

TEST(Headlines, NamesOfTheTestAreNewAndOtherWordsAreNot) {
  const auto set = generate_headlines(2);
  std::set<std::string> names, words;
  for (const auto& pair : set.train)
    for (const auto& word : words_of(pair.source + " " + pair.target)) (is_name(word) ? names : words).insert(word);
  EXPECT_GT(names.size(), 3000u);
  EXPECT_LE(words.size(), 300u);
  for (const auto* part : {&set.dev, &set.test})
    for (const auto& pair : *part)
      for (const auto& word : words_of(pair.source + " " + pair.target))
        EXPECT_EQ(is_name(word), !words.contains(word) && !names.contains(word)) << word;
}

TEST(Spelling, FollowsItsRules) {
  std::map<std::string, GeneratedPair> words;
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto set = generate_spelling(seed);
    EXPECT_EQ(set.train.size(), 8000u);
    EXPECT_EQ(set.dev.size(), 500u);
    EXPECT_EQ(set.test.size(), 500u);
    std::size_t before = words.size();
    for (const auto* part : {&set.train, &set.dev, &set.test})
      for (const auto& pair : *part) {
        const auto [known, fresh] = words.emplace(pair.source, pair);
        EXPECT_EQ(known->second, pair);  // a word is said in one way
        if (seed == 1) before += fresh;
      }
    if (seed == 1) {
      EXPECT_EQ(before, 9000u);  // no word twice
    }
  }
  const std::map<std::string, std::string> said{
      {"crace", "k ɹ eɪ s"}, {"crige", "k ɹ aɪ dʒ"},  {"cikfash", "s ɪ k f æ ʃ"}, {"chumlay", "tʃ ʌ m l eɪ"}, {"cy", "s i"},
      {"geel", "dʒ iː l"},   {"gekny", "dʒ ɛ k n i"}, {"grong", "ɡ ɹ ɒ ŋ"},       {"hope", "h oʊ p"},         {"jatch", "dʒ æ tʃ"},
      {"knope", "n oʊ p"},   {"meat", "m iː t"},      {"phise", "f aɪ z"},        {"phition", "f ɪ ʃ ə n"},   {"plamb", "p l æ m"},
      {"quoth", "k w ɒ θ"},  {"rack", "ɹ æ k"},       {"soktigh", "s ɒ k t aɪ"},  {"toassug", "t oʊ s ʌ ɡ"},  {"woiding", "w ɔɪ d ɪ ŋ"},
      {"wraix", "ɹ eɪ k s"}, {"wretch", "ɹ ɛ tʃ"},    {"yednay", "j ɛ d n eɪ"},
  };
  for (const auto& [word, sounds] : said) {
    ASSERT_TRUE(words.contains(word)) << word;
    EXPECT_EQ(words.at(word).target, sounds) << word;
  }
}

TEST(Spelling, EverySoundComesFromLetters) {
  for (const auto& pair : generate_spelling(1).train) {
    const auto sounds = words_of(pair.target);
    std::vector<int> heard(sounds.size());
    std::uint32_t last = 0;
    for (const auto& link : pair.links) {
      ASSERT_LT(link.source, pair.source.size());
      ASSERT_LT(link.target, sounds.size());
      ++heard[link.target];
      EXPECT_GE(link.target + 2, last);  // letters are read in order; those of "tion" give three sounds together
      last = link.target;
    }
    for (const auto count : heard) EXPECT_GE(count, 1) << pair.source;
  }
}

TEST(Spelling, TheTestBeginsWordsInNewWays) {
  const auto set = generate_spelling(1);
  const auto beginning = [](const std::string& word) {  // onset and first vowels
    const auto vowel = word.find_first_of("aeiou", word.starts_with("qu") ? 2 : 0);
    const auto behind = std::min(word.find_first_not_of("aeiou", vowel), word.size());
    return word.substr(0, behind);
  };
  std::set<std::string> known;
  for (const auto& pair : set.train) known.insert(beginning(pair.source));
  std::size_t fresh = 0;
  for (const auto& pair : set.test) fresh += !known.contains(beginning(pair.source));
  EXPECT_GT(fresh, 150u);
  for (const auto& pair : set.dev) EXPECT_TRUE(known.contains(beginning(pair.source))) << pair.source;
}

TEST(Parity, CountsTheOnes) {
  const auto pairs = generate_parity(3000, 10, 1);
  ASSERT_EQ(pairs.size(), 3000u);
  std::set<std::string> seen;
  std::map<std::size_t, int> filled;
  int odd = 0;
  for (const auto& pair : pairs) {
    const auto numbers = words_of(pair.source);
    EXPECT_EQ(numbers.size(), 10u);
    for (const auto& number : numbers) EXPECT_TRUE(number == "1" || number == "-1" || number == "0");
    const auto ones = std::count(numbers.begin(), numbers.end(), "1");
    EXPECT_EQ(pair.target, ones % 2 == 1 ? "1" : "0");
    EXPECT_TRUE(pair.links.empty());
    seen.insert(pair.source);
    ++filled[10 - static_cast<std::size_t>(std::count(numbers.begin(), numbers.end(), "0"))];
    odd += ones % 2 == 1;
  }
  EXPECT_EQ(filled[0], 0);
  for (std::size_t count = 1; count <= 10; ++count) EXPECT_NEAR(filled[count], 300, 80) << count;
  EXPECT_GT(seen.size(), 2000u);
  EXPECT_NEAR(odd, 1500, 150);
}

TEST(Parity, OfAnyLength) {
  EXPECT_EQ(generate_parity(500, 3, 1).size(), 500u);  // more than exist: they repeat
  EXPECT_EQ(generate_parity(5, 64, 1).size(), 5u);
  EXPECT_ERROR(generate_parity(1, 0, 1), kValue, "the length must be 1 to 10000, got 0");
}

TEST(GeneratedFilesOfPairs, SeedsDecide) {
  EXPECT_EQ(tsv_of(generate_parity(50, 10, 1)), tsv_of(generate_parity(50, 10, 1)));
  EXPECT_NE(tsv_of(generate_parity(50, 10, 1)), tsv_of(generate_parity(50, 10, 2)));
  EXPECT_EQ(tsv_of(generate_spelling(1).train), tsv_of(generate_spelling(1).train));
  EXPECT_NE(tsv_of(generate_spelling(1).train), tsv_of(generate_spelling(2).train));
  EXPECT_EQ(tsv_of(generate_headlines(1).test), tsv_of(generate_headlines(1).test));
  EXPECT_NE(tsv_of(generate_headlines(1).test), tsv_of(generate_headlines(2).test));
}

TEST(Bits, AreVectorsOfEightToBeCopied) {
  const auto pairs = generate_bits(400, 2, 5, 1);
  std::set<std::size_t> lengths;
  int ones = 0, all = 0;
  for (const auto& pair : pairs) {
    EXPECT_EQ(pair.source, pair.target);
    EXPECT_EQ((pair.source.size() + 1) % 9, 0u);
    EXPECT_EQ(pair.links.size(), (pair.source.size() + 1) / 9);
    lengths.insert(pair.links.size());
    for (const char c : pair.source) {
      ones += c == '1';
      all += c != ' ';
    }
  }
  EXPECT_EQ(lengths, (std::set<std::size_t>{2, 3, 4, 5}));
  EXPECT_NEAR(static_cast<double>(ones) / all, 0.5, 0.02);
  EXPECT_EQ(tsv_of(generate_bits(50, 1, 4, 1)), tsv_of(generate_bits(50, 1, 4, 1)));
  EXPECT_NE(tsv_of(generate_bits(50, 1, 4, 1)), tsv_of(generate_bits(50, 1, 4, 2)));
  EXPECT_ERROR(generate_bits(1, 3, 2, 1), kValue, "the shortest first, got 3 and 2");
}

}  // namespace
}  // namespace attend
