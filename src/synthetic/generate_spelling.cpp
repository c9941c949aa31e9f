// Invented words and how they are said. A word is spelled from graphemes and then read by rules that look at the letters alone,
// so that the spelling decides the sounds.
#include <algorithm>
#include <array>
#include <unordered_set>

#include "attend/core/error.h"
#include "attend/synthetic/generate_files.h"
#include "choice.h"

namespace attend {
namespace {

constexpr std::size_t kTrain = 8000, kDev = 500, kTest = 500;
constexpr std::uint64_t kTask = 14, kHeldOutPerMille = 60;

bool is_vowel(char c) { return std::string_view("aeiou").find(c) != std::string_view::npos; }

/// Where a rule holds.
enum class When { kAlways, kAtStart, kAtEnd, kBeforeFront, kBetweenVowels, kBeforeSilentE };

struct Rule {
  std::string_view letters;
  std::string_view sounds;  // between spaces; empty: silent
  When when = When::kAlways;
};

/// The first rule that holds where the reader stands is taken.
constexpr Rule kRules[] = {
    {"tion", "ʃ ə n", When::kAtEnd},
    {"igh", "aɪ"},
    {"tch", "tʃ"},
    {"ch", "tʃ"},
    {"sh", "ʃ"},
    {"th", "θ"},
    {"ph", "f"},
    {"ck", "k"},
    {"ng", "ŋ", When::kAtEnd},
    {"qu", "k w"},
    {"kn", "n", When::kAtStart},
    {"wr", "ɹ", When::kAtStart},
    {"mb", "m", When::kAtEnd},
    {"ee", "iː"},
    {"ea", "iː"},
    {"oo", "uː"},
    {"ai", "eɪ"},
    {"ay", "eɪ", When::kAtEnd},
    {"oa", "oʊ"},
    {"ou", "aʊ"},
    {"oi", "ɔɪ"},
    {"bb", "b"},
    {"dd", "d"},
    {"ff", "f"},
    {"ll", "l"},
    {"mm", "m"},
    {"nn", "n"},
    {"pp", "p"},
    {"ss", "s"},
    {"tt", "t"},
    {"a", "eɪ", When::kBeforeSilentE},
    {"e", "iː", When::kBeforeSilentE},
    {"i", "aɪ", When::kBeforeSilentE},
    {"o", "oʊ", When::kBeforeSilentE},
    {"u", "uː", When::kBeforeSilentE},
    {"e", "", When::kAtEnd},
    {"sc", "s", When::kBeforeFront},
    {"c", "s", When::kBeforeFront},
    {"g", "dʒ", When::kBeforeFront},
    {"s", "z", When::kBetweenVowels},
    {"y", "j", When::kAtStart},
    {"y", "i"},
    {"x", "k s"},
    {"a", "æ"},
    {"b", "b"},
    {"c", "k"},
    {"d", "d"},
    {"e", "ɛ"},
    {"f", "f"},
    {"g", "ɡ"},
    {"h", "h"},
    {"i", "ɪ"},
    {"j", "dʒ"},
    {"k", "k"},
    {"l", "l"},
    {"m", "m"},
    {"n", "n"},
    {"o", "ɒ"},
    {"p", "p"},
    {"r", "ɹ"},
    {"s", "s"},
    {"t", "t"},
    {"u", "ʌ"},
    {"v", "v"},
    {"w", "w"},
    {"z", "z"},
};

bool holds(const Rule& rule, std::string_view word, std::size_t at) {
  if (!word.substr(at).starts_with(rule.letters)) return false;
  const auto behind = at + rule.letters.size();
  const auto next = behind < word.size() ? word[behind] : '\0';
  switch (rule.when) {
    case When::kAlways: return true;
    case When::kAtStart: return at == 0;
    case When::kAtEnd: return behind == word.size();
    case When::kBeforeFront: return next == 'e' || next == 'i' || next == 'y';
    case When::kBetweenVowels: return at > 0 && is_vowel(word[at - 1]) && is_vowel(next);
    case When::kBeforeSilentE:  // one vowel, one consonant and the e that ends the word
      return (at == 0 || !is_vowel(word[at - 1])) && behind + 2 == word.size() && !is_vowel(next) && word[behind + 1] == 'e';
  }
  return false;
}

GeneratedPair pronounce(const std::string& word) {
  GeneratedPair pair{word, {}, {}};
  std::uint32_t sounds = 0;
  for (std::size_t at = 0; at < word.size();) {
    const auto* rule = std::find_if(std::begin(kRules), std::end(kRules), [&](const Rule& r) { return holds(r, word, at); });
    ATTEND_ASSERT(rule != std::end(kRules));
    for (std::string_view rest = rule->sounds; !rest.empty(); ++sounds) {
      const auto end = std::min(rest.find(' '), rest.size());
      if (sounds > 0) pair.target += ' ';
      pair.target += rest.substr(0, end);
      for (std::size_t letter = at; letter < at + rule->letters.size(); ++letter)
        pair.links.push_back({static_cast<std::uint32_t>(letter), sounds, true});
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    at += rule->letters.size();
  }
  std::sort(pair.links.begin(), pair.links.end(),
            [](const GoldLink& a, const GoldLink& b) { return std::pair(a.source, a.target) < std::pair(b.source, b.target); });
  return pair;
}

constexpr std::array kOnsets{"b", "c", "d",  "f",  "g",  "h",  "j",  "k",  "l",  "m",  "n",  "p",  "r",  "s",  "t",  "v",  "w",
                             "z", "y", "ch", "sh", "th", "ph", "qu", "kn", "wr", "bl", "cr", "dr", "fl", "gr", "pl", "st", "tr"};
constexpr std::array kVowels{"a", "e", "i", "o", "u", "a", "e", "i", "o", "u", "ee", "ea", "oo", "ai", "oa", "ou", "oi"};
constexpr std::array kCodas{"", "", "", "b", "d", "g", "k", "l", "m", "n", "p", "r", "s", "t", "x"};
constexpr std::array kDoubles{"bb", "dd", "ff", "ll", "mm", "nn", "pp", "ss", "tt"};
constexpr std::array kSingles{"c", "d", "g", "k", "l", "m", "n", "p", "s", "t", "v", "z"};
constexpr std::array kEndings{"ck", "tch", "sh", "ng", "mb", "tion", "th"};
constexpr std::array kLastVowels{"y", "ay", "igh"};  // nothing follows them

struct Word {
  std::string letters;
  bool held_out = false;
};

Word invent(Choice& choice, std::uint64_t seed) {
  Word word;
  const auto syllables = 1 + choice.below(3);
  for (std::size_t i = 0; i < syllables; ++i) {
    const bool last = i + 1 == syllables, open = last && choice.chance(12);
    const std::string onset = choice.pick(kOnsets), vowel = open ? choice.pick(kLastVowels) : choice.pick(kVowels);
    word.held_out = word.held_out || held_out(seed, kTask, onset + '-' + vowel, kHeldOutPerMille);
    word.letters += onset + vowel;
    if (open) break;
    const bool plain = vowel.size() == 1;
    const auto kind = choice.below(100);
    if (!last)
      word.letters += plain && kind < 25 ? choice.pick(kDoubles) : choice.pick(kCodas);
    else if (plain && kind < 30)
      word.letters += std::string(choice.pick(kSingles)) + 'e';
    else if (plain && kind < 55)
      word.letters += choice.pick(kEndings);
    else
      word.letters += choice.pick(kCodas);
  }
  return word;
}

}  // namespace

GeneratedSet generate_spelling(std::uint64_t seed) {
  Choice choice(random_key(seed, {kTask}));
  GeneratedSet set;
  std::unordered_set<std::string> seen;
  while (set.train.size() < kTrain || set.dev.size() < kDev || set.test.size() < kTest) {
    const auto word = invent(choice, seed);
    if (word.letters.size() < 2 || !seen.insert(word.letters).second) continue;
    auto& part = word.held_out ? set.test : set.train.size() < kTrain ? set.train : set.dev;
    if (part.size() < (word.held_out ? kTest : kTrain)) part.push_back(pronounce(word.letters));
  }
  set.dev.resize(kDev);
  return set;
}

}  // namespace attend
