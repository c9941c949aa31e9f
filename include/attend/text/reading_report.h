#pragma once
// What a reader left out of a file, so that nothing goes without a word.
#include <cstdint>
#include <string>
#include <vector>

namespace attend {

/// Counts what was left out, reason by reason, with the first places of each. Not safe to change from several threads.
class ReadingReport {
 public:
  /// `reason` in the plural: "rows without a label".
  void leave_out(const std::string& reason, const std::string& place);
  std::uint64_t left_out() const;
  std::uint64_t left_out(const std::string& reason) const;
  /// A line a reason, in the order they were met: "rows without a label: 4 left out (a.csv:2, a.csv:7, a.csv:9, ...)".
  std::vector<std::string> lines() const;

 private:
  struct Reason {
    std::string name;
    std::uint64_t count = 0;
    std::vector<std::string> places;
  };
  std::vector<Reason> reasons_;
};

}  // namespace attend
