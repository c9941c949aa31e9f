#include "attend/core/printable.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>

namespace attend {
namespace {

struct Character {
  std::uint32_t code;
  std::size_t size;
};

/// The character at the beginning of `text`; nothing for a byte that begins no UTF-8 (overlong forms and surrogates are none).
std::optional<Character> first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return Character{lead, 1};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return std::nullopt;
  std::uint32_t code = lead & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
    code = code << 6 | (byte(i) & 0x3f);
  }
  const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  if (overlong || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return std::nullopt;
  return Character{code, size};
}

bool acts_on_terminal(std::uint32_t c) {
  if (c == '\n' || c == '\t') return false;
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

std::string printable(std::string_view text, std::size_t most_bytes) {
  std::string out;
  while (!text.empty()) {
    if (out.size() >= most_bytes) {
      out += fmt::format("... ({} bytes more)", text.size());
      break;
    }
    const auto character = first_character(text);
    const std::size_t size = character ? character->size : 1;
    if (!character) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else if (!acts_on_terminal(character->code)) {
      out += text.substr(0, size);
    } else {
      out += character->code < 0x80 ? fmt::format("\\x{:02x}", character->code) : fmt::format("\\u{:04x}", character->code);
    }
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace attend
