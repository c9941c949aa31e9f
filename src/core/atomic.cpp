// Writing: under a name of its own first, on disk second, under its true name last.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "core/descriptor.h"
#include "core/destination.h"

namespace attend {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMark = ".partial-";

std::string parent_of(const std::string& path) {
  const auto parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

/// Without a final slash: it would put the partial entry inside the folder it is to become.
std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  ATTEND_CHECK(!path.empty(), kFile, "cannot write: the path is empty; name a file or folder");
  return path;
}

/// What stands at `path` itself (links are not followed), nothing when there is nothing.
std::optional<mode_t> status_of(const std::string& path) {
  struct stat status;
  if (::lstat(path.c_str(), &status) == 0) return status.st_mode;
  return std::nullopt;
}

/// The numbers of the partial names this process uses now. A restarted process often has the process id of the one that was
/// killed (in a container always), so the id alone does not tell a leftover from work in progress.
class LiveNumbers {
 public:
  std::uint64_t take() {
    const std::lock_guard lock(mutex_);
    return *live_.insert(next_++).first;
  }
  void give_back(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    live_.erase(number);
  }
  bool contains(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    return live_.contains(number);
  }
  static LiveNumbers& instance() {
    static LiveNumbers numbers;
    return numbers;
  }

 private:
  std::mutex mutex_;
  std::set<std::uint64_t> live_;
  std::uint64_t next_ = 0;
};

/// The names of unfinished files where a signal handler can read them. A name that is too long, or the 65th, is left to
/// remove_partials.
class Unfinished {
 public:
  void enter(const std::string& name) {
    const std::lock_guard lock(mutex_);
    for (auto& slot : slots_) {
      if (slot.used || name.size() >= slot.name.size()) continue;
      std::copy(name.c_str(), name.c_str() + name.size() + 1, slot.name.begin());
      slot.used.store(true, std::memory_order_release);
      return;
    }
  }
  void leave(const std::string& name) {
    const std::lock_guard lock(mutex_);
    for (auto& slot : slots_)
      if (slot.used && name == slot.name.data()) slot.used.store(false, std::memory_order_release);
  }
  void unlink_all() noexcept {
    for (auto& slot : slots_)
      if (slot.used.load(std::memory_order_acquire)) ::unlink(slot.name.data());
  }
  static Unfinished& instance() { return instance_; }

 private:
  struct Slot {
    std::atomic<bool> used{false};
    std::array<char, 4096> name{};
  };
  std::mutex mutex_;
  std::array<Slot, 64> slots_;
  static Unfinished instance_;
};
constinit Unfinished Unfinished::instance_;  // there before main and for every handler

/// A name beside `path` that nothing has; what stands there is removed on destruction.
class PartialName {
 public:
  explicit PartialName(const std::string& path) {
    for (;;) {
      number_ = LiveNumbers::instance().take();
      name_ = fmt::format("{}{}{}-{}", path, kMark, ::getpid(), number_);
      if (!status_of(name_)) break;
      LiveNumbers::instance().give_back(number_);  // a leftover has it
    }
    Unfinished::instance().enter(name_);
  }
  ~PartialName() {
    std::error_code ignored;
    fs::remove_all(name_, ignored);
    Unfinished::instance().leave(name_);
    LiveNumbers::instance().give_back(number_);
  }
  PartialName(const PartialName&) = delete;
  PartialName& operator=(const PartialName&) = delete;
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  std::uint64_t number_ = 0;
};

void sync_path(const std::string& path, int flags) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
  if (file.number() < 0) fail_errno(path, "open to bring it to disk", errno);
  // Some file systems have nothing to sync for a folder and say EINVAL.
  if (::fsync(file.number()) != 0 && errno != EINVAL) fail_errno(path, "bring to disk", errno);
}

void sync_tree(const std::string& folder) try {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_symlink()) continue;
    if (entry.is_directory()) sync_folder(entry.path().string());
    if (entry.is_regular_file()) sync_path(entry.path().string(), 0);
  }
  sync_folder(folder);
} catch (const fs::filesystem_error& e) {
  fail_errno(e.path1().empty() ? folder : e.path1().string(), "read", e.code().value());
}

/// Renames, unless something has that name. rename alone would replace a file, or an empty folder that came into being meanwhile.
bool name_unless_taken(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == EEXIST) return false;
  if (errno != EINVAL && errno != ENOSYS) fail_errno(to, "give it its name", errno);
  if (status_of(to)) return false;  // a file system that cannot do both in one step
  if (::rename(from.c_str(), to.c_str()) != 0) fail_errno(to, "give it its name", errno);
  return true;
}

/// The process id and number in a name like `model.partial-123-4`.
std::optional<std::pair<pid_t, std::uint64_t>> parse_partial(std::string_view name) {
  const auto mark = name.rfind(kMark);
  if (mark == std::string_view::npos || mark == 0) return std::nullopt;
  const char* at = name.data() + mark + kMark.size();
  const char* end = name.data() + name.size();
  pid_t process = 0;
  std::uint64_t number = 0;
  const auto first = std::from_chars(at, end, process);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-' || process <= 0) return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, number);
  if (second.ec != std::errc() || second.ptr != end) return std::nullopt;
  return std::pair{process, number};
}

}  // namespace

