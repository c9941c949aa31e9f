#pragma once
// Text files by line, for readers: memory-mapped, and each line knows its place for errors.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attend/core/files.h"
#include "attend/text/reading_report.h"

namespace attend {

/// The line that begins at `at`, without its end (LF or CRLF); `behind`, when given, receives where the next one begins.
std::string_view line_at(std::string_view bytes, std::size_t at, std::size_t* behind = nullptr);

/// The parts of a line between white space; `text` must outlive them.
std::vector<std::string_view> words_of_line(std::string_view text);
/// The parts of a line between single separators, empty ones included.
std::vector<std::string_view> split_at(std::string_view text, char separator);
/// Without ASCII blanks at both ends.
std::string_view trimmed(std::string_view text);

/// What a file of text holds: lines of their own form; rows, which may end in CR alone; or any text at all, such as a language model
/// reads.
enum class TextIs { kLines, kRows, kAnything };

/// A mapped text and a place in it. Throws kFile for what cannot be read or is empty, kData for UTF-16 and for what is no text or,
/// where lines are expected, the document of another program (sniff.h); drops a BOM. One thread at a time.
struct TextFile {
  MappedFile map;
  std::size_t next = 0;     // first byte not read yet
  std::uint64_t lines = 0;  // read so far
  ReadingReport report;     // blank lines that next_line passed over
  TextIs is;

  explicit TextFile(const std::string& path, std::string_view expected = "one sentence a line", TextIs what = TextIs::kLines);
  bool at_end() const { return next >= map.bytes().size(); }
  /// "file:line" of the line read last.
  std::string place() const;
  std::string_view take();  // the next line, whatever it holds
  /// The next line that is not blank; false at the end of the file. A byte that no text holds is kData.
  bool next_line(std::string_view& line);
  /// Throws kData when `line`, the one read last, holds a byte that no text holds.
  void check_text(std::string_view line) const;
};

}  // namespace attend
