// Short news stories and their headlines. Templates carry tags, from which the gold links come: a headline's word is linked to the
// words of the story with the same tag.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "attend/core/error.h"
#include "attend/synthetic/generate_files.h"
#include "attend/text/lines.h"
#include "choice.h"

namespace attend {
namespace {

constexpr std::size_t kTrain = 6000, kDev = 300, kTest = 500;
constexpr std::uint64_t kTask = 20;
enum Part : std::size_t { kTrainPart, kDevPart, kTestPart };

/// Which part of the data a name belongs to: a tenth to dev, two tenths to test.
Part part_of(std::uint64_t seed, const std::string& name) {
  const auto tenth = random_key(seed, {kTask, text_hash(name)}) % 10;
  return tenth < 2 ? kTestPart : tenth < 3 ? kDevPart : kTrainPart;
}

constexpr std::array kOnsets{"b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "dr", "kl", "st"};
constexpr std::array kVowels{"a", "e", "i", "o", "u"};
constexpr std::array kGivenEnds{"na", "lo", "ri", "mo", "ta", "vi"};
constexpr std::array kFamilyEnds{"nek", "sen", "rin", "dor", "lard", "vic"};
constexpr std::array kPlaceEnds{"ford", "ville", "burg", "mouth", "stead", "wick"};
constexpr std::array kCompanyEnds{"tek", "dyne", "corp", "soft", "works", "lab"};

template <class Ends>
std::string invent(std::uint64_t seed, Part part, const Ends& ends, Choice& choice) {
  for (;;) {
    std::string name;
    for (auto left = 1 + choice.below(2); left > 0; --left) name += std::string(choice.pick(kOnsets)) + choice.pick(kVowels);
    name += choice.pick(ends);
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
    if (part_of(seed, name) == part) return name;
  }
}

/// One kind of news. Slots: {P} a person's full name and {p} the family name, {C} and {D} companies, {L} a place, {X} one of
/// `things`, {N} a number, {W} a weekday; a word with "/tag" is linked to the words of the same tag.
struct News {
  const char* headline;
  std::vector<const char*> leads, follows;
  std::vector<const char*> things;
};

const std::vector<News>& all_news() {
  static const std::vector<News> news{
      {"{C} opens/open {X} in {L}",
       {"{C} opened/open a new {X} in {L} on {W} .", "a new {X} of {C} was opened/open in {L} on {W} ."},
       {"the {X} will give work to {N} people .", "{C} had planned the {X} for {N} years ."},
       {"factory", "shop", "office", "school", "station", "garage"}},
      {"{C} closes/close {X} in {L}",
       {"{C} will close/close its {X} in {L} next week .", "the {X} of {C} in {L} was closed/close on {W} ."},
       {"{N} people lose their work .", "the {X} had stood in {L} for {N} years ."},
       {"factory", "shop", "office", "school", "station", "garage"}},
      {"{C} buys/buy {D}",
       {"{C} has bought/buy its rival {D} for {N} million .", "the owners of {D} sold/buy it to {C} on {W} .",
        "{D} now belongs/buy to {C} ."},
       {"{D} had lost money for {N} years .", "nobody at {D} will lose work ."},
       {"rival"}},
      {"{C} makes/make {p} its {X}",
       {"{C} made/make {P} its new {X} on {W} .", "{P} was made/make {X} of {C} on {W} ."},
       {"{p} has worked for {C} for {N} years .", "{p} follows another {X} ."},
       {"chief", "treasurer", "designer", "lawyer", "speaker"}},
      {"{p} leaves/leave {C}",
       {"{P} has left/leave {C} after {N} years .", "after {N} years {P} left/leave {C} on {W} ."},
       {"{p} wants to write a book .", "{C} thanked {p} for good work ."},
       {"rival"}},
      {"{p} wins/win {X} in {L}",
       {"{P} has won/win the {X} in {L} .", "the {X} in {L} was won/win by {P} on {W} ."},
       {"{p} trained for {N} years .", "it was the first {X} for {p} ."},
       {"race", "prize", "medal", "match", "contest", "election"}},
      {"{X} hits/hit {L}",
       {"a {X} hit/hit {L} on {W} .", "{L} was hit/hit by a {X} on {W} ."},
       {"{N} houses were damaged .", "the {X} lasted for {N} hours ."},
       {"storm", "flood", "fire", "drought", "blizzard"}},
      {"{L} builds/build {X}",
       {"{L} is building/build a new {X} .", "a new {X} is built/build in {L} ."},
       {"the {X} will cost {N} million .", "the {X} will be ready in {N} years ."},
       {"bridge", "museum", "hospital", "harbour", "tunnel", "library"}},
  };
  return news;
}

/// Sentences that carry other names of all kinds: {Q} a person, {E} a company, {M} a place.
constexpr std::array kAsides{"{Q} , who lives in {M} , was glad to hear it .",
                             "{Q} of {E} called it a good day .",
                             "the news was first told in {M} .",
                             "{Q} had asked for it in {M} .",
                             "{E} did not want to speak about it .",
                             "people in {M} were surprised ."};
constexpr std::array kNumbers{"two", "three", "five", "eight", "ten", "twenty", "forty", "ninety"};
constexpr std::array kDays{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};

struct Token {
  std::string word, tag;
};
/// What stands for a slot: a token or two, the same wherever it is named.
using Slots = std::map<char, std::vector<Token>>;

Slots fill(std::uint64_t seed, Part part, const News& news, Choice& choice) {
  Slots slots;
  for (const auto& [person, family] : {std::pair{'P', 'p'}, std::pair{'Q', 'q'}}) {
    const auto given_name = invent(seed, part, kGivenEnds, choice), family_name = invent(seed, part, kFamilyEnds, choice);
    slots[person] = {{given_name, std::string(1, person) + "given"}, {family_name, std::string(1, person)}};
    slots[family] = {{family_name, std::string(1, person)}};
  }
  for (const char company : {'C', 'D', 'E'}) slots[company] = {{invent(seed, part, kCompanyEnds, choice), std::string(1, company)}};
  for (const char place : {'L', 'M'}) slots[place] = {{invent(seed, part, kPlaceEnds, choice), std::string(1, place)}};
  slots['X'] = {{choice.pick(news.things), "X"}};
  slots['N'] = {{choice.pick(kNumbers), ""}};
  slots['W'] = {{choice.pick(kDays), ""}};
  return slots;
}

void append(std::vector<Token>& tokens, std::string_view text, const Slots& slots) {
  for (const auto word : words_of_line(text)) {
    if (word.front() == '{') {
      const auto& filled = slots.at(word[1]);
      tokens.insert(tokens.end(), filled.begin(), filled.end());
      continue;
    }
    const auto slash = std::min(word.find('/'), word.size());
    tokens.push_back({std::string(word.substr(0, slash)), std::string(word.substr(std::min(slash + 1, word.size())))});
  }
}

std::string text_of(const std::vector<Token>& tokens) {
  std::string text;
  for (const auto& token : tokens) text += (text.empty() ? "" : " ") + token.word;
  return text;
}

GeneratedPair story(std::uint64_t seed, Part part, Choice& choice) {
  const auto& news = choice.pick(all_news());
  auto slots = fill(seed, part, news, choice);
  std::vector<Token> document, headline;
  const bool aside = choice.chance(60), aside_first = aside && choice.chance(35);
  if (aside_first) append(document, choice.pick(kAsides), slots);
  append(document, choice.pick(news.leads), slots);
  slots['N'] = {{choice.pick(kNumbers), ""}};
  append(document, choice.pick(news.follows), slots);
  if (aside && !aside_first) append(document, choice.pick(kAsides), slots);
  append(headline, news.headline, slots);
  GeneratedPair pair{text_of(document), text_of(headline), {}};
  std::vector<bool> linked(headline.size());
  for (std::uint32_t s = 0; s < document.size(); ++s) {
    for (std::uint32_t t = 0; t < headline.size(); ++t) {
      if (headline[t].tag.empty() || headline[t].tag != document[s].tag) continue;
      pair.links.push_back({s, t, !linked[t]});
      linked[t] = true;
    }
  }
  return pair;
}

}  // namespace

GeneratedSet generate_headlines(std::uint64_t seed) {
  Choice choice(random_key(seed, {kTask}));
  GeneratedSet set;
  while (set.train.size() < kTrain) set.train.push_back(story(seed, kTrainPart, choice));
  while (set.dev.size() < kDev) set.dev.push_back(story(seed, kDevPart, choice));
  while (set.test.size() < kTest) set.test.push_back(story(seed, kTestPart, choice));
  return set;
}

}  // namespace attend
