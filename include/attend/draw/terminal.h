#pragma once
// A scene as lines of text.
#include <cstdint>
#include <string>

#include "attend/draw/scene.h"

namespace attend {

enum class TerminalColour : std::uint8_t {
  kTruecolour,  ///< the scene's own colours
  k256,         ///< the 24 greys of a 256-colour terminal: grey round(23 v); lossy
  kAscii        ///< no escapes: " .:-=+*#%@"[round(9 v)]; lossy. For pipes and files
};

struct TerminalOptions {
  TerminalColour colour = TerminalColour::kTruecolour;
  int width = 80;     ///< columns of the terminal; wider maps continue below, in bands
  bool wide = false;  ///< characters of ambiguous width take two columns (East Asian terminals)
};

/// Small maps show each weight as a number on its tint, sentence-sized ones blocks under upright or vertical labels, large
/// ones half blocks, two rows a line. Control bytes in tokens are shown, never sent. Ends with a newline.
/// Throws kValue for a width below 20.
std::string draw_terminal(const Scene& scene, const TerminalOptions& options = {});

}  // namespace attend
