#pragma once
#include <cstdint>
#include <optional>

namespace attend {

/// part / whole, null where the whole is 0.
inline std::optional<double> share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace attend
