#include "line_sample.h"

#include <algorithm>

#include "attend/core/random.h"

namespace attend {

void LineSample::add(std::string line) {
  const std::uint64_t position = position_++;
  Entry entry{random_key(seed_, {position}), position, std::move(line)};
  bytes_ += entry.line.size();
  entries_.push_back(std::move(entry));
  if (full_) std::push_heap(entries_.begin(), entries_.end());
  while (entries_.size() > limits_.lines || (bytes_ > limits_.bytes && entries_.size() > 1)) {
    if (!full_) std::make_heap(entries_.begin(), entries_.end());
    full_ = true;
    std::pop_heap(entries_.begin(), entries_.end());
    bytes_ -= entries_.back().line.size();
    entries_.pop_back();
  }
}

std::vector<std::string> LineSample::take() {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.position < b.position; });
  std::vector<std::string> lines;
  lines.reserve(entries_.size());
  for (auto& entry : entries_) lines.push_back(std::move(entry.line));
  entries_.clear();
  return lines;
}

}  // namespace attend
