#include "terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

#include "attend/core/error.h"

namespace attend::cli {
namespace {

void on_signal(int number) {
  interrupted = true;
  std::signal(number, SIG_DFL);  // asked twice: end at once
}

}  // namespace

std::atomic<bool> interrupted{false};

void catch_interrupts() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

bool is_terminal(int descriptor) { return isatty(descriptor) == 1; }

int terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) return size.ws_col;
  if (const char* columns = std::getenv("COLUMNS"); columns && std::atoi(columns) >= 20) return std::atoi(columns);
  return 80;
}

TerminalColour terminal_colour(const std::string& wanted) {
  if (wanted == "truecolour") return TerminalColour::kTruecolour;
  if (wanted == "256") return TerminalColour::k256;
  if (wanted == "ascii" || !is_terminal(STDOUT_FILENO) || std::getenv("NO_COLOR")) return TerminalColour::kAscii;
  const char* depth = std::getenv("COLORTERM");
  return depth && (std::strcmp(depth, "truecolor") == 0 || std::strcmp(depth, "24bit") == 0) ? TerminalColour::kTruecolour
                                                                                             : TerminalColour::k256;
}

LineReader::LineReader(const std::string& path) : path_(path) {
  if (path == "-") {
    descriptor_ = STDIN_FILENO;
    from_terminal_ = is_terminal(STDIN_FILENO);
    return;
  }
  descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ATTEND_CHECK(descriptor_ >= 0, kFile, "{}: cannot be read: {}", path, std::strerror(errno));
}

LineReader::~LineReader() {
  if (descriptor_ > STDIN_FILENO) close(descriptor_);
}

bool LineReader::fill(bool wait) {
  if (ended_) return false;
  if (!wait) {
    pollfd ask{descriptor_, POLLIN, 0};
    if (poll(&ask, 1, 0) <= 0) return false;
  }
  if (start_ > 0) {
    buffer_.erase(0, start_);
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
  ATTEND_CHECK(got >= 0 || interrupted, kFile, "{}: cannot be read: {}", path_, std::strerror(error));
  return got > 0;
}

bool LineReader::ready() {
  while (buffer_.find('\n', start_) == std::string::npos && !ended_)
    if (!fill(false)) return ended_;
  return true;
}

std::optional<std::string> LineReader::next() {
  std::size_t end = std::string::npos;
  while ((end = buffer_.find('\n', start_)) == std::string::npos)
    if (!fill(true)) break;
  if (end == std::string::npos && start_ >= buffer_.size()) return std::nullopt;
  const auto stop = end == std::string::npos ? buffer_.size() : end;
  std::string line = buffer_.substr(start_, stop - start_);
  start_ = end == std::string::npos ? stop : stop + 1;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

ProgressLine::ProgressLine(bool quiet) : quiet_(quiet), terminal_(is_terminal(STDERR_FILENO)) {}

void ProgressLine::show(const std::string& text, double share) {
  if (quiet_) return;
  const auto now = std::chrono::steady_clock::now();
  const auto pause = terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(30000);
  if (now - last_ < pause) return;
  last_ = now;
  if (!terminal_) {
    fmt::print(stderr, "{:3.0f} %  {}\n", 100 * share, text);
    return;
  }
  constexpr int kBar = 20;
  const int full = static_cast<int>(share * kBar);
  std::string bar;
  for (int i = 0; i < kBar; ++i) bar += i < full ? "━" : "─";
  fmt::print(stderr, "\r\x1b[K{} {:3.0f} %  {}", bar, 100 * share, text);
  std::fflush(stderr);
  shown_ = true;
}

void ProgressLine::line(const std::string& text) {
  if (quiet_) return;
  clear();
  fmt::print(stderr, "{}\n", text);
}

void ProgressLine::clear() {
  if (shown_) fmt::print(stderr, "\r\x1b[K");
  shown_ = false;
}

}  // namespace attend::cli
