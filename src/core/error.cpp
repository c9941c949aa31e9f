#include "attend/core/error.h"

#include <algorithm>
#include <numeric>

#include "core/edit_distance.h"

namespace attend {
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitute = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row.back();
}

void assertion_failed(const char* condition, const char* file, int line) {
  throw std::logic_error(fmt::format("{}:{}: assertion failed: {} (a bug in attend, please report it)", file, line, condition));
}

std::string nearest_name(std::string_view got, std::span<const std::string> valid) {
  std::string best;
  if (got.size() > kLongestMisspelt) return best;
  std::size_t best_distance = std::max<std::size_t>(2, got.size() / 3) + 1;
  for (const auto& name : valid) {
    if (name.size() > kLongestMisspelt) continue;
    const auto distance = edit_distance(got, name);
    if (distance < best_distance) {
      best = name;
      best_distance = distance;
    }
  }
  return best;
}

void fail_unknown_name(std::string_view who, std::string_view got, std::span<const std::string> valid) {
  constexpr std::size_t kMostShown = 60;  // a list of all tensors of a model would hide the message
  constexpr std::size_t kLongest = 200;   // of a name, which may come from a file
  const auto near = nearest_name(got, valid);
  const auto more = valid.size() > kMostShown ? fmt::format(" and {} more", valid.size() - kMostShown) : std::string();
  std::vector<std::string> shown;
  for (const auto& name : valid.first(std::min(kMostShown, valid.size()))) shown.push_back(name.substr(0, kLongest));
  fail(ErrorKind::kUnknownName, "{}: '{}' is not known{}; valid: {}{}", who, got.substr(0, kLongest),
       near.empty() ? "" : fmt::format(", did you mean '{}'?", near), fmt::join(shown, ", "), more);
}

}  // namespace attend
