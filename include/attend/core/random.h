#pragma once
// Counter-based randomness: a number depends on its key and place alone, never on what was drawn before or on threads.
#include <cstdint>
#include <initializer_list>

namespace attend {

/// A 64-bit key from a seed and any number of coordinates (splitmix64 finaliser over each in turn).
std::uint64_t random_key(std::uint64_t seed, std::initializer_list<std::uint64_t> coordinates);

/// A small generator for shuffles and choices: stream `key`, position counted by itself. Satisfies
/// UniformRandomBitGenerator, yet shuffles should use `below`, whose results do not depend on the standard library.
/// One thread at a time: every draw moves it on. A stream costs nothing, so threads take one each.
class RandomStream {
 public:
  using result_type = std::uint64_t;
  explicit RandomStream(std::uint64_t key) : key_(key) {}
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return ~result_type{0}; }
  result_type operator()();
  std::uint64_t below(std::uint64_t bound);  ///< uniform in [0, bound), without bias
  double uniform();                          ///< [0, 1) with 53 bits

 private:
  std::uint64_t key_, counter_ = 0;
};

}  // namespace attend
