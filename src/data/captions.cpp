#include "attend/data/captions.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "attend/core/error.h"
#include "attend/text/lines.h"
#include "attend/text/unicode.h"

namespace attend {
namespace {

struct Numbered {
  std::string name;
  std::map<std::uint32_t, std::string> captions;
};

}  // namespace

std::vector<CaptionedImage> read_captions(const std::string& path, ReadingReport* report) {
  TextFile file(path, "lines 'name.jpg#0 TAB caption'");
  std::vector<Numbered> images;
  std::unordered_map<std::string, std::size_t> places;
  for (std::string_view line; file.next_line(line);) {
    const auto tab = std::min(line.find('\t'), line.size());
    const auto key = line.substr(0, tab);
    const auto caption = trimmed(line.substr(tab));
    const auto hash = std::min(key.rfind('#'), key.size());
    const auto digits = key.substr(std::min(hash + 1, key.size()));
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    ATTEND_CHECK(hash > 0 && error == std::errc() && end == digits.data() + digits.size() && !caption.empty(), kData,
                 "{}: expected 'name.jpg#0', tab, caption; got '{}'", file.place(), beginning(line));
    std::string name(key.substr(0, hash));
    ATTEND_CHECK(name.find('/') == name.npos, kData, "{}: expected a file's name without a folder, got '{}'", file.place(), name);
    const auto [at, fresh] = places.emplace(name, images.size());
    if (fresh) images.push_back({std::move(name), {}});
    const bool first = images[at->second].captions.emplace(number, caption).second;
    ATTEND_CHECK(first, kData, "{}: {} stands here a second time; drop one of the two", file.place(), key);
  }
  if (report != nullptr) *report = file.report;
  std::vector<CaptionedImage> result;
  for (auto& image : images) {
    result.push_back({std::move(image.name), {}});
    for (auto& [number, caption] : image.captions) result.back().captions.push_back(std::move(caption));
  }
  return result;
}

std::vector<CaptionedImage> read_captions(const std::string& path, const std::string& split, ReadingReport* report) {
  auto all = read_captions(path, report);
  std::unordered_map<std::string_view, const CaptionedImage*> by_name;
  for (const auto& image : all) by_name.emplace(image.name, &image);
  TextFile file(split, "one image name a line");
  std::vector<CaptionedImage> result;
  std::unordered_set<std::string> listed;
  for (std::string_view line; file.next_line(line);) {
    const std::string name(trimmed(line));
    const auto found = by_name.find(name);
    ATTEND_CHECK(found != by_name.end(), kData, "{}: {} has no caption for '{}'; are the two files of one set?", file.place(), path, name);
    ATTEND_CHECK(listed.insert(name).second, kData, "{}: '{}' is listed a second time; drop one of the two", file.place(), name);
    result.push_back(*found->second);
  }
  ATTEND_CHECK(!result.empty(), kData, "{}: holds only blank lines; expected one image name a line", split);
  return result;
}

std::string plain_caption(std::string_view caption) {
  const auto normal = normalise(caption, {.lowercase = true, .plain_spaces = true});
  std::string plain;
  for (const auto word : words_of_line(normal.bytes())) {
    std::string kept;
    for (std::size_t i = 0; i < word.size(); ++i) {
      const auto c = static_cast<unsigned char>(word[i]);
      const bool inside = i > 0 && i + 1 < word.size();
      if (c >= 0x80 || std::isalnum(c) || (inside && (c == '-' || c == '\''))) kept += word[i];
    }
    if (kept.empty()) continue;
    if (!plain.empty()) plain += ' ';
    plain += kept;
  }
  return plain;
}

}  // namespace attend
