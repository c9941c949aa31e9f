// Clozes about the world of the stories, in the format of CMRC 2017.
#include <fmt/format.h>

#include <set>

#include "attend/data/cloze.h"
#include "attend/synthetic/generate_files.h"
#include "story_world.h"

namespace attend {
namespace {

using namespace world;

constexpr std::size_t kTrain = 20000, kDev = 300, kTest = 500, kFewestEvents = 4, kMostEvents = 6;

/// The same fact in other words; {0} the person, {1} the place or thing. One of the two is asked for.
struct Recaps {
  std::vector<const char*> gone, taken;
};
const Recaps& recaps(bool is_english) {
  static const Recaps english{{"{0} was now in the {1} .", "in the {1} stood {0} .", "soon {0} rested in the {1} ."},
                              {"the {1} was now with {0} .", "{0} still carried the {1} .", "so the {1} belonged to {0} ."}};
  static const Recaps chinese{{"现在 {0} 在 {1} 里 。", "{1} 里 站 着 {0} 。", "{0} 在 {1} 休息 。"},
                              {"现在 {1} 在 {0} 手里 。", "{0} 还 带 着 {1} 。", "所以 {1} 是 {0} 的 。"}};
  return is_english ? english : chinese;
}

/// What a document says: different people, places and things, so that each fact has one answer.
std::vector<Event> tell(Choice& choice) {
  const auto count = kFewestEvents + choice.below(kMostEvents - kFewestEvents + 1);
  std::vector<Event> events;
  std::set<std::size_t> people;
  std::set<std::pair<Act, std::size_t>> objects;
  while (events.size() < count) {
    const Event event{choice.chance(50) ? Act::kGo : Act::kTake, choice.below(kPeople.size()), choice.below(kPlaces.size())};
    if (people.contains(event.who) || objects.contains({event.act, event.what})) continue;
    people.insert(event.who);
    objects.insert({event.act, event.what});
    events.push_back(event);
  }
  return events;
}

struct Cloze {
  std::vector<Event> events;
  std::size_t asked = 0;     // index of the event that the blank asks about
  bool asks_person = false;  // else the place or thing
};

/// The document's lines, the question's line and the answer; `id` numbers the question.
void write(const Cloze& cloze, bool is_english, std::size_t id, Choice& choice, std::pair<std::string, std::string>& to) {
  const auto& fact = cloze.events[cloze.asked];
  const auto& thing = fact.act == Act::kGo ? kPlaces[fact.what] : kThings[fact.what];
  const std::string person(is_english ? kPeople[fact.who].english : kPeople[fact.who].chinese);
  const std::string object(is_english ? thing.english : thing.chinese);
  const auto& forms = recaps(is_english);
  const auto question =
      fmt::format(fmt::runtime(choice.pick(fact.act == Act::kGo ? forms.gone : forms.taken)),
                  cloze.asks_person ? kClozeBlank : std::string_view(person), cloze.asks_person ? std::string_view(object) : kClozeBlank);
  std::vector<std::string> sentences;
  for (const auto& event : cloze.events) sentences.push_back(is_english ? english(event, choice) + " ." : chinese(event, choice));
  const auto behind = cloze.asked + 1 + choice.below(sentences.size() - cloze.asked);
  sentences.insert(sentences.begin() + static_cast<std::ptrdiff_t>(behind), question);
  for (std::size_t i = 0; i < sentences.size(); ++i) to.first += fmt::format("{} ||| {}\n", i + 1, sentences[i]);
  to.first += fmt::format("<qid_{}> ||| {}\n", id, question);
  to.second += fmt::format("<qid_{}> ||| {}\n", id, cloze.asks_person ? person : object);
}

}  // namespace

GeneratedFiles generate_clozes(std::uint64_t seed) {
  static constexpr std::array kParts{"train", "dev", "test"};
  static constexpr std::array kSizes{kTrain, kDev, kTest};
  GeneratedFiles files;
  for (const bool is_english : {true, false}) {
    Choice choice(random_key(seed, {17, is_english}));
    std::set<std::vector<Event>> told;  // no two documents say the same
    for (std::size_t part = 0; part < kParts.size(); ++part) {
      std::pair<std::string, std::string> texts;  // questions, answers
      for (std::size_t id = 0; id < kSizes[part];) {
        Cloze cloze{tell(choice), 0, choice.chance(50)};
        cloze.asked = choice.below(cloze.events.size());
        if (told.insert(cloze.events).second) write(cloze, is_english, id++, choice, texts);
      }
      const auto name = fmt::format("{}/{}", is_english ? "en" : "zh", kParts[part]);
      files.push_back({name + ".doc_query", std::move(texts.first)});
      files.push_back({name + ".answer", std::move(texts.second)});
    }
  }
  return files;
}

}  // namespace attend
