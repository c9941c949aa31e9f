// Commands and what they make one do, by the grammar of SCAN (Lake & Baroni 2018, "Generalization without systematicity", figures 6
// and 7): C -> S and S | S after S | S; S -> V twice | V thrice | V; V -> U, U or "turn" with a direction, alone or behind "opposite" or
// "around".
#include <algorithm>
#include <array>
#include <numeric>

#include "attend/core/error.h"
#include "attend/synthetic/generate_files.h"
#include "choice.h"

namespace attend {
namespace {

constexpr std::uint64_t kTask = 23;
constexpr std::array<std::string_view, 4> kVerbs{"walk", "look", "run", "jump"}, kActions{"I_WALK", "I_LOOK", "I_RUN", "I_JUMP"};
constexpr std::array<std::string_view, 2> kDirections{"left", "right"}, kTurns{"I_TURN_LEFT", "I_TURN_RIGHT"};
// Verbs alone; each verb or "turn" towards each direction in three ways.
constexpr std::size_t kMoves = kVerbs.size() + 3 * (kVerbs.size() + 1) * kDirections.size();  // 34
constexpr std::size_t kClauses = 3 * kMoves;                                                  // once, twice, thrice
constexpr std::size_t kCommands = kClauses + 2 * kClauses * kClauses;                         // 20,910

struct Action {
  std::string_view name;
  std::uint32_t from;  // the word that asks for it
};
struct Phrase {
  std::vector<std::string_view> words;
  std::vector<Action> actions;
};

Phrase move(std::size_t number) {
  if (number < kVerbs.size()) return {{kVerbs[number]}, {{kActions[number], 0}}};
  number -= kVerbs.size();
  const auto direction = number % kDirections.size(), verb = number / kDirections.size() % (kVerbs.size() + 1);
  const auto manner = number / (kDirections.size() * (kVerbs.size() + 1));  // plain, opposite, around
  const bool turns_only = verb == kVerbs.size();
  Phrase p{{turns_only ? "turn" : kVerbs[verb]}, {}};
  if (manner > 0) p.words.push_back(manner == 1 ? "opposite" : "around");
  p.words.push_back(kDirections[direction]);
  const Action turn{kTurns[direction], static_cast<std::uint32_t>(p.words.size() - 1)};
  const auto act = [&] {
    if (!turns_only) p.actions.push_back({kActions[verb], 0});
  };
  if (manner < 2) {
    p.actions.assign(manner + 1, turn);
    act();
    return p;
  }
  for (int quarter = 0; quarter < 4; ++quarter) {
    p.actions.push_back(turn);
    act();
  }
  return p;
}

Phrase clause(std::size_t number) {
  auto p = move(number % kMoves);
  const auto times = number / kMoves;
  if (times == 0) return p;
  p.words.push_back(times == 1 ? "twice" : "thrice");
  const auto once = p.actions;
  for (std::size_t i = 0; i < times; ++i) p.actions.insert(p.actions.end(), once.begin(), once.end());
  return p;
}

Phrase command(std::size_t number) {
  if (number < kClauses) return clause(number);
  number -= kClauses;
  const bool after = number >= kClauses * kClauses;
  number %= kClauses * kClauses;
  auto first = clause(number / kClauses), second = clause(number % kClauses);
  first.words.push_back(after ? "after" : "and");
  for (auto& action : second.actions) action.from += static_cast<std::uint32_t>(first.words.size());
  first.words.insert(first.words.end(), second.words.begin(), second.words.end());
  auto& actions = after ? second.actions : first.actions;
  const auto& rest = after ? first.actions : second.actions;
  actions.insert(actions.end(), rest.begin(), rest.end());
  return {std::move(first.words), std::move(actions)};
}

}  // namespace

std::vector<GeneratedPair> generate_commands(std::uint64_t pairs, std::uint64_t seed) {
  ATTEND_CHECK(pairs <= kCommands, kValue, "commands: {} pairs were asked for, training, dev and test together, and the grammar has {}",
               pairs, kCommands);
  std::vector<std::size_t> numbers(kCommands);
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  Choice(random_key(seed, {kTask})).shuffle(numbers);
  numbers.resize(pairs);
  std::vector<GeneratedPair> all;
  for (const auto number : numbers) {
    const auto p = command(number);
    GeneratedPair pair{.source = fmt::format("{}", fmt::join(p.words, " ")), .target = {}, .links = {}};
    for (std::uint32_t t = 0; t < p.actions.size(); ++t) {
      if (t > 0) pair.target += ' ';
      pair.target += p.actions[t].name;
      pair.links.push_back({p.actions[t].from, t, true});
    }
    std::stable_sort(pair.links.begin(), pair.links.end(), [](const GoldLink& a, const GoldLink& b) { return a.source < b.source; });
    all.push_back(std::move(pair));
  }
  return all;
}

}  // namespace attend
