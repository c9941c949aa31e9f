#include "attend/text/reading_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace attend {
namespace {

constexpr std::size_t kPlacesOfAReason = 3;

}  // namespace

void ReadingReport::leave_out(const std::string& reason, const std::string& place) {
  auto found = std::find_if(reasons_.begin(), reasons_.end(), [&](const auto& r) { return r.name == reason; });
  if (found == reasons_.end()) found = reasons_.insert(reasons_.end(), {reason, 0, {}});
  if (++found->count <= kPlacesOfAReason) found->places.push_back(place);
}

std::uint64_t ReadingReport::left_out() const {
  std::uint64_t all = 0;
  for (const auto& reason : reasons_) all += reason.count;
  return all;
}

std::uint64_t ReadingReport::left_out(const std::string& reason) const {
  const auto found = std::find_if(reasons_.begin(), reasons_.end(), [&](const auto& r) { return r.name == reason; });
  return found == reasons_.end() ? 0 : found->count;
}

std::vector<std::string> ReadingReport::lines() const {
  std::vector<std::string> lines;
  for (const auto& r : reasons_)
    lines.push_back(
        fmt::format("{}: {} left out ({}{})", r.name, r.count, fmt::join(r.places, ", "), r.count > r.places.size() ? ", ..." : ""));
  return lines;
}

}  // namespace attend
