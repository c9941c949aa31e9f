#include "trace/plain_text.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>

#include "attend/text/unicode.h"

namespace attend {
namespace {

// Emoji and several scripts need the two joiners; they change how their neighbours look, not where text runs.
bool hidden(char32_t c) {
  const auto kind = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return kind == UTF8PROC_CATEGORY_CC || (kind == UTF8PROC_CATEGORY_CF && c != 0x200C && c != 0x200D);
}

}  // namespace

std::string printable(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const auto sound = bytes.substr(0, first_broken_byte(bytes));
    for (std::size_t at = 0; at < sound.size();) {
      const auto begin = at;
      const auto c = next_character(sound, at);
      if (hidden(c)) {
        out += c < 0x80 ? fmt::format("\\x{:02x}", static_cast<unsigned>(c)) : fmt::format("\\u{:04x}", static_cast<unsigned>(c));
      } else {
        out += sound.substr(begin, at - begin);
      }
    }
    bytes.remove_prefix(sound.size());
    if (bytes.empty()) break;
    out += fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes.front()));
    bytes.remove_prefix(1);
  }
  return out;
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0, at = 0;
  for (const auto end : grapheme_ends(text)) {
    int widest = 0;
    while (at < end) widest = std::max(widest, utf8proc_charwidth(static_cast<utf8proc_int32_t>(next_character(text, at))));
    columns += static_cast<std::size_t>(widest);
  }
  return columns;
}

std::string padded(const std::string& text, std::size_t width, bool right) {
  const std::string blanks(width - std::min(width, columns_of(text)), ' ');
  return right ? blanks + text : text + blanks;
}

}  // namespace attend
