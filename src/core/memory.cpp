#include "attend/core/memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <optional>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace attend {
namespace {

constexpr auto kUnlimited = std::numeric_limits<std::uint64_t>::max();

/// The first number of a small file of the system; nothing when it cannot be read or says "max".
std::optional<std::uint64_t> number_in(const std::string& path) {
  std::ifstream in(path);
  std::uint64_t number = 0;
  if (!(in >> number)) return std::nullopt;
  return number;
}

/// What the machine has: MemAvailable and SwapFree of /proc/meminfo.
std::uint64_t left_of_machine() {
  std::ifstream in("/proc/meminfo");
  std::uint64_t sum = 0;
  bool known = false;
  for (std::string line; std::getline(in, line);) {
    const bool available = line.starts_with("MemAvailable:");
    if (!available && !line.starts_with("SwapFree:")) continue;
    const auto digits = line.find_first_of("0123456789");
    std::uint64_t kilobytes = 0;
    if (digits != std::string::npos) std::from_chars(line.data() + digits, line.data() + line.size(), kilobytes);
    sum += kilobytes << 10;
    known = known || available;
  }
  return known ? sum : kUnlimited;
}

/// What the control groups above this process leave (version 2: one line "0::/path"; version 1: "n:memory:/path"). Pages of files
/// count as used there and are given up when memory runs short.
std::uint64_t left_of_group() {
  std::uint64_t least = kUnlimited;
  const auto consider = [&](const std::string& folder, const char* limit_name, const char* used_name) {
    const auto limit = number_in(folder + limit_name), used = number_in(folder + used_name);
    if (!limit || !used) return;
    std::uint64_t given_up = 0;
    std::ifstream statistics(folder + "/memory.stat");
    std::string name;
    for (std::uint64_t value = 0; statistics >> name >> value;)
      if (name == "inactive_file" || name == "active_file") given_up += value;
    const auto held = *used - std::min(*used, given_up);
    least = std::min(least, *limit - std::min(*limit, held));
  };
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    auto path = line.substr(second + 1);
    for (;;) {
      if (controllers.empty()) consider("/sys/fs/cgroup" + path, "/memory.max", "/memory.current");
      if (controllers == "memory") consider("/sys/fs/cgroup/memory" + path, "/memory.limit_in_bytes", "/memory.usage_in_bytes");
      const auto slash = path.rfind('/');
      if (path.size() <= 1 || slash == std::string::npos) break;
      path.resize(slash);  // a group above limits those below it
      if (path.empty()) path = "/";
    }
  }
  return least;
}

/// What RLIMIT_AS leaves of the address space.
std::uint64_t left_of_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kUnlimited;
  const auto pages = number_in("/proc/self/statm");  // the whole address space, in pages
  const auto used = pages.value_or(0) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return limit.rlim_cur - std::min<std::uint64_t>(limit.rlim_cur, used);
}

}  // namespace

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the largest that glibc takes
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

std::uint64_t available_memory() { return std::min({left_of_machine(), left_of_group(), left_of_limit()}); }

std::string size_text(std::uint64_t bytes) {
  const auto number = static_cast<double>(bytes);
  if (number < 1e6) return fmt::format("{:.0f} kB", number / 1e3);
  return number < 1e9 ? fmt::format("{:.0f} MB", number / 1e6) : fmt::format("{:.1f} GB", number / 1e9);
}

void check_memory(std::uint64_t bytes, const std::string& what) {
  const auto available = available_memory();
  if (bytes > available)
    throw OutOfMemory(fmt::format("out of memory: {} needs {}, of which {} can be had", what, size_text(bytes), size_text(available)));
}

}  // namespace attend
