#include "attend/text/lines.h"

#include <algorithm>
#include <cstring>

#include "attend/core/error.h"
#include "attend/text/sniff.h"
#include "attend/text/unicode.h"

namespace attend {

std::string_view line_at(std::string_view bytes, std::size_t at, std::size_t* behind) {
  const char* begin = bytes.data() + at;
  const auto* end = static_cast<const char*>(std::memchr(begin, '\n', bytes.size() - at));
  std::size_t size = end == nullptr ? bytes.size() - at : static_cast<std::size_t>(end - begin);
  if (behind != nullptr) *behind = at + size + 1;
  if (size > 0 && begin[size - 1] == '\r') --size;
  return {begin, size};
}

std::vector<std::string_view> words_of_line(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto character = at;
    if (!is_white_space(next_character(text, at))) continue;
    if (character > begin) words.push_back(text.substr(begin, character - begin));
    begin = at;
  }
  if (begin < text.size()) words.push_back(text.substr(begin));
  return words;
}

std::vector<std::string_view> split_at(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const auto first = text.find_first_not_of(kBlanks);
  return first == text.npos ? std::string_view{} : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

TextFile::TextFile(const std::string& path, std::string_view expected, TextIs what) : map(path), is(what) {
  const auto bytes = map.bytes();
  check_is_text(bytes, path, is != TextIs::kAnything);
  if (bytes.starts_with("\xef\xbb\xbf")) next = 3;
  ATTEND_CHECK(next < bytes.size(), kFile, "{}: the file is empty; expected {}", path, expected);
}

std::string TextFile::place() const { return fmt::format("{}:{}", map.path(), lines); }

std::string_view TextFile::take() {
  ++lines;
  const auto line = line_at(map.bytes(), next, &next);
  if (lines == 1 && at_end() && is == TextIs::kLines) check_line_ends(line, map.path());
  return line;
}

bool TextFile::next_line(std::string_view& line) {
  while (!at_end()) {
    line = take();
    check_text(line);
    if (!is_blank(line)) return true;
    report.leave_out("blank lines", place());
  }
  return false;
}

void TextFile::check_text(std::string_view line) const {
  const auto wrong = first_wrong_byte(line);
  ATTEND_CHECK(wrong == line.npos, kData, "{}: {}; convert the file to UTF-8 with iconv", place(), describe_wrong_byte(line, wrong));
}

}  // namespace attend
