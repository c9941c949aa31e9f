// What the program shows on a terminal.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <cstdlib>

#include "attend/draw/colour.h"
#include "attend/draw/width.h"
#include "cli/program.h"

namespace attend {
namespace {

class Terminal : public Cli {
 protected:
  // What the program writes on a terminal of this kind that is `columns` wide: what it says, or its output. Once the terminal was asked
  // for its kind it gives `answer`.
  static std::string shown(const char* kind, unsigned short columns, const std::vector<std::string>& arguments, bool output = false,
                           const std::string& answer = "") {
    const TempFolder scratch;
    const int screen = posix_openpt(O_RDWR | O_NOCTTY);
    EXPECT_TRUE(screen >= 0 && grantpt(screen) == 0 && unlockpt(screen) == 0);
    const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(ioctl(screen, TIOCSWINSZ, &size), 0);
    const std::string name = ptsname(screen);
    const int held = open(name.c_str(), O_RDWR | O_NOCTTY);  // so that the screen does not close before the program opens it
    const char* before = std::getenv("TERM");
    const std::string term = before ? before : "";
    setenv("TERM", kind, 1);
    const pid_t child = start(arguments, "/dev/null", output ? name : scratch / "out", output ? scratch / "err" : name);
    setenv("TERM", term.c_str(), 1);
    // The terminal holds little, so it is read while the program runs; `held` would keep the end from coming.
    std::string text;
    bool ended = false, answered = answer.empty();
    fcntl(screen, F_SETFL, O_NONBLOCK);
    for (int status = 0; !ended;) {
      ended = waitpid(child, &status, WNOHANG) == child;
      char block[4096];
      for (ssize_t got = 0; (got = read(screen, block, sizeof block)) > 0;) text.append(block, static_cast<std::size_t>(got));
      if (!answered && text.find("\x1b[c") != std::string::npos) {
        answered = true;
        EXPECT_EQ(::write(screen, answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
      }
      usleep(10000);
    }
    close(held);
    close(screen);
    return text;
  }

  std::string training_says(const char* kind, unsigned short columns) const {
    return shown(kind, columns, train_arguments(folder_ / kind, {"--set", "train.steps=300"}));
  }

  static std::string drawn_on(const std::string& answer) {
    const auto record = *shared_ / "drawn.record.npz";
    if (!fs::exists(record)) {
      EXPECT_EQ(run({"translate", *shared_ / "run", "--record", record}, "a b c\n").code, 0);
    }
    return shown("xterm-256color", 80, {"draw", record, "--colour", "truecolour"}, true, answer);
  }
};

TEST_F(Terminal, APictureSuitsItsGround) {
  const auto dark = drawn_on("\x1b]11;rgb:1c1c/1c1c/1c1c\x07\x1b[?62;c"), light = drawn_on("\x1b]11;rgb:ff/ff/f0\x1b\\\x1b[?1;2c");
  const auto ground = [](Theme theme) {
    const Rgb none = colour_table(Palette::kSequential, theme)[0];
    return fmt::format("\x1b[38;2;{};{};{}m█", none.r, none.g, none.b);  // where the bar of colours begins
  };
  EXPECT_NE(dark.find(ground(Theme::kDark)), std::string::npos) << dark;
  EXPECT_EQ(dark.find(ground(Theme::kLight)), std::string::npos);
  EXPECT_NE(light.find(ground(Theme::kLight)), std::string::npos) << light;
  EXPECT_EQ(light.find("rgb:"), std::string::npos);  // the answer is not shown
  // A wrong path is said before the terminal is asked anything.
  EXPECT_EQ(shown("xterm-256color", 80, {"draw", *shared_ / "none.npz"}, true).find('\x1b'), std::string::npos);
  // One that knows neither question is dark unless its shell says otherwise.
  EXPECT_NE(drawn_on("").find(ground(Theme::kDark)), std::string::npos);
  setenv("COLORFGBG", "0;default;15", 1);
  EXPECT_NE(drawn_on("").find(ground(Theme::kLight)), std::string::npos);
  unsetenv("COLORFGBG");
}

TEST_F(Terminal, AnInterruptedQuestionLeavesItAsItWas) {
  EXPECT_EQ(run({"translate", *shared_ / "run", "--record", folder_ / "a.npz"}, "a b c\n").code, 0);
  const int screen = posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_TRUE(screen >= 0 && grantpt(screen) == 0 && unlockpt(screen) == 0);
  const std::string name = ptsname(screen);
  const int held = open(name.c_str(), O_RDWR | O_NOCTTY);
  setenv("TERM", "xterm-256color", 1);
  const pid_t child = start({"draw", folder_ / "a.npz"}, "/dev/null", name, folder_ / "err");
  fcntl(screen, F_SETFL, O_NONBLOCK);
  std::string text;
  ASSERT_TRUE(wait_until([&] {
    char block[256];
    for (ssize_t got = 0; (got = read(screen, block, sizeof block)) > 0;) text.append(block, static_cast<std::size_t>(got));
    return text.find("\x1b[c") != std::string::npos;
  }));
  termios asking{}, after{};
  ASSERT_EQ(tcgetattr(held, &asking), 0);
  kill(child, SIGINT);
  EXPECT_NE(wait_for(child), 0);
  ASSERT_EQ(tcgetattr(held, &after), 0);
  EXPECT_EQ(asking.c_lflag & ECHO, 0U);
  EXPECT_NE(after.c_lflag & ECHO, 0U);
  EXPECT_NE(after.c_lflag & ICANON, 0U);
  close(held);
  close(screen);
}

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
