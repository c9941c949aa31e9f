// Stories with questions, in the format of bAbI.
#include <fmt/format.h>

#include <algorithm>

#include "attend/core/error.h"
#include "attend/synthetic/generate_files.h"
#include "story_world.h"

namespace attend {
namespace {

using namespace world;

constexpr std::size_t kTrain = 2000, kDev = 150, kTest = 300;
constexpr std::size_t kQuestions = 3, kFewestEvents = 2, kMostEvents = 3;  // events before each question
constexpr std::size_t kCast = 4;                                           // people in one story
constexpr std::size_t kKinds = 4;                                          // of questions
constexpr int kTries = 100;                                                // who or what to ask about, before another kind is tried

struct Question {
  std::string text, answer;
  std::vector<std::size_t> lines;  // supporting
};

/// One question of the kind about what is known by now, or none.
std::optional<Question> ask(const State& state, std::size_t kind, std::uint64_t seed, Choice& choice) {
  const auto who = choice.below(kPeople.size()), what = choice.below(kThings.size());
  const auto* const name = kPeople[who].english;
  if (kind == 0) {
    const auto fact = state.place_of(who);
    if (!fact) return {};
    return Question{fmt::format("Where is {}?", name), kPlaces[fact->value].english, fact->lines};
  }
  if (kind == 1) {
    const auto fact = state.place_of(who);
    if (!fact) return {};
    const auto place = choice.chance(50) ? fact->value : choice.below(kPlaces.size());
    if (place != fact->value && only_in_test(seed, {Act::kGo, who, place})) return {};  // training never says the two together
    return Question{fmt::format("Is {} in the {}?", name, kPlaces[place].english), place == fact->value ? "yes" : "no", fact->lines};
  }
  if (kind == 2) {
    std::optional<std::size_t> emptied;
    const auto fact = state.held_by(who, &emptied);
    if (!fact && !emptied) return {};
    const std::string text = fmt::format("What does {} carry?", name);
    return fact ? Question{text, kThings[fact->value].english, fact->lines} : Question{text, "nothing", {*emptied}};
  }
  const auto fact = state.place_of_thing(what);
  if (!fact) return {};
  return Question{fmt::format("Where is the {}?", kThings[what].english), kPlaces[fact->value].english, fact->lines};
}

struct Story {
  std::string text;
  bool only_in_test = false;
};

Story tell(std::uint64_t seed, std::uint64_t number) {
  Choice choice(random_key(seed, {16, number}));
  State state;
  Story story;
  std::size_t line = 0;
  std::vector<std::size_t> cast(kPeople.size());
  for (std::size_t i = 0; i < cast.size(); ++i) cast[i] = i;
  choice.shuffle(cast);
  cast.resize(kCast);
  const auto is_cast = [&](std::size_t who) { return std::find(cast.begin(), cast.end(), who) != cast.end(); };
  for (std::size_t asked = 0; asked < kQuestions; ++asked) {
    for (auto left = kFewestEvents + choice.below(kMostEvents - kFewestEvents + 1); left > 0; --left) {
      auto event = state.next(choice);
      while (!is_cast(event.who)) event = state.next(choice);
      state.apply(event, ++line);
      story.only_in_test = story.only_in_test || only_in_test(seed, event);
      story.text += fmt::format("{} {}.\n", line, english(event, choice));
    }
    std::optional<Question> question;
    for (auto kind = choice.below(kKinds); !question; kind = choice.below(kKinds))  // the first can be had: somebody has gone somewhere
      for (int tries = 0; tries < kTries && !question; ++tries) question = ask(state, kind, seed, choice);
    story.text += fmt::format("{} {}\t{}\t{}\n", ++line, question->text, question->answer, fmt::join(question->lines, " "));
  }
  return story;
}

}  // namespace

GeneratedFiles generate_stories(std::uint64_t seed) {
  std::array<std::string, 3> texts;  // train, dev, test
  std::array<std::size_t, 3> left{kTrain, kDev, kTest};
  for (std::uint64_t number = 0; left[0] + left[1] + left[2] > 0; ++number) {
    const auto story = tell(seed, number);
    const std::size_t part = story.only_in_test ? 2 : left[0] > 0 ? 0 : 1;
    if (left[part] == 0) continue;
    texts[part] += story.text;
    --left[part];
  }
  return {{"train.txt", texts[0]}, {"dev.txt", texts[1]}, {"test.txt", texts[2]}};
}

}  // namespace attend
