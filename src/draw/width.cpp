#include "attend/draw/width.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace attend {
namespace {

struct CodeRange {
  std::int32_t first, last;
};
constexpr CodeRange kAmbiguous[] = {
#include "draw/ambiguous.inc"
};

bool is_ambiguous(std::int32_t code) {
  const auto* range =
      std::lower_bound(std::begin(kAmbiguous), std::end(kAmbiguous), code, [](const CodeRange& r, std::int32_t c) { return r.last < c; });
  return range != std::end(kAmbiguous) && range->first <= code;
}

/// Next code point and its length; code -1 and length 1 for a broken byte.
struct Step {
  std::int32_t code;
  std::size_t length;
};
Step step(std::string_view text) {
  utf8proc_int32_t code = -1;
  const auto length =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()), &code);
  if (length <= 0) return {-1, 1};
  return {code, static_cast<std::size_t>(length)};
}

/// Columns of one code point. utf8proc 2.6 gives some symbols no width (the control pictures among them): whatever has
/// ink and is no combining mark takes one.
int code_width(std::int32_t code, bool wide) {
  if (wide && is_ambiguous(code)) return 2;
  const int width = utf8proc_charwidth(code);
  if (width > 0) return width;
  const auto kind = utf8proc_category(code);
  const bool has_ink =
      (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO) || (kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_SO);
  return has_ink ? 1 : 0;
}

int cluster_width(std::string_view cluster, bool wide) {
  int width = 0, flags = 0;
  for (std::size_t i = 0; i < cluster.size();) {
    const auto [code, length] = step(cluster.substr(i));
    i += length;
    if (code < 0) {
      width = std::max(width, 1);
      continue;
    }
    if (code == 0xFE0F && width > 0) return 2;  // asks for the emoji form of what is before it
    if (code >= 0x1F1E6 && code <= 0x1F1FF) ++flags;
    width = std::max(width, code_width(code, wide));
  }
  return flags >= 2 ? 2 : width;
}

/// Characters without ink that change how their neighbours are shown or read.
bool is_hidden(std::int32_t c) {
  return (c >= 0x80 && c <= 0x9F) || c == 0xAD || c == 0x61C || c == 0x180E || c == 0x200B || c == 0x200E || c == 0x200F ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
         (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF);
}

}  // namespace

std::vector<std::string_view> grapheme_clusters(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  std::int32_t previous = -1;
  utf8proc_int32_t state = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto [code, length] = step(text.substr(i));
    const bool broken = code < 0 || previous < 0;
    if (i > 0 && (broken || utf8proc_grapheme_break_stateful(previous, code, &state))) {
      out.push_back(text.substr(begin, i - begin));
      begin = i;
    }
    if (broken) state = 0;
    previous = code;
    i += length;
  }
  if (begin < text.size()) out.push_back(text.substr(begin));
  return out;
}

int display_width(std::string_view text, bool wide) {
  int width = 0;
  for (const auto cluster : grapheme_clusters(text)) width += cluster_width(cluster, wide);
  return width;
}

std::string clip_text(std::string_view text, int columns, bool wide) {
  if (display_width(text, wide) <= columns) return std::string(text);
  const int ellipsis = display_width("…", wide);
  if (columns < ellipsis) return {};
  std::string out;
  int width = 0;
  for (const auto cluster : grapheme_clusters(text)) {
    width += cluster_width(cluster, wide);
    if (width > columns - ellipsis) break;
    out += cluster;
  }
  return out + "…";
}

std::string visible_text(std::string_view bytes) {
  constexpr int kMostCodes = 32;  // of one cluster; the longest in use (emoji families, Tibetan stacks) have a dozen
  std::string out;
  for (const auto cluster : grapheme_clusters(bytes)) {
    int codes = 0;
    for (std::size_t i = 0; i < cluster.size();) {
      if (++codes > kMostCodes) {
        out += "…";
        break;
      }
      const auto [code, length] = step(cluster.substr(i));
      if (code < 0) {
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(cluster[i]));
      } else if (code < 0x20 || code == 0x7F) {
        utf8proc_uint8_t picture[4];
        const auto size = utf8proc_encode_char(code == 0x7F ? 0x2421 : 0x2400 + code, picture);
        out.append(reinterpret_cast<const char*>(picture), static_cast<std::size_t>(size));
      } else if (is_hidden(code)) {
        out += fmt::format("\\u{:04x}", static_cast<unsigned>(code));
      } else {
        out += cluster.substr(i, length);
      }
      i += length;
    }
  }
  return out;
}

std::string steady_text(std::string_view text) {
  std::string out;
  for (const auto cluster : grapheme_clusters(text)) {
    const auto first = step(cluster);
    const bool pictured = first.code >= 0 && utf8proc_get_property(first.code)->boundclass == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC;
    out += cluster.substr(0, first.length);
    for (std::size_t i = first.length; i < cluster.size();) {
      const auto [code, length] = step(cluster.substr(i));
      if (pictured && code == 0x200D) break;
      const bool varies = (code >= 0xFE00 && code <= 0xFE0F) || (code >= 0x1F3FB && code <= 0x1F3FF) || code == 0x20E3 ||
                          (code >= 0xE0020 && code <= 0xE007F);
      if (!varies) out += cluster.substr(i, length);
      i += length;
    }
  }
  return out;
}

}  // namespace attend
