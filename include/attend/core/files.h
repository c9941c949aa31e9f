#pragma once
// Files that are never half there.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "attend/core/error.h"

namespace attend {

/// All bytes of a file: up to 64 MiB are read, larger ones mapped read-only; a pipe, a device or standard input (`-`), which cannot be
/// mapped, is read to the end. Standard input and a shell's `<(command)` are read once: whoever opens them again gets the same bytes.
/// Throws kFile for a missing path, a directory or no permission, saying which. An empty file has size 0. A mapped file must not shrink
/// (SIGBUS, see explain_lost_pages); files written by this room never do, they are replaced. Threads may share an object.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  std::string_view bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }  ///< for messages: `-` is "standard input"

 private:
  std::string path_;
  std::shared_ptr<const std::string> read_;  // what is not mapped
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

/// For a program's start: where a mapped file has become shorter than it was, the program ends with a message that names it, and exit code
/// 1, instead of by SIGBUS. Takes that signal for the whole process.
void explain_lost_pages();

/// Throws kFile unless a regular file is there, without waiting for a pipe: what a stranger's folder holds need not be one.
void require_regular(const std::string& path);

/// All bytes of a file, a pipe or standard input (`-`). Throws kFile as MappedFile does, and for more
/// than `most_bytes`.
std::string read_file(const std::string& path, std::uint64_t most_bytes = std::uint64_t{1} << 40);

/// Throws kFile: "<path>: cannot <action>: <text of errno>; <cure>", or PipeClosed.
[[noreturn]] void fail_errno(const std::string& path, std::string_view action, int error);

/// What is thrown for a pipe whose reader has gone. A program ends quietly then. (It reaches a program that ignores SIGPIPE.)
/// Threads: as Error.
class PipeClosed final : public Error {
 public:
  explicit PipeClosed(const std::string& what) : Error(ErrorKind::kFile, what) {}
};

/// Writes all bytes to a file through a descriptor and fsyncs; a short write (disk full, size limit) throws kFile naming
/// the path, errno's text and the bytes missing. (A size limit reaches a program that ignores SIGXFSZ as an errno.) One thread at a time.
class FileWriter {
 public:
  explicit FileWriter(const std::string& path);         ///< creates or truncates
  FileWriter(const std::string& path, int descriptor);  ///< writes to an open descriptor, which it will close
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  void write(const void* data, std::size_t size);
  void write(std::string_view text) { write(text.data(), text.size()); }
  std::uint64_t position() const { return position_; }
  void cut(std::uint64_t size);  ///< drops what was written after the first `size` bytes
  void sync_and_close();         ///< fsync, close; throws when the disk says no

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t position_ = 0;
};

/// Whether all that was to be written was written, or an error or a signal came before.
enum class Work { kWhole, kPart };

/// A file written beside `path` as `<path>.partial-<pid>-<n>` that takes its name in commit(), with everything on disk:
/// whoever opens `path` finds the old or the new content, whole. Destroyed without commit() it leaves nothing behind.
/// A file that is replaced keeps its permissions. A symbolic link is followed, to what it names or is to name. What is no regular
/// file cannot be replaced and is written in place: pipes, devices, `/dev/stdout`, `/proc/self/fd/N`, and `-`, standard output
/// (behind what the program has printed so far). A directory is refused (kFile).
/// One thread at a time; files of different threads do not disturb one another.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  FileWriter& writer();
  bool in_place() const;
  /// Brings it to disk and gives it its name. Part of a work does not replace an older file: it takes the name `<path>.part` (`.part-2`,
  /// ... where that is taken), which is returned; nothing is returned where the file has its own name.
  std::optional<std::string> commit(Work work = Work::kWhole);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Unlinks the files that AtomicFile has not committed in this process. For signal handlers: it calls unlink(2) and nothing else.
void discard_partials() noexcept;

/// AtomicFile in one call.
void write_file_atomic(const std::string& path, std::string_view content);

/// Fills a fresh folder through `fill(folder)` and gives it the name `path` only when everything in it is on disk. On an
/// exception nothing remains. An existing `path` is an error. The folder is called `<path>.partial-<pid>-<n>` until then.
void write_folder_atomic(const std::string& path, const std::function<void(const std::string& folder)>& fill);

/// Removes from `folder` what killed processes left half written: entries named `*.partial-<pid>-<n>` whose process has ended.
/// Returns how many. Call it only where all writers run on this machine: a process elsewhere looks ended from here.
std::size_t remove_partials(const std::string& folder);

/// Points the symbolic link `link` at `target` (relative), replacing an older link in one step. Anything else at `link` is an error.
void replace_link(const std::string& link, const std::string& target);

/// fsyncs the folder itself, so that names made or changed in it survive a power cut.
void sync_folder(const std::string& path);

/// XXH3-128 of a file or of bytes, as 32 hex digits (the same as `xxhsum -H2`).
std::string checksum_file(const std::string& path);
std::string checksum(std::string_view bytes);

}  // namespace attend
