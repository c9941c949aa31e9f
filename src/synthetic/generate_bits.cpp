#include "attend/core/error.h"
#include "attend/synthetic/generate_files.h"
#include "choice.h"

namespace attend {

std::vector<GeneratedPair> generate_bits(std::uint64_t pairs, std::uint64_t shortest, std::uint64_t longest, std::uint64_t seed) {
  ATTEND_CHECK(shortest >= 1 && shortest <= longest && longest <= 10'000, kValue,
               "bits: lengths must be 1 to 10000, the shortest first, got {} and {}", shortest, longest);
  Choice choice(random_key(seed, {31}));
  std::vector<GeneratedPair> result(pairs);
  for (auto& pair : result) {
    const auto length = shortest + choice.below(longest - shortest + 1);
    for (std::uint32_t t = 0; t < length; ++t) {
      if (t > 0) pair.source += ' ';
      for (const auto vector = choice.below(256); const int bit : {7, 6, 5, 4, 3, 2, 1, 0}) pair.source += (vector >> bit) & 1 ? '1' : '0';
      pair.links.push_back({t, t});
    }
    pair.target = pair.source;
  }
  return result;
}

}  // namespace attend
