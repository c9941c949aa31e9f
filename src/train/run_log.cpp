#include "train/run_log.h"

#include <array>
#include <ctime>
#include <fstream>

namespace attend {

void RunLog::say(const std::string& line) {
  const auto now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 32> time{};
  std::strftime(time.data(), time.size(), "%Y-%m-%d %H:%M:%S ", &local);
  const auto stamped = time.data() + line + "\n";
  if (path_.empty()) {
    waiting_.push_back(stamped);
  } else {
    write(stamped);
  }
}

void RunLog::open(const std::string& run) {
  path_ = run + "/train.log";
  for (const auto& line : waiting_) write(line);
  waiting_.clear();
}

void RunLog::write(const std::string& line) const { std::ofstream(path_, std::ios::app | std::ios::binary) << line; }

}  // namespace attend
