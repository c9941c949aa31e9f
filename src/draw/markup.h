#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace attend {

/// RFC 4648, with padding.
std::string base64(std::span<const std::uint8_t> bytes);
inline std::string base64(std::string_view bytes) {
  return base64(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

/// Text made safe inside elements and double-quoted attributes of XML and HTML.
std::string escape_markup(std::string_view text);

}  // namespace attend
