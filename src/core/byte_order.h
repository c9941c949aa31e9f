#pragma once
// Little-endian numbers in byte strings, whatever their alignment.
#include <bit>
#include <cstring>
#include <string>
#include <string_view>

namespace attend {

static_assert(std::endian::native == std::endian::little, "arrays are written and mapped as they lie in memory");

template <class Number>
void put(std::string& out, Number value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

/// The caller has checked that the number lies inside `bytes`.
template <class Number>
Number get(std::string_view bytes, std::size_t at) {
  Number value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace attend
