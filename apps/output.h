#pragma once
// Where results go: a file, standard output or the record of a run. Nothing that was said to be written is lost without a word.
#include <memory>
#include <string>
#include <string_view>

#include "attend/core/files.h"
#include "attend/record/record.h"

namespace attend::cli {

/// Lines for a file or, as `-`, for standard output. A regular file is written beside its name and takes it in close(), so that
/// an input that cannot be read costs nobody an older output. When an error or a signal ends the verb, whole lines written before it
/// are kept, beside an older file (AtomicFile::commit), and the user is told where.
class Output {
 public:
  explicit Output(const std::string& path);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  void line(std::string_view text);
  void text(std::string_view text);  ///< as it is, without a line end of its own
  void flush();                      ///< to whoever reads along; throws kFile when it cannot be written, PipeClosed when nobody reads
  void close();

 private:
  void keep();  // the lines that are whole, after an error or a signal
  std::string path_, waiting_;
  std::unique_ptr<AtomicFile> file_;
  std::uint64_t begin_ = 0, whole_ = 0;  // bytes before `waiting_`, and up to the last line's end
  int errors_;                           // exceptions in flight when it was made
};

/// A record of what was attended to, in the file that the user named, or nothing when none was. When an error or a signal ends the verb,
/// the sentences before it are kept in the same way.
class RecordOutput {
 public:
  /// Unless `quiet` it says once where the record has summaries in place of maps.
  explicit RecordOutput(const std::string& path, bool quiet = false);
  ~RecordOutput();
  RecordOutput(const RecordOutput&) = delete;
  RecordOutput& operator=(const RecordOutput&) = delete;
  explicit operator bool() const { return writer_ != nullptr; }
  void add(const Record& record);
  void add(const Record& record, std::uint64_t sentence);  ///< with this number
  void close();

 private:
  void tell_summaries(const RecordData& data);
  std::string path_;
  bool told_;  // or quiet
  std::unique_ptr<RecordWriter> writer_;
  std::uint64_t count_ = 0;
  int errors_;
};

/// Everything printed so far, on its way; throws as Output::flush.
void flush_standard_output();

/// Holds the numbers 0 to 2 for the standard streams: a file opened while one of them is closed would receive its text.
void hold_standard_streams();

}  // namespace attend::cli
