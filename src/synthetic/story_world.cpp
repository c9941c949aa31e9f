#include "story_world.h"

#include <fmt/format.h>

#include <algorithm>

#include "attend/core/error.h"

namespace attend::world {
namespace {

constexpr std::uint64_t kTask = 15, kHeldOutPerMille = 100;

const Named& object(const Event& event) { return event.act == Act::kGo ? kPlaces[event.what] : kThings[event.what]; }

}  // namespace

std::string Event::bond() const { return fmt::format("{} {}", kPeople[who].english, object(*this).english); }

bool only_in_test(std::uint64_t seed, const Event& event) { return held_out(seed, kTask, event.bond(), kHeldOutPerMille); }

std::string english(const Event& event, Choice& choice) {
  static const std::array<std::vector<const char*>, 3> verbs{
      {{"went to", "walked to", "ran to", "moved to"}, {"took", "picked up", "grabbed", "got"}, {"dropped", "left", "put down"}}};
  return fmt::format("{} {} the {}", kPeople[event.who].english, choice.pick(verbs[static_cast<std::size_t>(event.act)]),
                     object(event).english);
}

std::string chinese(const Event& event, Choice& choice) {
  static const std::array<std::vector<const char*>, 3> forms{{{"{0} 去 了 {1} 。", "{0} 走 到 了 {1} 。", "{0} 跑 进 了 {1} 。"},
                                                              {"{0} 拿 了 {1} 。", "{0} 拿 起 {1} 。", "{0} 把 {1} 拿 走 了 。"},
                                                              {"{0} 放 下 {1} 。", "{0} 把 {1} 放 下 了 。"}}};
  const auto* form = choice.pick(forms[static_cast<std::size_t>(event.act)]);
  return fmt::format(fmt::runtime(form), kPeople[event.who].chinese, object(event).chinese);
}

Event State::next(Choice& choice) const {
  for (;;) {
    const auto who = choice.below(people_.size());
    const auto& person = people_[who];
    if (!person.place || choice.chance(45)) {
      const auto place = choice.below(kPlaces.size());
      if (!person.place || person.place->value != place) return {Act::kGo, who, place};
    } else if (person.thing) {
      return {Act::kDrop, who, person.thing->value};
    } else {
      const auto thing = choice.below(kThings.size());
      if (!things_[thing].holder) return {Act::kTake, who, thing};
    }
  }
}

void State::apply(const Event& event, std::size_t line) {
  auto& person = people_[event.who];
  if (event.act == Act::kGo) {
    person.place = Fact{event.what, {line}};
    return;
  }
  auto& thing = things_[event.what];
  if (event.act == Act::kTake) {
    person.thing = Fact{event.what, {line}};
    person.emptied.reset();
    thing = {event.who, {}};
    return;
  }
  person.thing.reset();
  person.emptied = line;
  thing = {};
  if (person.place) {
    thing.left_at = person.place;
    thing.left_at->lines.push_back(line);
  }
}

std::optional<State::Fact> State::place_of(std::size_t person) const { return people_[person].place; }

std::optional<State::Fact> State::held_by(std::size_t person, std::optional<std::size_t>* emptied) const {
  if (emptied) *emptied = people_[person].emptied;
  return people_[person].thing;
}

std::optional<State::Fact> State::place_of_thing(std::size_t thing) const {
  const auto& holder = things_[thing].holder;
  if (!holder) return things_[thing].left_at;
  const auto& person = people_[*holder];
  if (!person.place || !person.thing) return {};
  Fact fact = *person.place;
  fact.lines.push_back(person.thing->lines.at(0));
  std::sort(fact.lines.begin(), fact.lines.end());
  return fact;
}

}  // namespace attend::world
