#include "attend/core/random.h"

#include "attend/core/error.h"

namespace attend {
namespace {

std::uint64_t mix(std::uint64_t x) {  // splitmix64 (Steele, Lea & Flood 2014)
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

std::uint64_t random_key(std::uint64_t seed, std::initializer_list<std::uint64_t> coordinates) {
  // The constant sets a key apart from its place in the chain: without it seed and coordinate could change places, and a
  // stream's draws would be the keys of its own sub-streams.
  constexpr std::uint64_t kStep = 0xd1b54a32d192ed03ULL;
  std::uint64_t key = mix(seed);
  for (const auto c : coordinates) key = mix(mix(key + kStep) ^ c);  // for one prefix, different c give different keys
  return key;
}

RandomStream::result_type RandomStream::operator()() { return mix(key_ ^ mix(counter_++)); }

std::uint64_t RandomStream::below(std::uint64_t bound) {
  ATTEND_ASSERT(bound > 0);
  const std::uint64_t limit = max() - max() % bound;  // reject the incomplete last block
  std::uint64_t draw = (*this)();
  while (draw >= limit) draw = (*this)();
  return draw % bound;
}

double RandomStream::uniform() { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }

}  // namespace attend
