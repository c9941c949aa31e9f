#pragma once
// The terminal: whether there is one, lines in, progress out.
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "attend/data/corpus.h"
#include "attend/draw/terminal.h"
#include "attend/train/texts.h"

namespace attend::cli {

/// A message on standard error. That nobody reads it is no reason to stop.
void say_text(const std::string& text);
template <class... Args>
void say(fmt::format_string<Args...> text, Args&&... args) {
  say_text(fmt::format(text, std::forward<Args>(args)...));
}

bool is_terminal(int descriptor);
bool takes_controls(int descriptor);  ///< a terminal that moves its cursor: TERM=dumb does not
int terminal_width(int descriptor);   ///< columns now, by the terminal, else COLUMNS, else 80
/// auto, truecolour, 256 or ascii; auto asks the terminal, NO_COLOR and TERM.
TerminalColour terminal_colour(const std::string& wanted);
/// What suits the ground of the terminal on standard output: it is asked, else COLORFGBG tells; dark where neither does. kInterrupted when
/// that is what came instead of an answer.
Theme terminal_theme();

/// SIGINT, SIGTERM and SIGHUP remove half-written files and end the program (what was begun of a folder is removed by the next run there);
/// a pipe without a reader and a limit of file sizes become errors of writing.
void watch_signals();
/// Set by the first of those signals once `catch_interrupts` was called; a second signal ends the program at once.
extern std::atomic<bool> interrupted;
void catch_interrupts();
/// catch_interrupts for as long as one of these lives.
class InterruptsWait {
 public:
  InterruptsWait();
  ~InterruptsWait();
  InterruptsWait(const InterruptsWait&) = delete;
  InterruptsWait& operator=(const InterruptsWait&) = delete;

 private:
  bool before_;
};
/// Throws kInterrupted when such a signal came: to be called where work is left undone. What is whole by then is whole.
void stop_if_interrupted();

/// What a reader says of what it read: a line each.
void tell(const std::vector<std::string>& lines, bool quiet);

/// Lines of a file or of standard input (`-`), without CR and byte-order mark. Knows whether the next line is there already, so
/// that a person or a slow pipe gets answers line by line while a file is read in large windows.
class LineReader {
 public:
  /// A line of more than `longest` bytes is kData, with its number.
  explicit LineReader(const std::string& path, std::size_t longest = kLongestLine);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  /// The next line; nothing at the end. A line that is no text is kData, with its number; an interrupt is kInterrupted.
  std::optional<std::string> next();
  /// Up to `most` lines, as many as are there; none at the end. An error waits until the lines before it were handed out.
  std::vector<std::string> window(std::size_t most);
  bool ready();  ///< a line can be had without waiting (or the end was reached)
  bool from_terminal() const { return from_terminal_; }
  const std::string& name() const { return name_; }  ///< for messages
  std::size_t lines() const { return lines_; }       ///< handed out so far

 private:
  bool fill(bool wait);
  std::string name_, buffer_;
  std::size_t longest_, start_ = 0, searched_ = 0, lines_ = 0;
  int descriptor_ = 0;
  bool ended_ = false, from_terminal_ = false;
  std::exception_ptr error_;
};

/// One line on standard error that rewrites itself on a terminal, no longer than that is wide; on anything else, and on a terminal
/// that takes no controls, a plain line now and then.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  void show(const std::string& text, double share);  ///< share of the work done, 0 to 1
  void line(const std::string& text);                ///< a line that stays
  void clear();

 private:
  bool quiet_, rewrites_, shown_ = false;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace attend::cli
