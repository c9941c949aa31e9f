// Opinions with negation and contrast.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include "attend/synthetic/generate_files.h"
#include "choice.h"

namespace attend {
namespace {

constexpr std::array<std::size_t, 3> kSizes{6000, 400, 600};  // train, dev, test
constexpr std::uint64_t kTask = 18, kHeldOutPerMille = 30;

constexpr std::array kNouns{"film",    "play",    "meal",   "soup",  "song",   "story", "garden",  "hotel",
                            "journey", "lecture", "party",  "novel", "game",   "dance", "music",   "plan",
                            "picnic",  "view",    "coffee", "match", "speech", "poem",  "service", "show"};
constexpr std::array kGood{"good",  "lovely", "funny",    "fine",   "charming", "clever", "fresh",
                           "great", "warm",   "splendid", "lively", "graceful", "bright", "pleasant"};
constexpr std::array kBad{"bad",   "dull",   "awful", "stale", "clumsy", "boring",    "gloomy",
                          "silly", "dreary", "harsh", "weak",  "slow",   "tasteless", "dreadful"};
constexpr std::array kDegrees{"", "", "", "very ", "really ", "quite ", "rather ", "truly ", "so "};
constexpr std::array kOpenings{"", "", "", "", "i think ", "in the end ", "for me ", "we all agreed that ", "honestly , "};
constexpr std::array kEndings{"", "", "", "", " today", " last night", " this time", " from start to end"};

/// What turns an opinion: {0} the noun, {1} the adjective.
constexpr std::array kTurns{"the {0} was not {1}",      "the {0} was not {1} at all",    "the {0} was never {1}",
                            "the {0} was hardly {1}",   "the {0} was far from {1}",      "the {0} was anything but {1}",
                            "nobody found the {0} {1}", "nobody could call the {0} {1}", "i would not say that the {0} was {1}"};
/// Two that cancel each other.
constexpr std::array kTwofold{"nobody could say that the {0} was not {1}", "it is not true that the {0} was not {1}",
                              "the {0} was never anything but {1}"};
/// {0} gives way to {1}.
constexpr std::array kContrasts{"{0} but {1}", "although {0} , {1}", "{1} even though {0}", "{0} , and yet {1}",
                                "{1} , never mind that {0}"};

struct Clause {
  std::string text;
  bool good = false, only_in_test = false;
};

Clause clause(std::uint64_t seed, bool good, Choice& choice) {
  const auto kind = choice.below(100);
  const bool turned = kind >= 40 && kind < 90;
  const std::string noun = choice.pick(kNouns), adjective = choice.pick(good != turned ? kGood : kBad);
  const auto combined = [&](std::string_view with) {
    return held_out(seed, kTask, fmt::format("{} {}", with, adjective), kHeldOutPerMille);
  };
  Clause result{{}, good, combined(noun)};
  if (kind < 40) {
    result.text = fmt::format("the {} was {}{}", noun, choice.pick(kDegrees), adjective);
    return result;
  }
  const std::string form = turned ? choice.pick(kTurns) : choice.pick(kTwofold);
  result.text = fmt::format(fmt::runtime(form), noun, adjective);
  result.only_in_test = result.only_in_test || combined(form);
  return result;
}

Clause sentence(std::uint64_t seed, bool good, Choice& choice) {
  auto result = clause(seed, good, choice);
  const auto kind = choice.below(100);
  if (kind < 50) {
    result.text = choice.pick(kOpenings) + result.text + choice.pick(kEndings);
  } else {
    const bool contrast = kind < 85;
    const auto other = clause(seed, contrast ? !good : good, choice);
    result.text =
        contrast ? fmt::format(fmt::runtime(choice.pick(kContrasts)), other.text, result.text) : other.text + " and " + result.text;
    result.only_in_test = result.only_in_test || other.only_in_test;
  }
  result.text += " .";
  return result;
}

}  // namespace

GeneratedFiles generate_polarity(std::uint64_t seed) {
  Choice choice(random_key(seed, {kTask}));
  std::array<std::vector<std::string>, 3> lines;
  std::unordered_set<std::string> seen;
  for (std::size_t part = 0; part < lines.size(); ++part) {
    while (lines[part].size() < kSizes[part]) {
      const bool good = lines[part].size() % 2 == 0;  // by turns, so that each part holds as many of both
      const auto drawn = sentence(seed, good, choice);
      if (drawn.only_in_test != (part == 2) || !seen.insert(drawn.text).second) continue;
      lines[part].push_back(fmt::format("{} {}\n", good ? 1 : 0, drawn.text));
    }
    choice.shuffle(lines[part]);
  }
  return {{"train.txt", fmt::format("{}", fmt::join(lines[0], ""))},
          {"dev.txt", fmt::format("{}", fmt::join(lines[1], ""))},
          {"test.txt", fmt::format("{}", fmt::join(lines[2], ""))}};
}

}  // namespace attend
