#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <unordered_map>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/core/memory.h"
#include "attend/data/captions.h"
#include "attend/data/image.h"

namespace attend {
namespace {

struct Packed {
  std::string full_name, bytes;
};
using Files = std::unordered_map<std::string, Packed>;

bool is_picture_name(const std::string& name) {
  auto extension = std::filesystem::path(name).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

/// What libarchive says of its last mistake; it need not say anything.
const char* reason(archive* reader) {
  const char* text = archive_error_string(reader);
  return text ? text : "no more is known";
}

void take_room(std::uint64_t bytes, const std::string& path, std::uint64_t& room) {
  if (bytes > room)
    throw OutOfMemory(fmt::format("{}: its pictures do not fit into memory, where the archive is kept; unpack it into a folder", path));
  room -= bytes;
}

/// The content of one file that is a picture by its name or its first bytes, else nothing; `room` is how much all of them may still take.
std::string picture_bytes(archive* reader, const std::string& path, const std::string& name, std::uint64_t& room) {
  std::string bytes;
  char block[1 << 16];
  for (;;) {
    const auto got = archive_read_data(reader, block, sizeof block);
    ATTEND_CHECK(got >= 0, kData, "{}: '{}' cannot be unpacked ({}); the archive is damaged, get it again", path, name, reason(reader));
    if (got == 0) return bytes;
    const std::string_view part(block, static_cast<std::size_t>(got));
    if (bytes.empty() && !is_picture_name(name) && !is_picture(part)) return {};
    take_room(part.size(), path, room);
    bytes += part;
  }
}

Files unpack(const std::string& path, ReadingReport& report) {
  const MappedFile file(path);
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_format_tar(reader.get());
  std::string last;  // the file unpacked last
  const auto check = [&](int code) {
    ATTEND_CHECK(
        code == ARCHIVE_OK || code == ARCHIVE_WARN, kData,
        "{}: expected a folder or a tar archive (plain, gzip or xz), got what cannot be unpacked {} ({}); get it again or unpack it", path,
        last.empty() ? "at its beginning" : fmt::format("after '{}'", last), reason(reader.get()));
  };
  check(archive_read_open_memory(reader.get(), file.bytes().data(), file.bytes().size()));
  auto room = available_memory() / 10 * 9;
  Files files;
  const auto keep = [&](const std::string& name, const std::string& full, std::string bytes) {
    const auto known = files.find(name);
    ATTEND_CHECK(known == files.end() || known->second.full_name == full, kData,
                 "{}: holds two files called '{}', {} and {}; pictures go by their name without folders", path, name,
                 known == files.end() ? "" : known->second.full_name, full);
    files[name] = {full, std::move(bytes)};
  };
  archive_entry* entry = nullptr;
  for (int code; (code = archive_read_next_header(reader.get(), &entry)) != ARCHIVE_EOF;) {
    check(code);
    if (archive_entry_filetype(entry) == AE_IFDIR) continue;
    const char* const packed_name = archive_entry_pathname(entry);
    const std::string full = packed_name ? packed_name : "";
    const auto name = std::filesystem::path(full).filename().string();
    ATTEND_CHECK(!name.empty(), kData, "{}: holds a file without a name, {}; the archive is damaged, get it again", path,
                 last.empty() ? "its first" : fmt::format("after '{}'", last));
    last = name;
    if (name.starts_with('.')) {
      report.leave_out("hidden files", full);
      continue;
    }
    if (const char* const linked = archive_entry_hardlink(entry)) {  // the same file once more
      const auto there = files.find(std::filesystem::path(linked).filename().string());
      if (there == files.end()) {
        report.leave_out("links to what is no picture", full);
      } else if (there->first != name) {
        take_room(there->second.bytes.size(), path, room);
        keep(name, full, there->second.bytes);
      }
      continue;
    }
    if (archive_entry_filetype(entry) != AE_IFREG) {
      report.leave_out("entries that are no files", full);
      continue;
    }
    auto bytes = picture_bytes(reader.get(), path, name, room);
    if (bytes.empty())
      report.leave_out("files that are no PNG or JPEG picture", full);
    else
      keep(name, full, std::move(bytes));
  }
  const auto reasons = report.lines();
  ATTEND_CHECK(!files.empty(), kData, "{}: the archive holds no picture{}{}", path, reasons.empty() ? "" : "; ", fmt::join(reasons, "; "));
  return files;
}

}  // namespace

struct ImageStore::State {
  std::string path;
  bool is_folder = false;
  Files files;  // of an archive
  ReadingReport report;
};

ImageStore::ImageStore(const std::string& path) : state_(std::make_unique<State>()) {
  state_->path = path;
  std::error_code ignored;
  state_->is_folder = std::filesystem::is_directory(path, ignored);
  if (!state_->is_folder) state_->files = unpack(path, state_->report);
}
ImageStore::ImageStore(ImageStore&&) noexcept = default;
ImageStore& ImageStore::operator=(ImageStore&&) noexcept = default;
ImageStore::~ImageStore() = default;

bool ImageStore::holds(const std::string& name) const {
  std::error_code ignored;
  return state_->is_folder ? std::filesystem::is_regular_file(place(name), ignored) : state_->files.contains(name);
}

std::string ImageStore::bytes(const std::string& name) const {
  ATTEND_CHECK(holds(name), kData, "{}: there is no picture '{}' in it; check the path or the list of names", state_->path, name);
  return state_->is_folder ? read_file(place(name)) : state_->files.at(name).bytes;
}

std::size_t ImageStore::pictures() const {
  if (!state_->is_folder) return state_->files.size();
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(state_->path))
    count += is_picture_name(entry.path().filename().string()) && !entry.path().filename().string().starts_with('.') ? 1 : 0;
  return count;
}

const ReadingReport& ImageStore::report() const { return state_->report; }

std::string ImageStore::place(const std::string& name) const { return state_->path + "/" + name; }

void ImageStore::check_holds(const std::vector<CaptionedImage>& images) const {
  std::uint64_t missing = 0;
  const CaptionedImage* first = nullptr;
  for (const auto& image : images) {
    if (holds(image.name)) continue;
    if (missing++ == 0) first = &image;
  }
  ATTEND_CHECK(missing == 0, kData, "{}: there is no picture '{}' in it, and {} of {} are missing; check the path or the list of names",
               state_->path, first->name, missing, images.size());
}

}  // namespace attend
