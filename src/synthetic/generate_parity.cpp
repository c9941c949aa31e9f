#include "attend/core/error.h"
#include "attend/synthetic/generate_files.h"
#include "choice.h"

namespace attend {

std::vector<GeneratedPair> generate_parity(std::uint64_t pairs, std::uint64_t length, std::uint64_t seed) {
  ATTEND_CHECK(length >= 1 && length <= 10'000, kValue, "parity: the length must be 1 to 10000, got {}", length);
  Choice choice(random_key(seed, {13}));
  std::vector<GeneratedPair> result;
  std::vector<std::size_t> places(length);
  for (std::size_t i = 0; i < length; ++i) places[i] = i;
  while (result.size() < pairs) {
    std::vector<int> numbers(length, 0);
    int ones = 0;
    choice.shuffle(places);
    for (std::size_t left = choice.below(length) + 1; left > 0; --left) {
      const bool one = choice.chance(50);
      numbers[places[left - 1]] = one ? 1 : -1;
      ones += one;
    }
    GeneratedPair pair;
    for (const auto number : numbers) pair.source += (pair.source.empty() ? "" : " ") + std::to_string(number);
    pair.target = ones % 2 == 1 ? "1" : "0";
    result.push_back(std::move(pair));
  }
  return result;
}

}  // namespace attend
