#include "attend/core/archive.h"

#include <atomic>
#include <deque>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "core/npy.h"
#include "core/zip.h"

namespace attend {

std::size_t size_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::kBool:
    case Dtype::kU8: return 1;
    case Dtype::kF16:
    case Dtype::kBF16: return 2;
    case Dtype::kI32:
    case Dtype::kF32: return 4;
    case Dtype::kI64:
    case Dtype::kF64: return 8;
  }
  ATTEND_ASSERT(false);
  return 0;
}

std::string_view name_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::kBool: return "bool";
    case Dtype::kU8: return "uint8";
    case Dtype::kI32: return "int32";
    case Dtype::kI64: return "int64";
    case Dtype::kF16: return "float16";
    case Dtype::kBF16: return "bfloat16";
    case Dtype::kF32: return "float32";
    case Dtype::kF64: return "float64";
  }
  ATTEND_ASSERT(false);
  return {};
}

namespace {

/// Product of the shape times `unit`. A zero size makes it 0 however large the others are.
std::size_t checked_product(const std::vector<std::int64_t>& shape, std::size_t unit) {
  std::uint64_t product = unit;
  bool empty = false, beyond = false;
  for (const auto size : shape) {
    ATTEND_CHECK(size >= 0, kValue, "array: expected sizes from 0, got [{}]", fmt::join(shape, ", "));
    empty = empty || size == 0;
    beyond = beyond || __builtin_mul_overflow(product, static_cast<std::uint64_t>(size), &product);
    beyond = beyond || product > std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  }
  ATTEND_CHECK(empty || !beyond, kValue, "array: [{}] has more elements than memory can hold", fmt::join(shape, ", "));
  return empty ? 0 : product;
}

}  // namespace

std::size_t ArrayView::elements() const { return checked_product(shape, 1); }
std::size_t ArrayView::bytes() const { return checked_product(shape, size_of(dtype)); }

struct ArchiveWriter::State {
  explicit State(const std::string& p) : path(p), file(p) {}

  /// Writes one member from the two pieces of its content.
  void add(const std::string& name, std::string_view first, std::string_view second) {
    ATTEND_CHECK(!name.empty() && name.size() <= 0xffff, kValue, "{}: a member's name must have 1 to 65535 bytes, got {}", path,
                 name.size());
    ATTEND_CHECK(names.insert(name).second, kValue, "{}: member '{}' is there already; give each its own name", path, name);
    ZipMember member{name, 0, first.size() + second.size(), file.writer().position(), 0};
    member.crc = crc_of(first);
    member.crc = crc_of(second, member.crc);
    whole = false;
    file.writer().write(zip_local_header(member));
    file.writer().write(first);
    file.writer().write(second);
    whole = true;
    directory += zip_directory_entry(member);
    ++count;
  }

  std::string path;
  AtomicFile file;
  std::unordered_set<std::string> names;
  std::string directory;
  std::uint64_t count = 0;
  bool whole = true;  // false after a write that failed on its way
};

ArchiveWriter::ArchiveWriter(const std::string& path) : state_(std::make_unique<State>(path)) {}
ArchiveWriter::~ArchiveWriter() = default;

void ArchiveWriter::add(const std::string& name, std::string_view bytes) {
  ATTEND_ASSERT(state_);
  state_->add(name, bytes, {});
}

void ArchiveWriter::add_array(const std::string& name, const ArrayView& array) {
  ATTEND_ASSERT(state_);
  const auto header = npy_header(array, state_->path + ": array '" + name + "'");
  state_->add(name + ".npy", header, {static_cast<const char*>(array.data), array.bytes()});
}

std::optional<std::string> ArchiveWriter::close(Work work) {
  ATTEND_ASSERT(state_);
  ATTEND_CHECK(state_->whole, kFile, "{}: not written, since an earlier write failed", state_->path);
  auto& writer = state_->file.writer();
  const auto offset = writer.position();
  writer.write(state_->directory);
  writer.write(zip_end(state_->count, offset, state_->directory.size()));
  auto other = state_->file.commit(work);
  state_.reset();
  return other;
}

struct ArchiveFile::State {
  explicit State(const std::string& path) : file(path), members(parse_zip(file.bytes(), path)), checked(members.size()) {
    for (std::size_t i = 0; i < members.size(); ++i) index.emplace(members[i].name, i);
  }

  std::string_view bytes(const std::string& name, bool check = true) {
    const auto found = index.find(name);
    if (found == index.end()) {
      std::vector<std::string> names;
      for (const auto& member : members) names.push_back(member.name);
      fail_unknown_name(file.path() + ": member", name, names);
    }
    const auto& member = members[found->second];
    const auto content = file.bytes().substr(member.data, member.size);
    auto& done = checked[found->second];
    if (check && !done.load(std::memory_order_relaxed)) {
      ATTEND_CHECK(crc_of(content) == member.crc, kData, "{}: member '{}' does not have its checksum; the archive is damaged", file.path(),
                   name);
      done.store(true, std::memory_order_relaxed);
    }
    return content;
  }

  MappedFile file;
  std::vector<ZipMember> members;
  std::deque<std::atomic<bool>> checked;  // atomics do not move
  std::unordered_map<std::string, std::size_t> index;
};

ArchiveFile::ArchiveFile(const std::string& path) : state_(std::make_unique<State>(path)) {}
ArchiveFile::~ArchiveFile() = default;

std::vector<std::string> ArchiveFile::names() const {
  std::vector<std::string> names;
  for (const auto& member : state_->members) names.push_back(member.name);
  return names;
}

bool ArchiveFile::contains(const std::string& name) const { return state_->index.contains(name); }
std::string_view ArchiveFile::bytes(const std::string& name) const { return state_->bytes(name); }
ArrayView ArchiveFile::array(const std::string& name) const {
  return parse_npy(state_->bytes(name + ".npy"), state_->file.path() + ": array '" + name + "'");
}
ArrayView ArchiveFile::described(const std::string& name) const {
  return parse_npy(state_->bytes(name + ".npy", /*check=*/false), state_->file.path() + ": array '" + name + "'");
}

}  // namespace attend
