#include "core/destination.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>

#include "attend/core/error.h"
#include "attend/core/files.h"

namespace attend {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as the kernel's

/// The number in `/proc/self/fd/N` and its other names. Opening such a path would start at the file's first byte, or fail for a
/// socket; the descriptor itself stands where the program's own output goes on.
std::optional<int> own_descriptor(const fs::path& path) {
  const auto name = path.filename().string();
  if (name.empty() || !std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  std::error_code error;
  const auto parent = fs::canonical(path.has_parent_path() ? path.parent_path() : ".", error).string();
  if (error || parent != fmt::format("/proc/{}/fd", ::getpid())) return std::nullopt;
  int number = -1;
  const auto end = name.data() + name.size();
  return std::from_chars(name.data(), end, number).ec == std::errc() ? std::optional(number) : std::nullopt;
}

Destination in_place(const std::string& path, int descriptor) {
  if (descriptor < 0) fail_errno(path, "write", errno);
  return {path, descriptor, std::nullopt};
}

Destination through_descriptor(const std::string& path, int number) {
  std::fflush(stdout);  // what was printed before stands before
  return in_place(path, ::fcntl(number, F_DUPFD_CLOEXEC, 0));
}

}  // namespace

Destination destination_of(const std::string& path) {
  ATTEND_CHECK(!path.empty(), kFile, "cannot write: the path is empty; name a file");
  if (path == "-") return through_descriptor("standard output", STDOUT_FILENO);
  const auto no_file = [&] { fail(ErrorKind::kFile, "'{}': expected the name of a file to write, got a directory", path); };
  if (path.back() == '/') no_file();
  fs::path at = path;
  for (int links = 0; links < kMostLinks; ++links) {
    if (const auto number = own_descriptor(at)) return through_descriptor(path, *number);
    struct stat status;
    if (::lstat(at.c_str(), &status) != 0) {
      if (errno != ENOENT) fail_errno(path, "write", errno);
      return {at.string(), -1, std::nullopt};  // to be made
    }
    if (S_ISDIR(status.st_mode)) no_file();
    if (S_ISREG(status.st_mode)) return {at.string(), -1, status.st_mode};
    if (!S_ISLNK(status.st_mode)) return in_place(path, ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    std::error_code error;
    const auto target = fs::read_symlink(at, error);
    if (error) fail_errno(path, "follow the link", error.value());
    at = at.parent_path() / target;  // an absolute target replaces all of it
  }
  fail_errno(path, "write", ELOOP);
}

}  // namespace attend
