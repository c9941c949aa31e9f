// What the program shows on a terminal.
#include <sys/ioctl.h>

#include <cstdlib>

#include "attend/draw/width.h"
#include "cli/program.h"

namespace attend {
namespace {

class Terminal : public Cli {
 protected:
  // What a training says on a terminal of this kind that is `columns` wide.
  std::string training_says(const char* kind, unsigned short columns) const {
    const int screen = posix_openpt(O_RDWR | O_NOCTTY);
    EXPECT_TRUE(screen >= 0 && grantpt(screen) == 0 && unlockpt(screen) == 0);
    const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(ioctl(screen, TIOCSWINSZ, &size), 0);
    const std::string name = ptsname(screen);
    const int held = open(name.c_str(), O_RDWR | O_NOCTTY);  // so that the screen does not close before the program opens it
    const char* before = std::getenv("TERM");
    const std::string term = before ? before : "";
    setenv("TERM", kind, 1);
    const pid_t child = start(train_arguments(folder_ / kind, {"--set", "train.steps=300"}), "/dev/null", folder_ / "out", name);
    setenv("TERM", term.c_str(), 1);
    // The terminal holds little, so it is read while the program runs; `held` would keep the end from coming.
    std::string text;
    bool ended = false;
    fcntl(screen, F_SETFL, O_NONBLOCK);
    for (int status = 0; !ended;) {
      ended = waitpid(child, &status, WNOHANG) == child;
      char block[4096];
      for (ssize_t got = 0; (got = read(screen, block, sizeof block)) > 0;) text.append(block, static_cast<std::size_t>(got));
      usleep(10000);
    }
    close(held);
    close(screen);
    return text;
  }
};

TEST_F(Terminal, ProgressFitsIntoALine) {
  constexpr int kColumns = 38;
  const auto text = training_says("xterm", kColumns);
  const std::string begin = "\r\x1b[K";
  int lines = 0;
  for (auto at = text.find(begin); at != std::string::npos; at = text.find(begin, at + 1)) {
    const auto from = at + begin.size();
    const auto line = text.substr(from, text.find_first_of("\r\n", from) - from);
    if (!line.starts_with("━") && !line.starts_with("─")) continue;
    ++lines;
    EXPECT_LT(display_width(line), kColumns) << line;
  }
  EXPECT_GT(lines, 0) << text;
}

TEST_F(Terminal, ADumbOneGetsNoControls) {
  const auto text = training_says("dumb", 80);
  EXPECT_NE(text.find("\nupdate 20 "), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
}

}  // namespace
}  // namespace attend
