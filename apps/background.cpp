// What colour the terminal writes on.
#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "terminal.h"

namespace attend::cli {
namespace {

constexpr std::chrono::milliseconds kPatience(300);  // terminals answer within a few, over a slow line within a hundred

// Keys that are pressed meanwhile are not shown, and neither is the answer.
class Silence {
 public:
  explicit Silence(int terminal) : terminal_(terminal) {
    if (tcgetattr(terminal_, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    silent.c_cc[VMIN] = 0, silent.c_cc[VTIME] = 0;
    silent_ = tcsetattr(terminal_, TCSADRAIN, &silent) == 0;
  }
  ~Silence() {
    if (silent_) tcsetattr(terminal_, TCSADRAIN, &before_);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  explicit operator bool() const { return silent_; }

 private:
  int terminal_;
  termios before_{};
  bool silent_ = false;
};

// What the terminal says to `question`, whose last part asks for its kind: up to the c that ends that answer; less where none comes in
// time.
std::string ask(int terminal, std::string_view question) {
  std::string answer;
  pollfd wait{terminal, POLLIN, 0};
  if (poll(&wait, 1, 0) != 0) return answer;  // keys were pressed already, and belong to whoever reads next
  if (write(terminal, question.data(), question.size()) != static_cast<ssize_t>(question.size())) return answer;
  const auto until = std::chrono::steady_clock::now() + kPatience;
  const auto left = [&] { return std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count(); };
  while (left() > 0 && poll(&wait, 1, static_cast<int>(left())) > 0) {
    char letter = 0;
    if (read(terminal, &letter, 1) != 1) break;
    answer += letter;
    if (letter == 'c' && answer.find("\x1b[?") != std::string::npos) break;
  }
  return answer;
}

// "rgb:ffff/ffff/ffff", of one to four digits each, as a share of white.
std::optional<double> brightness_of(std::string_view answer) {
  const auto at = answer.find("rgb:");
  if (at == std::string_view::npos) return std::nullopt;
  const char *now = answer.data() + at + 4, *last = answer.data() + answer.size();
  constexpr double kShare[] = {0.299, 0.587, 0.114};
  double sum = 0;
  for (const double share : kShare) {
    unsigned value = 0;
    const auto [end, problem] = std::from_chars(now, last, value, 16);
    if (problem != std::errc() || end - now > 4) return std::nullopt;
    sum += share * value / ((1U << 4 * static_cast<unsigned>(end - now)) - 1);
    now = end < last && *end == '/' ? end + 1 : end;
  }
  return sum;
}

// The colour itself (OSC 11). Every terminal answers the second question (DA1), which is why one that does not know the first costs no
// time.
std::optional<double> asked_brightness(int terminal) {
  const auto group = tcgetpgrp(terminal);
  if ((fcntl(terminal, F_GETFL) & O_ACCMODE) != O_RDWR || (group >= 0 && group != getpgrp())) return std::nullopt;
  const InterruptsWait interrupts_wait;  // so that the terminal is left as it was
  const Silence silence(terminal);
  if (!silence) return std::nullopt;
  return brightness_of(ask(terminal, "\x1b]11;?\x07\x1b[c"));
}

// COLORFGBG ends with the number of the background among the sixteen colours: 7 and those from 9 on are bright.
std::optional<bool> told_dark() {
  const char* told = std::getenv("COLORFGBG");
  if (!told) return std::nullopt;
  const std::string_view text(told);
  const auto last = text.substr(text.find_last_of(';') + 1);
  int colour = -1;
  if (std::from_chars(last.data(), last.data() + last.size(), colour).ec != std::errc()) return std::nullopt;
  return colour < 7 || colour == 8;
}

}  // namespace

Theme terminal_theme() {
  const auto brightness = asked_brightness(STDOUT_FILENO);
  stop_if_interrupted();
  if (brightness) return *brightness < 0.5 ? Theme::kDark : Theme::kLight;
  return told_dark().value_or(true) ? Theme::kDark : Theme::kLight;
}

}  // namespace attend::cli
