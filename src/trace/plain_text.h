#pragma once
// Text for terminals.
#include <string>
#include <string_view>

namespace attend {

/// The text with control bytes, invisible direction marks and broken UTF-8 written out: \x1b, \u202e. Always valid UTF-8.
std::string printable(std::string_view bytes);

/// Columns on a terminal: a grapheme cluster is as wide as its widest character. `text` must be valid UTF-8.
std::size_t columns_of(std::string_view text);

/// Blanks up to `width` columns, on the left when `right` is set.
std::string padded(const std::string& text, std::size_t width, bool right);

}  // namespace attend
