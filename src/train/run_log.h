#pragma once
// RUN/train.log: what a run said, with the time.
#include <string>
#include <vector>

namespace attend {

/// Keeps what is said until the run has a folder, then appends to its file. A log that cannot be written ends no run.
class RunLog {
 public:
  void say(const std::string& line);
  void open(const std::string& run);  ///< lines said so far are written first

 private:
  void write(const std::string& line) const;
  std::string path_;
  std::vector<std::string> waiting_;
};

}  // namespace attend
