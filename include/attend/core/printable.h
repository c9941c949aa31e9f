#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace attend {

/// `text` as it may go to a terminal: control characters (tab and line feed excepted), characters that turn the direction of writing
/// and bytes that are no UTF-8 are written as \x1b or \u202e, and what is longer than `most_bytes` is cut. A message may quote a
/// file, and a file may hold what moves the cursor, sets the title or forges a line. Safe to call from several threads at once.
std::string printable(std::string_view text, std::size_t most_bytes = 16384);

}  // namespace attend
