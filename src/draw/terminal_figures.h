#pragma once
// Pictures and lists as lines of a terminal.
#include <vector>

#include "draw/terminal_ink.h"

namespace attend {

/// The picture and, for each row, the picture under its weights: two pixels in a character. In ASCII each row's weights, as a matrix.
std::vector<TerminalLine> image_lines(const Scene& scene, const TerminalOptions& options);

/// A line per source token: its text and its weights as numbers on their tint; the answer last.
std::vector<TerminalLine> list_lines(const Scene& scene, const TerminalOptions& options);

}  // namespace attend