FileWriter::FileWriter(const std::string& path)
    : path_(path), descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) fail_errno(path, "create", errno);
}

FileWriter::FileWriter(const std::string& path, int descriptor) : path_(path), descriptor_(descriptor) {}

FileWriter::~FileWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void FileWriter::write(const void* data, std::size_t size) {
  ATTEND_ASSERT(descriptor_ >= 0);
  const char* from = static_cast<const char*>(data);
  for (std::size_t left = size; left > 0;) {
    const auto wrote = ::write(descriptor_, from, std::min(left, std::size_t{1} << 30));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      const int error = wrote < 0 ? errno : ENOSPC;
      fail_errno(path_, fmt::format("write {} of {} bytes after byte {}", left, size, position_), error);
    }
    from += wrote;
    left -= static_cast<std::size_t>(wrote);
    position_ += static_cast<std::uint64_t>(wrote);
  }
}

void FileWriter::cut(std::uint64_t size) {
  ATTEND_ASSERT(descriptor_ >= 0 && size <= position_);
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) fail_errno(path_, "shorten", errno);
  position_ = size;
}

void FileWriter::sync_and_close() {
  ATTEND_ASSERT(descriptor_ >= 0);
  // Pipes, terminals and some file systems have nothing to sync and say EINVAL, or EROFS.
  if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) fail_errno(path_, "bring to disk", errno);
  if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) fail_errno(path_, "close", errno);
}

struct AtomicFile::State {
  explicit State(Destination to) : target(std::move(to)) {
    if (target.in_place()) {
      writer.emplace(target.path, target.descriptor);
      return;
    }
    partial.emplace(target.path);
    writer.emplace(target.path, create(partial->name(), target));
  }
  // The name that errors give is the one the user knows; what stands beside it has the permissions of what it replaces.
  static int create(const std::string& name, const Destination& target) {
    const int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) fail_errno(target.path, "create", errno);
    if (target.mode) (void)::fchmod(file, *target.mode & 07777);
    return file;
  }
  Destination target;
  std::optional<PartialName> partial;
  std::optional<FileWriter> writer;
};

AtomicFile::AtomicFile(const std::string& path) : state_(std::make_unique<State>(destination_of(path))) {}
AtomicFile::~AtomicFile() = default;

FileWriter& AtomicFile::writer() {
  ATTEND_ASSERT(state_);
  return *state_->writer;
}

bool AtomicFile::in_place() const { return state_ && state_->target.in_place(); }

std::optional<std::string> AtomicFile::commit(Work work) {
  ATTEND_ASSERT(state_);
  state_->writer->sync_and_close();
  std::optional<std::string> other;
  if (state_->partial) {
    const auto& path = state_->target.path;
    const auto& written = state_->partial->name();
    if (work == Work::kWhole) {
      if (::rename(written.c_str(), path.c_str()) != 0) fail_errno(path, "replace", errno);
    } else {
      for (int n = 1; !name_unless_taken(written, other.value_or(path)); ++n)
        other = path + (n == 1 ? std::string(".part") : fmt::format(".part-{}", n));
    }
    sync_folder(parent_of(path));
  }
  state_.reset();
  return other;
}

void discard_partials() noexcept { Unfinished::instance().unlink_all(); }

void write_file_atomic(const std::string& path, std::string_view content) {
  AtomicFile file(path);
  file.writer().write(content);
  file.commit();
}

void write_folder_atomic(const std::string& path, const std::function<void(const std::string& folder)>& fill) {
  const auto target = without_slash(path);
  const auto exists = [&] { fail(ErrorKind::kFile, "{}: exists already; choose another name or move it away", target); };
  if (status_of(target)) exists();
  const PartialName partial(target);
  if (::mkdir(partial.name().c_str(), 0777) != 0) fail_errno(target, "create a folder", errno);
  fill(partial.name());
  sync_tree(partial.name());
  if (!name_unless_taken(partial.name(), target)) exists();
  sync_folder(parent_of(target));
}

std::size_t remove_partials(const std::string& folder) {
  std::error_code error;
  std::vector<fs::path> leftovers;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const auto name = it->path().filename().string();
    const auto partial = parse_partial(name);
    if (!partial) continue;
    const auto [process, number] = *partial;
    const bool live = process == ::getpid() ? LiveNumbers::instance().contains(number) : ::kill(process, 0) == 0 || errno != ESRCH;
    if (!live) leftovers.push_back(it->path());
  }
  if (error) fail_errno(folder, "list the folder", error.value());
  for (const auto& path : leftovers) {
    fs::remove_all(path, error);
    if (error) fail_errno(path.string(), "remove", error.value());
  }
  return leftovers.size();
}

void replace_link(const std::string& link, const std::string& target) {
  const auto mode = status_of(link);
  ATTEND_CHECK(!mode || S_ISLNK(*mode), kFile, "{}: expected a symbolic link or nothing there, got a file or folder; move it away", link);
  const PartialName partial(link);
  if (::symlink(target.c_str(), partial.name().c_str()) != 0) fail_errno(link, "create the link", errno);
  if (::rename(partial.name().c_str(), link.c_str()) != 0) fail_errno(link, "replace the link", errno);
  sync_folder(parent_of(link));
}

void sync_folder(const std::string& path) { sync_path(path, O_DIRECTORY); }

}  // namespace attend
