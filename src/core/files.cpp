// Reading: maps, whole files, checksums. Writing that may fail halfway lives in atomic.cpp.
#include "attend/core/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "attend/core/error.h"
#include "core/descriptor.h"

namespace attend {

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

void fail_errno(const std::string& path, std::string_view action, int error) {
  std::string cure;
  if (error == ENOENT) cure = "; check the path";
  if (error == EACCES || error == EPERM) cure = "; check the permissions";
  if (error == ENOSPC || error == EDQUOT) cure = "; free space or choose another disk";
  fail(ErrorKind::kFile, "{}: cannot {}: {}{}", path, action, std::strerror(error), cure);
}

namespace {

struct Opened {
  Descriptor descriptor;
  struct stat status;
};

/// Regular files only. A pipe is opened without waiting for whoever writes to it, and then refused like a device: a stranger's
/// folder may hold either, and reading them need never end.
Opened open_to_read(const std::string& path) {
  Opened file{Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)), {}};
  if (file.descriptor.number() < 0 || ::fstat(file.descriptor.number(), &file.status) != 0) fail_errno(path, "read", errno);
  ATTEND_CHECK(!S_ISDIR(file.status.st_mode), kFile, "{}: expected a file, got a directory; name a file in it", path);
  ATTEND_CHECK(S_ISREG(file.status.st_mode), kFile, "{}: expected a regular file, got a pipe or device; save it to a file first", path);
  return file;
}

std::string hex_of(XXH128_hash_t hash) { return fmt::format("{:016x}{:016x}", hash.high64, hash.low64); }

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const auto file = open_to_read(path);
  size_ = static_cast<std::size_t>(file.status.st_size);
  if (size_ == 0) return;  // mmap refuses an empty range
  void* map = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.descriptor.number(), 0);
  if (map == MAP_FAILED) fail_errno(path, "map into memory", errno);
  data_ = static_cast<const char*>(map);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<char*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

std::string read_file(const std::string& path, std::uint64_t most_bytes) {
  const auto file = open_to_read(path);
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  const auto check = [&](std::uint64_t size) {
    ATTEND_CHECK(size <= most_bytes, kFile, "{}: holds more than the {} bytes that are read of such a file; is it the right one?", path,
                 most_bytes);
  };
  check(static_cast<std::uint64_t>(file.status.st_size));
  std::string content(static_cast<std::size_t>(file.status.st_size) + 1, '\0');
  std::size_t size = 0;
  for (;;) {  // a file may have grown, and those of /proc do not know their size
    if (size == content.size()) content.resize(size + kBlock);
    const auto got = ::read(file.descriptor.number(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno(path, "read", errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    check(size);
  }
  content.resize(size);
  return content;
}

std::string checksum(std::string_view bytes) { return hex_of(XXH3_128bits(bytes.data(), bytes.size())); }

std::string checksum_file(const std::string& path) {
  const MappedFile file(path);
  return checksum(file.bytes());
}

}  // namespace attend
