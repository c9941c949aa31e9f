// Reading: maps, whole files, checksums. Writing that may fail halfway lives in atomic.cpp.
#include "attend/core/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "attend/core/error.h"
#include "core/descriptor.h"

namespace attend {

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

void fail_errno(const std::string& path, std::string_view action, int error) {
  std::string cure;
  if (error == ENOENT || error == ENOTDIR) cure = "; check the path";
  if (error == EISDIR) cure = "; name a file in it";
  if (error == EACCES || error == EPERM) cure = "; check the permissions";
  if (error == ENOSPC || error == EDQUOT) cure = "; free space or choose another disk";
  const auto text = fmt::format("{}: cannot {}: {}{}", path, action, std::strerror(error), cure);
  if (error == EPIPE) throw PipeClosed(text);
  throw Error(ErrorKind::kFile, text);
}

namespace {

constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 40;
constexpr std::uint64_t kReadWhole = std::uint64_t{64} << 20;  // a file up to this size is read, so that nobody can change it afterwards

constexpr const char* kShrunken = "became shorter while it was read; start again and leave it alone until the end";

std::string shown_path(const std::string& path) { return path == "-" ? "standard input" : path; }

struct Opened {
  Descriptor descriptor;
  struct stat status;
};

/// Files, pipes and terminals; reading other devices need never end.
Opened open_to_read(const std::string& path) {
  const int number = path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  Opened file{Descriptor(number), {}};
  if (file.descriptor.number() < 0 || ::fstat(file.descriptor.number(), &file.status) != 0) fail_errno(shown_path(path), "read", errno);
  ATTEND_CHECK(!S_ISDIR(file.status.st_mode), kFile, "{}: expected a file, got a directory; name a file in it", shown_path(path));
  struct stat null {};
  const bool is_device = S_ISBLK(file.status.st_mode) || S_ISCHR(file.status.st_mode);
  const bool ends = ::isatty(file.descriptor.number()) || (::stat("/dev/null", &null) == 0 && file.status.st_rdev == null.st_rdev);
  ATTEND_CHECK(!is_device || ends || path == "-", kFile, "{}: expected a file or a pipe, got a device; save it to a file first", path);
  return file;
}

std::string read_to_end(const Opened& file, const std::string& path, std::uint64_t most_bytes = kNoLimit) {
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  const auto refuse_more = [&](std::uint64_t size) {
    ATTEND_CHECK(size <= most_bytes, kFile, "{}: holds more than the {} bytes that are read of such a file; is it the right one?",
                 shown_path(path), most_bytes);
  };
  if (S_ISREG(file.status.st_mode)) refuse_more(static_cast<std::uint64_t>(file.status.st_size));  // before any memory is taken
  std::string content(S_ISREG(file.status.st_mode) ? static_cast<std::size_t>(file.status.st_size) + 1 : kBlock, '\0');
  std::size_t size = 0;
  for (;;) {  // the size of a pipe is not known beforehand, and a file may have grown
    if (size == content.size()) content.resize(size + std::max(size, kBlock));
    const auto got = ::read(file.descriptor.number(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno(shown_path(path), "read", errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    refuse_more(size);
  }
  content.resize(size);
  return content;
}

/// Reads into a map; takes it away before it throws.
std::size_t fill_map(const Opened& file, const std::string& path, char* to, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const auto got = ::read(file.descriptor.number(), to + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      ::munmap(to, size);
      fail_errno(shown_path(path), "read", error);
    }
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

/// A pipe without a name of its own, as shells make them for `<(command)`. A named one may be filled again.
bool is_anonymous_pipe(const struct stat& status) {
  static const dev_t pipes = [] {
    int ends[2];
    struct stat pipe {};
    if (::pipe2(ends, O_CLOEXEC) != 0) return dev_t{};
    const Descriptor one(ends[0]), other(ends[1]);
    return ::fstat(ends[0], &pipe) == 0 ? pipe.st_dev : dev_t{};
  }();
  return S_ISFIFO(status.st_mode) && status.st_dev == pipes;
}

/// What came through standard input or an anonymous pipe: a second reader would find it empty.
std::shared_ptr<const std::string> read_once(const Opened& file, const std::string& path, std::uint64_t most_bytes = kNoLimit) {
  static std::mutex mutex;
  static std::map<ino_t, std::shared_ptr<const std::string>> pipes;
  static std::shared_ptr<const std::string> input;
  const bool standard = path == "-";
  if (!standard && !is_anonymous_pipe(file.status)) return std::make_shared<const std::string>(read_to_end(file, path, most_bytes));
  const std::lock_guard lock(mutex);
  auto& kept = standard ? input : pipes[file.status.st_ino];
  if (!kept) kept = std::make_shared<const std::string>(read_to_end(file, path, most_bytes));
  return kept;
}

/// The maps there are, for the handler of SIGBUS: what it reads may be written by another thread, and it may not allocate.
struct Map {
  std::atomic<const char*> begin{nullptr};
  std::size_t size = 0;
  std::array<char, 512> message{};
};
std::array<Map, 256> maps;
std::mutex maps_mutex;

void keep_map(const char* begin, std::size_t size, const std::string& path) {
  const std::lock_guard lock(maps_mutex);
  for (auto& map : maps) {
    if (map.begin) continue;
    const auto text = fmt::format("attend: {}: {}\n", path, kShrunken);
    const auto length = text.copy(map.message.data(), map.message.size() - 1);
    map.message[length] = '\0';
    map.size = size;
    map.begin = begin;
    return;
  }
}

void forget_map(const char* begin) {
  const std::lock_guard lock(maps_mutex);
  for (auto& map : maps)
    if (map.begin == begin) map.begin = nullptr;
}

void on_lost_page(int signal, siginfo_t* info, void* /*context*/) {
  const auto* at = static_cast<const char*>(info->si_addr);
  for (const auto& map : maps) {
    const char* begin = map.begin;
    if (!begin || at < begin || at >= begin + map.size) continue;
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, map.message.data(), std::strlen(map.message.data()));
    ::_exit(1);
  }
  ::signal(signal, SIG_DFL);  // somebody else's: the instruction is tried again and ends the program
}

std::string hex_of(XXH128_hash_t hash) { return fmt::format("{:016x}{:016x}", hash.high64, hash.low64); }

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(shown_path(path)) {
  const auto file = open_to_read(path);
  const bool regular = path != "-" && S_ISREG(file.status.st_mode);
  if (!regular || file.status.st_size == 0) {  // a file of /proc says 0 and holds something
    read_ = regular ? std::make_shared<const std::string>(read_to_end(file, path)) : read_once(file, path);
    data_ = read_->data();
    size_ = read_->size();
    return;
  }
  size_ = static_cast<std::size_t>(file.status.st_size);
  const bool whole = size_ <= kReadWhole;
  void* map = whole ? ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)  // on a page's border too
                    : ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.descriptor.number(), 0);
  if (map == MAP_FAILED) fail_errno(path, "map into memory", errno);
  data_ = static_cast<const char*>(map);
  if (whole) {
    const auto got = fill_map(file, path, static_cast<char*>(map), size_);
    if (got == size_) return;
    ::munmap(map, size_);
    data_ = nullptr;
    fail(ErrorKind::kFile, "{}: {}", path_, kShrunken);
  }
  keep_map(data_, size_, path_);
}

MappedFile::~MappedFile() {
  if (!data_ || read_) return;
  forget_map(data_);
  ::munmap(const_cast<char*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      read_(std::move(other.read_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(read_, other.read_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void explain_lost_pages() {
  struct sigaction action {};
  action.sa_sigaction = on_lost_page;
  action.sa_flags = SA_SIGINFO;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, nullptr);
}

void require_regular(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) fail_errno(path, "read", errno);
  ATTEND_CHECK(!S_ISDIR(status.st_mode), kFile, "{}: expected a file, got a directory; name a file in it", path);
  ATTEND_CHECK(S_ISREG(status.st_mode), kFile, "{}: expected a regular file, got a pipe or device; save it to a file first", path);
}

std::string read_file(const std::string& path, std::uint64_t most_bytes) {
  const auto file = open_to_read(path);
  return S_ISREG(file.status.st_mode) && path != "-" ? read_to_end(file, path, most_bytes) : *read_once(file, path, most_bytes);
}

std::string checksum(std::string_view bytes) { return hex_of(XXH3_128bits(bytes.data(), bytes.size())); }

std::string checksum_file(const std::string& path) {
  require_regular(path);
  const MappedFile file(path);
  return checksum(file.bytes());
}

}  // namespace attend
