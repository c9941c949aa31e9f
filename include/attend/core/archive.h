#pragma once
// Two small file formats, read with suspicion: safetensors, and zip archives of stored (uncompressed) members with .npy arrays.
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace attend {

enum class Dtype : std::uint8_t { kBool, kU8, kI32, kI64, kF16, kBF16, kF32, kF64 };
std::size_t size_of(Dtype dtype);

/// A view of one array: little-endian, C order.
struct ArrayView {
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape;
  const void* data = nullptr;
  std::size_t bytes() const;
};

/// Writes a .safetensors file (header padded to 8 bytes, tensors in the given order, optional metadata) through FileWriter.
void write_safetensors(const std::string& path, const std::vector<std::pair<std::string, ArrayView>>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// A mapped .safetensors file. The constructor checks everything (header size and JSON, offsets inside the file, no overlap
/// or gap, size = product of shape, duplicate names) and throws kData naming the file and the mistake.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::string& path);
  ~SafetensorsFile();
  const std::vector<std::pair<std::string, ArrayView>>& tensors() const;
  const ArrayView& at(const std::string& name) const;
  const std::map<std::string, std::string>& metadata() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Writes a zip archive of stored members (zip64 where sizes demand it; no timestamps, so same members give same bytes).
/// Written to `path`.part and renamed by close(); the destructor without close() removes it.
class ArchiveWriter {
 public:
  explicit ArchiveWriter(const std::string& path);
  ~ArchiveWriter();
  void add(const std::string& name, std::string_view bytes);
  void add_array(const std::string& name, const ArrayView& array);  ///< member `name`.npy
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A mapped zip archive; compressed members, bad offsets, bad CRCs and pickled arrays are refused with kData.
class ArchiveFile {
 public:
  explicit ArchiveFile(const std::string& path);
  ~ArchiveFile();
  std::vector<std::string> names() const;
  bool contains(const std::string& name) const;
  std::string_view bytes(const std::string& name) const;
  ArrayView array(const std::string& name) const;  ///< of member `name`.npy

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace attend
