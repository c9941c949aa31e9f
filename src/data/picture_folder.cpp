#include "attend/data/picture_folder.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <set>

#include "attend/core/error.h"
#include "attend/data/image.h"
#include "attend/data/labelled.h"
#include "attend/text/unicode.h"

namespace attend {
namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

std::string first_bytes(const std::string& path) {
  std::array<char, 8> bytes{};
  std::ifstream file(path, std::ios::binary);
  ATTEND_CHECK(file.good(), kFile, "{}: cannot be read; check its permissions", path);
  file.read(bytes.data(), bytes.size());
  return {bytes.data(), static_cast<std::size_t>(file.gcount())};
}

/// Entries in the order of their bytes, whatever the disk's.
std::vector<fs::path> entries_of(const std::string& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) entries.push_back(at->path());
  ATTEND_CHECK(!error, kFile, "{}: cannot be read: {}", folder, error.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}
bool is_picture_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && is_picture(first_bytes(path.string()));
}

/// All pictures in the folder and below. `seen` are folders that were read already: links may lead round in circles.
void gather(const std::string& folder, std::set<std::string>& seen, ReadingReport& report, std::vector<std::string>& pictures) {
  if (!seen.insert(fs::canonical(folder).string()).second) {
    report.leave_out("links to folders that were read already", folder);
    return;
  }
  for (const auto& entry : entries_of(folder)) {
    const auto path = entry.string();
    if (is_hidden(entry))
      report.leave_out("hidden files or folders", path);
    else if (is_folder(entry))
      gather(path, seen, report, pictures);
    else if (!is_picture_file(entry))
      report.leave_out("files that are no PNG or JPEG picture", path);
    else
      pictures.push_back(path);
  }
}

}  // namespace

PictureFolder read_picture_folder(const std::string& folder) {
  PictureFolder result;
  std::size_t parts = 0, folders = 0;
  std::error_code error;
  std::set<std::string> seen{fs::weakly_canonical(folder, error).string()};
  static const std::set<std::string> kParts{"train", "training", "test", "testing", "val", "valid", "validation", "dev"};
  for (const auto& entry : entries_of(folder)) {
    const auto path = entry.string(), name = entry.filename().string();
    if (is_hidden(entry)) {
      result.report.leave_out("hidden files or folders", path);
      continue;
    }
    if (!is_folder(entry)) {
      result.report.leave_out(is_picture_file(entry) ? "pictures outside the folder of a class" : "files that are no PNG or JPEG picture",
                              path);
      continue;
    }
    ++folders;
    parts += kParts.contains(name) ? 1 : 0;
    ATTEND_CHECK(first_broken_byte(name) == std::string::npos, kData, "{}: the folder's name is not UTF-8; rename it, it is a class", path);
    std::vector<std::string> pictures;
    gather(path, seen, result.report, pictures);
    for (auto& picture : pictures) result.pictures.push_back({std::move(picture), plain_label(name)});
  }
  ATTEND_CHECK(folders == 0 || parts < folders, kData,
               "{}: its folders are parts of a data set, not classes; name them one by one: data.images: {}/train, data.dev_images: {}/val",
               folder, folder, folder);
  const auto reasons = result.report.lines();
  ATTEND_CHECK(!result.pictures.empty(), kData, "{}: holds no folder with PNG or JPEG pictures; expected {}/CLASS/PICTURE{}{}", folder,
               folder, reasons.empty() ? "" : "; ", fmt::join(reasons, "; "));
  return result;
}

std::vector<std::string> picture_files(const std::vector<std::string>& paths, ReadingReport& report) {
  std::vector<std::string> files;
  for (const auto& path : paths) {
    if (!is_folder(path)) {
      files.push_back(path);
      continue;
    }
    std::set<std::string> seen;
    const auto before = files.size();
    gather(path, seen, report, files);
    ATTEND_CHECK(files.size() > before, kData, "{}: no PNG or JPEG picture lies in this folder or below", path);
  }
  return files;
}

}  // namespace attend
