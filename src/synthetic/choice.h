#pragma once
// Random choices of the generators, and what only a test set may hold.
#include <cstdint>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "attend/core/random.h"

namespace attend {

/// 64 bits of a text, the same everywhere.
std::uint64_t text_hash(std::string_view text);

/// True for the combinations that only the test set may hold: `per_mille` of all texts, chosen by the seed and the task's number.
bool held_out(std::uint64_t seed, std::uint64_t task, std::string_view combination, std::uint64_t per_mille);

class Choice {
 public:
  explicit Choice(std::uint64_t key) : stream_(key) {}
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(stream_.below(bound)); }
  bool chance(std::uint64_t per_cent) { return stream_.below(100) < per_cent; }
  double between(double low, double high) { return low + (high - low) * stream_.uniform(); }
  template <class List>
  const auto& pick(const List& list) {
    return list[below(std::size(list))];
  }
  template <class Item>
  void shuffle(std::vector<Item>& list) {
    for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[below(i)]);
  }

 private:
  RandomStream stream_;
};

}  // namespace attend
