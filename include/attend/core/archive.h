#pragma once
// Two small file formats, read with suspicion: safetensors, and zip archives of stored (uncompressed) members with .npy arrays.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attend/core/files.h"

namespace attend {

enum class Dtype : std::uint8_t { kBool, kU8, kI32, kI64, kF16, kBF16, kF32, kF64 };
std::size_t size_of(Dtype dtype);       ///< bytes of one element
std::string_view name_of(Dtype dtype);  ///< "bool", "uint8", "int32", ..., "float64"

/// A view of one array: little-endian, C order. `data` may be unaligned for the dtype when the file is not ours (safetensors
/// packs tensors without gaps): copy with memcpy, or check before casting. Members of ArchiveWriter start at multiples of 64.
struct ArrayView {
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape;
  const void* data = nullptr;
  std::size_t elements() const;  ///< product of the shape; throws kValue for negative sizes or a product beyond 2^63
  std::size_t bytes() const;     ///< elements() * size_of(dtype), checked alike
};

/// Writes a .safetensors file (header padded to 8 bytes, tensors in the given order, optional metadata) through AtomicFile.
/// Throws kValue for duplicate names, "__metadata__" as a name and names that are not UTF-8, kFile when the disk says no.
void write_safetensors(const std::string& path, const std::vector<std::pair<std::string, ArrayView>>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// A mapped .safetensors file. The constructor checks everything (header size and JSON, offsets inside the file, no overlap
/// or gap, size = product of shape, duplicate names) and throws kData naming the file and the mistake. Views live as long
/// as the object. Threads may share one: its members only read.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path);
  ~SafetensorsFile();
  const std::vector<std::pair<std::string, ArrayView>>& tensors() const;  ///< by their place in the file, names where empty ones share it
  bool contains(const std::string& name) const;
  const ArrayView& at(const std::string& name) const;  ///< throws kUnknownName
  const std::map<std::string, std::string>& metadata() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Writes a zip archive of stored members (zip64 where sizes demand it; no timestamps, so same members give same bytes).
/// Written beside `path` (AtomicFile) and renamed by close(); the destructor without close() removes it, and after a failed
/// add() close() refuses. Throws kValue for a name that is empty, taken or longer than 65,535 bytes, kUnsupported for bfloat16
/// arrays, which numpy does not know, kFile when the disk says no. One thread at a time.
class ArchiveWriter {
 public:
  explicit ArchiveWriter(const std::string& path);
  ~ArchiveWriter();
  void add(const std::string& name, std::string_view bytes);
  void add_array(const std::string& name, const ArrayView& array);  ///< member `name`.npy
  std::optional<std::string> close(Work work = Work::kWhole);       ///< returns what AtomicFile::commit does

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A mapped zip archive. The constructor reads the directory; a member's CRC is checked when it is first asked for. Compressed
/// members, bad offsets, bad CRCs and pickled arrays are refused with kData, a missing name with kUnknownName. Views live as
/// long as the object; const calls may come from several threads.
class ArchiveFile {
 public:
  explicit ArchiveFile(const std::string& path);
  ~ArchiveFile();
  std::vector<std::string> names() const;  ///< in the directory's order
  bool contains(const std::string& name) const;
  std::string_view bytes(const std::string& name) const;
  ArrayView array(const std::string& name) const;  ///< of member `name`.npy
  /// The same without its checksum, which takes a look at every byte: for its format and shape.
  ArrayView described(const std::string& name) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace attend
