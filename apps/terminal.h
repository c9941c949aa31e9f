#pragma once
// The terminal: whether there is one, lines in, progress out.
#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "attend/draw/terminal.h"
#include "attend/train/texts.h"

namespace attend::cli {

bool is_terminal(int descriptor);
int terminal_width();
TerminalColour terminal_colour(const std::string& wanted);  ///< auto, truecolour, 256 or ascii
using attend::duration_text;

/// Set by SIGINT and SIGTERM once `catch_interrupts` was called; a second signal ends the program at once.
extern std::atomic<bool> interrupted;
void catch_interrupts();

/// Lines of a file or of standard input, CR removed. Knows whether the next line is there already, so that a person or a
/// slow pipe gets answers line by line while a file is read in large windows.
class LineReader {
 public:
  explicit LineReader(const std::string& path);  ///< "-" is standard input
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  std::optional<std::string> next();
  bool ready();  ///< a line can be had without waiting (or the end was reached)
  bool from_terminal() const { return from_terminal_; }

 private:
  bool fill(bool wait);
  std::string path_, buffer_;
  std::size_t start_ = 0;
  int descriptor_ = 0;
  bool ended_ = false, from_terminal_ = false;
};

/// One line on standard error that rewrites itself on a terminal; on anything else a plain line now and then.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  void show(const std::string& text, double share);  ///< share of the work done, 0 to 1
  void line(const std::string& text);                ///< a line that stays
  void clear();

 private:
  bool quiet_, terminal_, shown_ = false;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace attend::cli
