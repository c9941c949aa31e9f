#pragma once
// A bounded sample of a text of any size.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attend {

/// Keeps all lines while they fit; beyond that a uniform choice that depends on the seed and the lines' positions alone:
/// each line has a random rank, and those of lowest rank stay.
class LineSample {
 public:
  struct Limits {
    std::size_t lines;
    std::size_t bytes;
  };
  LineSample(Limits limits, std::uint64_t seed) : limits_(limits), seed_(seed) {}
  void add(std::string line);
  /// The kept lines in the order of the text.
  std::vector<std::string> take();

 private:
  struct Entry {
    std::uint64_t rank, position;
    std::string line;
    bool operator<(const Entry& other) const { return rank != other.rank ? rank < other.rank : position < other.position; }
  };
  Limits limits_;
  std::uint64_t seed_, position_ = 0;
  std::size_t bytes_ = 0;
  bool full_ = false;
  std::vector<Entry> entries_;  // a heap with the highest rank on top once full
};

}  // namespace attend
