#pragma once
// What a terminal is told to show: escapes, tints, hatching, and lines that know their width.
#include <string>
#include <string_view>

#include "attend/draw/terminal.h"

namespace attend {

/// A line under construction: its bytes and the columns they take.
struct TerminalLine {
  std::string bytes;
  int width = 0;
};

class TerminalInk {
 public:
  static constexpr char kLevels[] = " .:-=+*#%@";

  TerminalInk(const Scene& scene, const TerminalOptions& options) : scene_(scene), options_(options) {}

  bool ascii() const { return options_.colour == TerminalColour::kAscii; }
  std::string escape(const std::string& codes) const { return ascii() ? "" : "\x1b[" + codes + "m"; }
  std::string bold() const { return escape("1"); }
  std::string dim() const { return escape("2"); }
  std::string reset() const { return escape("0"); }

  /// The codes of value v's colour as ink.
  std::string as_ink(float v) const { return colour(v, 38); }
  /// The codes of value v's colour as ground.
  std::string as_ground(float v) const { return colour(v, 48); }
  /// The codes of any colour; in 256 colours the nearest of the 240 that every terminal shows alike.
  std::string as_ink(Rgb c) const { return colour(c, 38); }
  std::string as_ground(Rgb c) const { return colour(c, 48); }
  /// Value v's ground with an ink that reads on it, as a whole escape; nothing in ASCII.
  std::string tint(float v) const;
  char level(float v) const;

  /// Of steady_text, which is what put() writes.
  int width_of(std::string_view text) const;
  void put(TerminalLine& to, std::string_view text) const;
  void pad(TerminalLine& to, int width) const;
  /// `width` columns of a cell that no query may see.
  void hatch(TerminalLine& to, int width) const;

 private:
  std::string colour(float v, int layer) const;
  std::string colour(Rgb c, int layer) const;
  int grey(float v) const;

  const Scene& scene_;
  const TerminalOptions& options_;
};

}  // namespace attend
