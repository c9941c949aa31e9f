#include "output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <utility>

#include "attend/core/error.h"
#include "attend/core/memory.h"
#include "attend/core/printable.h"
#include "terminal.h"

namespace attend::cli {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 16;

[[noreturn]] void fail_standard_output(int error) { fail_errno("standard output", "write", error); }

// Where part of a work is now; `other` is its name where an older file has its own.
void say_part(const std::string& path, const std::optional<std::string>& other, const std::string& what) {
  if (other)
    say("attend: {} holds {}; {} is as it was\n", *other, what, path);
  else
    say("attend: {} holds {}\n", path == "-" ? "standard output" : path, what);
}

// Of what failed while part of a work was kept, after the error or signal that ended the work.
void say_too(const std::exception& e) { say("attend: {}\n", printable(e.what())); }

}  // namespace

Output::Output(const std::string& path) : path_(path), errors_(std::uncaught_exceptions()) {
  if (path != "-") file_ = std::make_unique<AtomicFile>(path);
}

Output::~Output() {
  if (std::uncaught_exceptions() > errors_) keep();
}

void Output::keep() try {
  if (!file_) return;  // run_program flushes what is on its way there
  auto& writer = file_->writer();
  try {
    if (writer.position() == begin_) writer.write(waiting_);  // else this block failed on its way
  } catch (const Error&) {                                    // the disk is full, say: what it took is told apart below
  }
  if (file_->in_place()) return;
  const auto end = std::string_view(waiting_).substr(0, writer.position() - begin_).rfind('\n');
  if (end != std::string_view::npos) whole_ = begin_ + end + 1;
  if (whole_ == 0) return;
  writer.cut(whole_);
  say_part(path_, file_->commit(Work::kPart), "the lines that were done");
} catch (const std::exception& e) {
  say_too(e);
}

void Output::line(std::string_view text) {
  this->text(text);
  this->text("\n");
}

void Output::text(std::string_view text) {
  if (!file_) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail_standard_output(errno);
    return;
  }
  waiting_ += text;
  if (waiting_.size() >= kBlock) flush();
}

void Output::flush() {
  if (!file_) return flush_standard_output();
  auto& writer = file_->writer();
  begin_ = writer.position();
  writer.write(waiting_);
  const auto end = waiting_.rfind('\n');
  if (end != std::string::npos) whole_ = begin_ + end + 1;
  begin_ = writer.position();
  waiting_.clear();
}

void Output::close() {
  flush();
  if (file_) file_->commit();
  file_.reset();
}

RecordOutput::RecordOutput(const std::string& path, bool quiet) : path_(path), told_(quiet), errors_(std::uncaught_exceptions()) {
  if (!path.empty()) writer_ = std::make_unique<RecordWriter>(path);
}

RecordOutput::~RecordOutput() {
  if (!writer_ || count_ == 0 || std::uncaught_exceptions() <= errors_) return;
  try {
    say_part(path_, writer_->close(Work::kPart),
             count_ == 1 ? "the sentence that was done" : fmt::format("the {} sentences that were done", count_));
  } catch (const std::exception& e) {
    say_too(e);
  }
}

void RecordOutput::tell_summaries(const RecordData& data) {
  if (data.summaries.empty() || std::exchange(told_, true)) return;
  const auto& first = data.summaries[0];
  const double weights = double{4} * first.heads * first.rows * first.cols;  // bytes
  say("attend: {} holds summaries of large maps, such as {} layer {} of input {}, whose weights would take {}: statistics of rows and "
      "columns, pooled blocks{}; --maps full keeps every weight\n",
      path_, first.site.name, first.site.layer, data.sentence, size_text(static_cast<std::uint64_t>(weights)),
      first.tiles ? ", queries and keys for exact tiles" : "");
}

void RecordOutput::add(const Record& record) {
  writer_->add(record);
  tell_summaries(record.data());
  ++count_;
}

void RecordOutput::add(const Record& record, std::uint64_t sentence) {
  auto data = record.data();
  data.sentence = sentence;
  add(Record(std::move(data)));
}

void RecordOutput::close() {
  if (writer_) writer_->close();
  writer_.reset();
}

void flush_standard_output() {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) fail_standard_output(errno != 0 ? errno : EIO);
}

void hold_standard_streams() {
  // Read-only where text would go: whoever closed standard output on purpose and has something written to it is told so.
  constexpr int kHow[] = {O_WRONLY, O_RDONLY, O_WRONLY};
  for (int number = 0; number < 3; ++number)
    if (::fcntl(number, F_GETFD) < 0 && errno == EBADF) (void)::open("/dev/null", kHow[number]);
}

}  // namespace attend::cli
