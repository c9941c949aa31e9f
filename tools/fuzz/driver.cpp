// The driver: replays seeds, and with --seconds goes on from them by the clock.
//
//   fuzz [--seconds N] [--target NAME] [--save FOLDER] SEEDS     SEEDS/<target>/ holds the inputs of each target
//   fuzz --make-seeds SEEDS
//
// An input that breaks its target is written to FOLDER (the present one) as failure-<target>, and the exit code is 1. Where the
// readers were built with -fsanitize-coverage=trace-pc, inputs that reach a new place are kept and changed further.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "fuzz.h"

namespace {

std::array<std::uint8_t, 1 << 16> places;  // reached by the present input
std::size_t new_places = 0;                // not reached by any input before

}  // namespace

// Called by gcc at every edge. It must not be instrumented itself, so this file is compiled without the flag.
extern "C" void __sanitizer_cov_trace_pc();  // NOLINT
extern "C" void __sanitizer_cov_trace_pc() {
  const auto at = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  auto& place = places[(at ^ at >> 16) & (places.size() - 1)];
  new_places += place == 0;
  place = 1;
}
extern "C" void __sanitizer_set_death_callback(void (*)()) __attribute__((weak));  // NOLINT: there under AddressSanitizer

namespace attend::fuzz {
namespace {

constexpr unsigned kMostSeconds = 10;  // of one input; a hang is a fault

const Target kTargets[] = {
#define TARGET(name) {#name, run_##name, std::string_view(#name) == "record" || std::string_view(#name) == "zip" ? mutated_zip : nullptr},
#include "targets.def"
#undef TARGET
};

// For signal handlers: the input being read, and where it goes.
std::string_view present;
char failure_path[4096];

void write_failure() {
  const int file = ::open(failure_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return;
  for (std::size_t at = 0; at < present.size();) {
    const auto got = ::write(file, present.data() + at, present.size() - at);
    if (got <= 0) break;
    at += static_cast<std::size_t>(got);
  }
  ::close(file);
}

void on_signal(int number) {
  write_failure();
  const char* text = number == SIGALRM ? "fuzz: an input takes more than 10 seconds: " : "fuzz: an input ends the program: ";
  (void)!::write(STDERR_FILENO, text, std::strlen(text));
  (void)!::write(STDERR_FILENO, failure_path, std::strlen(failure_path));
  (void)!::write(STDERR_FILENO, "\n", 1);
  ::_exit(1);
}

/// Reads one input; false when it broke something.
bool survives(const Target& target, std::string_view bytes) {
  present = bytes;
  ::alarm(kMostSeconds);
  bool sound = true;
  try {
    target.run(bytes);
  } catch (const Error&) {
  } catch (const std::exception& e) {
    write_failure();
    std::fprintf(stderr, "fuzz: %s: not an attend::Error: %s; the input is in %s\n", target.name, e.what(), failure_path);
    sound = false;
  }
  ::alarm(0);
  return sound;
}

std::vector<std::string> seeds_of(const Target& target, const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> paths, seeds;
  const auto own = folder + "/" + target.name;
  if (fs::is_directory(own))
    for (const auto& entry : fs::directory_iterator(own)) paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) seeds.push_back(read_file(path));
  return seeds;
}

struct Choices {
  double seconds = 0;
  std::string target, save = ".", seeds;
};

bool run(const Target& target, const Choices& choices) {
  std::snprintf(failure_path, sizeof failure_path, "%s/failure-%s", choices.save.c_str(), target.name);
  auto corpus = seeds_of(target, choices.seeds);
  if (corpus.empty()) {
    std::fprintf(stderr, "fuzz: %s has no seeds in %s\n", target.name, choices.seeds.c_str());
    return false;
  }
  places.fill(0);
  for (const auto& seed : corpus)
    if (!survives(target, seed)) return false;
  const auto replayed = corpus.size();
  const auto begin = std::chrono::steady_clock::now();
  std::uint64_t tried = 0;
  while (choices.seconds > 0 && std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < choices.seconds) {
    RandomStream random(random_key(1, {tried++}));
    const auto& from = corpus[random.below(corpus.size())];
    const auto input = target.mutate ? target.mutate(from, random) : mutated(from, random);
    new_places = 0;
    if (!survives(target, input)) return false;
    if (new_places > 0) corpus.push_back(input);
  }
  std::printf("%-12s %4zu seeds, %9llu more inputs, %5zu kept\n", target.name, replayed, static_cast<unsigned long long>(tried),
              corpus.size() - replayed);
  return true;
}

int usage() {
  std::fputs("fuzz [--seconds N] [--target NAME] [--save FOLDER] SEEDS | fuzz --make-seeds SEEDS\n", stderr);
  return 2;
}

int start(const std::vector<std::string>& words) {
  Choices choices;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool more = i + 1 < words.size();
    if (words[i] == "--make-seeds" && more) {
      make_seeds(words[i + 1]);
      return 0;
    }
    if (words[i] == "--seconds" && more) {
      choices.seconds = std::atof(words[++i].c_str());
    } else if (words[i] == "--target" && more) {
      choices.target = words[++i];
    } else if (words[i] == "--save" && more) {
      choices.save = words[++i];
    } else if (!words[i].starts_with("--") && choices.seeds.empty()) {
      choices.seeds = words[i];
    } else {
      return usage();
    }
  }
  if (choices.seeds.empty()) return usage();
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL, SIGALRM})
    if (number == SIGALRM || !__sanitizer_set_death_callback) std::signal(number, on_signal);
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(write_failure);
  bool sound = true, known = false;
  for (const auto& target : kTargets) {
    if (!choices.target.empty() && choices.target != target.name) continue;
    known = true;
    sound = run(target, choices) && sound;
  }
  if (!known) return usage();
  return sound ? 0 : 1;
}

}  // namespace

void touch(std::string_view bytes) {
  static volatile unsigned sum = 0;
  unsigned own = 0;
  for (const char c : bytes) own += static_cast<unsigned char>(c);
  sum = sum + own;
}

MemoryFile::MemoryFile(std::string_view bytes) : descriptor_(::memfd_create("input", MFD_CLOEXEC)) {
  ATTEND_CHECK(descriptor_ >= 0, kFile, "memfd_create: {}", std::strerror(errno));
  for (std::size_t at = 0; at < bytes.size();) {
    const auto got = ::write(descriptor_, bytes.data() + at, bytes.size() - at);
    ATTEND_CHECK(got > 0, kFile, "a file in memory: {}", std::strerror(errno));
    at += static_cast<std::size_t>(got);
  }
  path_ = fmt::format("/proc/self/fd/{}", descriptor_);
}
MemoryFile::~MemoryFile() { ::close(descriptor_); }

}  // namespace attend::fuzz

int main(int argc, char** argv) try { return attend::fuzz::start({argv + 1, argv + argc}); } catch (const std::exception& e) {
  std::fprintf(stderr, "fuzz: %s\n", e.what());
  return 1;
}
