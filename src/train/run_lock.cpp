#include "train/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "attend/core/error.h"
#include "attend/core/files.h"

namespace attend {
namespace {

std::string holder_of(int descriptor) {
  char text[32] = {};
  const auto got = ::pread(descriptor, text, sizeof text - 1, 0);
  const auto process = got > 0 ? std::string(text, static_cast<std::size_t>(got)) : std::string();
  const auto end = process.find_first_not_of("0123456789");
  return end == 0 || process.empty() ? "another process" : "process " + process.substr(0, end);
}

}  // namespace

RunLock::RunLock(const std::string& run) {
  const auto path = run + "/lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  ATTEND_CHECK(descriptor_ >= 0, kFile, "{}: cannot be made: {}; the folder of a run must be writable", path, std::strerror(errno));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    const auto holder = holder_of(descriptor_);
    if (error == EWOULDBLOCK) {
      ::close(descriptor_);
      fail(ErrorKind::kFile, "{}: {} works in this run's folder; wait until it has ended", run, holder);
    }
    return;  // no locks on this file system
  }
  const auto own = std::to_string(::getpid()) + "\n";
  if (::ftruncate(descriptor_, 0) == 0) (void)!::pwrite(descriptor_, own.data(), own.size(), 0);  // for messages alone
}

RunLock::~RunLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool RunLock::is_of_a_run(const std::string& run) {
  std::error_code error;
  const auto path = run + "/lock";
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, error)) || std::filesystem::file_size(path, error) > 24)
    return false;
  const auto text = read_file(path);
  const auto end = text.find_first_not_of("0123456789");
  return text.empty() || (end != 0 && end + 1 == text.size() && text.back() == '\n');
}

bool RunLock::is_held(const std::string& run) {
  const int descriptor = ::open((run + "/lock").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return false;
  const bool held = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(descriptor);
  return held;
}

}  // namespace attend
