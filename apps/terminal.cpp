#include "terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/draw/width.h"
#include "attend/text/unicode.h"

namespace attend::cli {
namespace {

std::atomic<bool> polite{false};

constexpr std::size_t kLineEnd = 5;  // CR, LF and a byte-order mark are no part of a line

void on_signal(int number) {
  if (polite && !interrupted.exchange(true)) return;
  discard_partials();
  std::signal(number, SIG_DFL);
  std::raise(number);  // delivered when this returns
}

}  // namespace

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler reads it");

void watch_signals() {
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  if (std::signal(SIGHUP, on_signal) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);  // nohup asked for that
}

void catch_interrupts() { polite = true; }

InterruptsWait::InterruptsWait() : before_(polite.exchange(true)) {}
InterruptsWait::~InterruptsWait() { polite = before_; }

void stop_if_interrupted() { ATTEND_CHECK(!interrupted, kInterrupted, "interrupted"); }

void tell(const std::vector<std::string>& lines, bool quiet) {
  if (quiet) return;
  for (const auto& line : lines) say("{}\n", line);
}

void say_text(const std::string& text) {
  (void)std::fputs(text.c_str(), stderr);
  (void)std::fflush(stderr);
}

bool is_terminal(int descriptor) { return isatty(descriptor) == 1; }

bool takes_controls(int descriptor) {
  const char* kind = std::getenv("TERM");
  return is_terminal(descriptor) && !(kind && std::strcmp(kind, "dumb") == 0);
}

int terminal_width(int descriptor) {
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  if (const char* columns = std::getenv("COLUMNS"); columns && std::atoi(columns) > 0) return std::atoi(columns);
  return 80;
}

TerminalColour terminal_colour(const std::string& wanted) {
  if (wanted == "truecolour") return TerminalColour::kTruecolour;
  if (wanted == "256") return TerminalColour::k256;
  const char* plain = std::getenv("NO_COLOR");
  if (wanted == "ascii" || !takes_controls(STDOUT_FILENO) || (plain && *plain)) return TerminalColour::kAscii;
  const char* depth = std::getenv("COLORTERM");
  return depth && (std::strcmp(depth, "truecolor") == 0 || std::strcmp(depth, "24bit") == 0) ? TerminalColour::kTruecolour
                                                                                             : TerminalColour::k256;
}

LineReader::LineReader(const std::string& path, std::size_t longest) : name_(path == "-" ? "standard input" : path), longest_(longest) {
  if (path == "-") {
    descriptor_ = STDIN_FILENO;
    from_terminal_ = is_terminal(STDIN_FILENO);
    return;
  }
  descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail_errno(name_, "read", errno);
}

LineReader::~LineReader() {
  if (descriptor_ > STDIN_FILENO) close(descriptor_);
}

bool LineReader::fill(bool wait) {
  if (ended_) return false;
  // poll is not begun again after a signal, as read is; a signal just before it is seen a moment later.
  constexpr int kMoment = 200;  // milliseconds
  for (pollfd ask{descriptor_, POLLIN, 0}; poll(&ask, 1, wait ? kMoment : 0) <= 0;) {
    if (interrupted) ended_ = true;
    if (interrupted || !wait) return false;
  }
  if (start_ > 0) {
    buffer_.erase(0, start_);
    searched_ -= start_;
    start_ = 0;
  }
  const auto old = buffer_.size();
  buffer_.resize(old + 65536);
  ssize_t got = -1;
  do {
    got = read(descriptor_, buffer_.data() + old, 65536);
  } while (got < 0 && errno == EINTR && !interrupted);
  const int error = errno;
  buffer_.resize(old + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got <= 0) ended_ = true;
  if (got < 0 && !interrupted) fail_errno(name_, "read", error);
  return got > 0;
}

bool LineReader::ready() {
  while (buffer_.find('\n', std::max(start_, searched_)) == std::string::npos) {
    searched_ = buffer_.size();
    if (searched_ - start_ > longest_ + kLineEnd) return true;  // next() refuses it
    if (ended_ || !fill(false)) return ended_;
  }
  return true;
}

std::optional<std::string> LineReader::next() {
  std::size_t end = std::string::npos;
  while ((end = buffer_.find('\n', std::max(start_, searched_))) == std::string::npos) {
    searched_ = buffer_.size();
    if (searched_ - start_ > longest_ + kLineEnd) break;  // without an end so far, and too long already
    if (!fill(true)) break;
  }
  stop_if_interrupted();  // half a line is none
  if (end == std::string::npos && start_ >= buffer_.size()) return std::nullopt;
  const auto stop = end == std::string::npos ? buffer_.size() : end;
  std::string line = buffer_.substr(start_, stop - start_);
  start_ = end == std::string::npos ? stop : stop + 1;
  searched_ = start_;
  ++lines_;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (lines_ == 1) {
    check_is_text(line, name_, false);  // of a line alone no form can be told
    if (line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
    if (end == std::string::npos) check_line_ends(line, name_);
  }
  ATTEND_CHECK(line.size() <= longest_, kData, "{}:{}: the line has more than {} bytes; split it", name_, lines_, longest_);
  const auto wrong = first_wrong_byte(line);
  ATTEND_CHECK(wrong == std::string::npos, kData, "{}:{}: {}; convert the file to UTF-8 with iconv", name_, lines_,
               describe_wrong_byte(line, wrong));
  return line;
}

std::vector<std::string> LineReader::window(std::size_t most) {
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  std::vector<std::string> lines;
  try {
    while (lines.size() < most) {
      auto line = next();
      if (!line) break;
      lines.push_back(std::move(*line));
      if (!ready()) break;  // whoever waits for answers line by line gets them
    }
  } catch (const Error&) {
    if (lines.empty()) throw;
    error_ = std::current_exception();
  }
  return lines;
}

ProgressLine::ProgressLine(bool quiet) : quiet_(quiet), rewrites_(takes_controls(STDERR_FILENO)) {}

void ProgressLine::show(const std::string& text, double share) {
  if (quiet_) return;
  const auto now = std::chrono::steady_clock::now();
  const auto pause = rewrites_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(30000);
  if (now - last_ < pause) return;
  last_ = now;
  if (!rewrites_) {
    say("{:3.0f} %  {}\n", 100 * share, text);
    return;
  }
  constexpr int kBar = 20;
  const int full = static_cast<int>(share * kBar);
  std::string bar;
  for (int i = 0; i < kBar; ++i) bar += i < full ? "━" : "─";
  // One column stays free: a full last one would make some terminals go on in the next line.
  const auto line = clip_text(fmt::format("{} {:3.0f} %  {}", bar, 100 * share, text), std::max(1, terminal_width(STDERR_FILENO) - 1));
  say("\r\x1b[K{}", line);
  shown_ = true;
}

void ProgressLine::line(const std::string& text) {
  if (quiet_) return;
  clear();
  say("{}\n", text);
}

void ProgressLine::clear() {
  if (shown_) say("\r\x1b[K");
  shown_ = false;
}

}  // namespace attend::cli
