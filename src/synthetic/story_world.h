#pragma once
// The small world of the stories and clozes: people, places, things and what may happen, in English and Chinese.
#include <array>
#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "choice.h"

namespace attend::world {

struct Named {
  const char *english, *chinese;
};
inline constexpr std::array<Named, 8> kPeople{{{"Anna", "安娜"},
                                               {"Otto", "奥托"},
                                               {"Mina", "米娜"},
                                               {"Hugo", "雨果"},
                                               {"Lena", "莱娜"},
                                               {"Emil", "埃米"},
                                               {"Rosa", "罗莎"},
                                               {"Igor", "伊戈"}}};
inline constexpr std::array<Named, 8> kPlaces{{{"kitchen", "厨房"},
                                               {"garden", "花园"},
                                               {"cellar", "地窖"},
                                               {"attic", "阁楼"},
                                               {"library", "书房"},
                                               {"workshop", "车间"},
                                               {"hall", "大厅"},
                                               {"shed", "棚子"}}};
inline constexpr std::array<Named, 8> kThings{{{"kite", "风筝"},
                                               {"lantern", "灯笼"},
                                               {"basket", "篮子"},
                                               {"hammer", "锤子"},
                                               {"violin", "提琴"},
                                               {"teapot", "茶壶"},
                                               {"ball", "皮球"},
                                               {"map", "地图"}}};

enum class Act { kGo, kTake, kDrop };

/// Person `who` goes to place `what`, or takes or drops thing `what`.
struct Event {
  Act act = Act::kGo;
  std::size_t who = 0, what = 0;
  auto operator<=>(const Event&) const = default;
  /// "Anna kitchen": what training may be denied.
  std::string bond() const;
};

/// True when only the test set may bring the two together.
bool only_in_test(std::uint64_t seed, const Event& event);

/// One of several ways to say it; tokens between spaces, the full stop of Chinese a token, of English not (the caller's matter).
std::string english(const Event& event, Choice& choice);
std::string chinese(const Event& event, Choice& choice);

/// Who is where and holds what, after the events so far.
class State {
 public:
  /// An event that makes sense now: nobody goes where they are, holds two things or takes what another holds.
  Event next(Choice& choice) const;
  /// Remembers the event as line `line` (any number the caller likes).
  void apply(const Event& event, std::size_t line);

  struct Fact {
    std::size_t value = 0;           ///< place or thing
    std::vector<std::size_t> lines;  ///< that say so, the oldest first
  };
  std::optional<Fact> place_of(std::size_t person) const;
  /// The thing in hand; `empty` is set to the line of the drop when the hands are known to be empty.
  std::optional<Fact> held_by(std::size_t person, std::optional<std::size_t>* emptied = nullptr) const;
  /// Where a thing is: with its holder, or where it was dropped. Needs to know a place.
  std::optional<Fact> place_of_thing(std::size_t thing) const;

 private:
  struct Person {
    std::optional<Fact> place, thing;
    std::optional<std::size_t> emptied;
  };
  struct Thing {
    std::optional<std::size_t> holder;
    std::optional<Fact> left_at;
  };
  std::array<Person, kPeople.size()> people_;
  std::array<Thing, kThings.size()> things_;
};

}  // namespace attend::world
