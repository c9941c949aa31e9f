#pragma once
// Files that are never half there.
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace attend {

/// A read-only memory map. Throws kFile for a missing path, a directory or no permission, saying which. An empty file has size 0.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  std::string_view bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

std::string read_file(const std::string& path);

/// Writes all bytes to a file through a descriptor and fsyncs; a short write (disk full, size limit) throws kFile naming
/// the path, errno's text and the bytes missing.
class FileWriter {
 public:
  explicit FileWriter(const std::string& path);  ///< creates or truncates
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  void write(const void* data, std::size_t size);
  void write(std::string_view text) { write(text.data(), text.size()); }
  std::uint64_t position() const { return position_; }
  void sync_and_close();  ///< fsync, close; throws when the disk says no

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t position_ = 0;
};

/// Writes beside `path`, fsyncs, renames over it, fsyncs the folder: afterwards the old or the new content is there, whole.
void write_file_atomic(const std::string& path, std::string_view content);

/// Fills a fresh folder through `fill(folder)` and gives it the name `path` only when everything in it is on disk. On an
/// exception nothing remains. An existing `path` is an error.
void write_folder_atomic(const std::string& path, const std::function<void(const std::string& folder)>& fill);

/// Points the symbolic link `link` at `target` (relative), replacing an older link in one step.
void replace_link(const std::string& link, const std::string& target);

void sync_folder(const std::string& path);

/// XXH3-128 of a file or of bytes, as 32 hex digits (the same as `xxhsum -H2`).
std::string checksum_file(const std::string& path);
std::string checksum(std::string_view bytes);

}  // namespace attend
