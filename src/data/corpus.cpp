#include "attend/data/corpus.h"

#include <algorithm>
#include <array>

#include "attend/core/error.h"
#include "attend/text/lines.h"
#include "attend/text/unicode.h"

namespace attend {
namespace {

constexpr std::size_t kExamplesOfAKind = 3;

struct Columns {
  std::string_view source, target, extra;
  bool complete = false;
};

Columns columns_of(std::string_view line) {
  const auto first = line.find('\t');
  if (first == line.npos) return {line, {}, {}, false};
  const auto rest = line.substr(first + 1);
  const auto second = rest.find('\t');
  if (second == rest.npos) return {line.substr(0, first), rest, {}, true};
  return {line.substr(0, first), rest.substr(0, second), rest.substr(second + 1), true};
}

}  // namespace

struct ParallelCorpus::State {
  CorpusOptions options;
  std::vector<TextFile> files;                            // source and target, or one TSV
  std::vector<std::uint64_t> rows;                        // where each pair's line begins in the TSV
  std::vector<std::array<std::uint64_t, 2>> line_starts;  // the same in two files
  std::vector<std::uint64_t> skipped;                     // 0-based line numbers, ascending
  CorpusReport report;

  enum class Trouble { kBlank, kTooLong, kBroken };

  void skip(Trouble trouble, const std::string& place, const std::string& reason) {
    const std::array counts{&report.blank, &report.too_long, &report.broken};
    auto& count = *counts[static_cast<std::size_t>(trouble)];
    if (++count <= kExamplesOfAKind) report.examples.push_back(fmt::format("{}: {}", place, reason));
    skipped.push_back(files[0].lines - 1);
  }

  // True when the line is to be skipped, which is then on record.
  bool skip_long(const TextFile& file, std::string_view line) {
    if (line.size() <= options.max_line_bytes) return false;
    skip(Trouble::kTooLong, file.place(), fmt::format("{} bytes, more than {}", line.size(), options.max_line_bytes));
    return true;
  }
  bool skip_wrong(const TextFile& file, std::string_view line) {
    const auto wrong = first_wrong_byte(line);
    if (wrong == line.npos) return false;
    const auto reason = describe_wrong_byte(line, wrong);
    ATTEND_CHECK(options.skip_broken, kData,
                 "{}: {}; convert the file with iconv (training can leave such lines out: data.skip_broken=true)", file.place(), reason);
    skip(Trouble::kBroken, file.place(), reason);
    return true;
  }
  bool skip_blank(std::string_view source, std::string_view target) {
    const bool source_blank = is_blank(source), target_blank = is_blank(target);
    if (options.keep_blank || (!source_blank && !target_blank)) return false;
    skip(Trouble::kBlank, files[0].place(),
         source_blank && target_blank ? "blank on both sides"
         : source_blank               ? "the source is blank"
                                      : "the target is blank");
    return true;
  }

  void leave_header() {
    if (!options.header) return;
    for (auto& file : files)
      if (!file.at_end()) file.take();
    skipped.push_back(0);
  }

  void read_files() {
    auto& source = files[0];
    auto& target = files[1];
    leave_header();
    while (!source.at_end() && !target.at_end()) {
      const std::array<std::uint64_t, 2> begin{source.next, target.next};
      std::array<std::string_view, 2> line;
      for (std::size_t side = 0; side < 2; ++side) {
        line[side] = files[side].take();
      }
      if (skip_long(source, line[0]) || skip_long(target, line[1])) continue;
      if (skip_wrong(source, line[0]) || skip_wrong(target, line[1])) continue;
      if (!skip_blank(line[0], line[1])) line_starts.push_back(begin);
    }
    if (source.at_end() && target.at_end()) return;
    auto& longer = source.at_end() ? target : source;
    const auto& shorter = source.at_end() ? source : target;
    const auto common = longer.lines;
    while (!longer.at_end()) longer.take();
    fail(ErrorKind::kData, "{}:{}: no line of {} goes with it: {} lines against {}; line n of one file must translate line n of the other",
         longer.map.path(), common + 1, shorter.map.path(), longer.lines, shorter.lines);
  }

  void read_tsv() {
    auto& file = files[0];
    leave_header();
    while (!file.at_end()) {
      const std::uint64_t begin = file.next;
      const auto line = file.take();
      if (skip_long(file, line) || skip_wrong(file, line)) continue;
      const auto columns = columns_of(line);
      if (!columns.complete && !is_blank(line)) {
        fail(ErrorKind::kData, "{}: expected source, tab, target; got a line without a tab: '{}'", file.place(), beginning(line));
      }
      if (!skip_blank(columns.source, columns.target)) rows.push_back(begin);
    }
  }

  void finish() {
    report.pairs = size();
    if (report.pairs > 0) return;
    fail(ErrorKind::kData, "{}: no sentence pair is left of {} lines: {} blank, {} longer than {} bytes, {} not UTF-8", files[0].map.path(),
         files[0].lines, report.blank, report.too_long, options.max_line_bytes, report.broken);
  }

  bool is_tsv() const { return files.size() == 1; }
  std::size_t size() const { return is_tsv() ? rows.size() : line_starts.size(); }
  Columns columns(std::size_t i) const { return columns_of(line_at(files[0].map.bytes(), rows[i])); }
  std::string_view line(std::size_t side, std::size_t i) const { return line_at(files[side].map.bytes(), line_starts[i][side]); }
};

ParallelCorpus::ParallelCorpus(std::unique_ptr<State> state) : state_(std::move(state)) {}
ParallelCorpus::ParallelCorpus(ParallelCorpus&&) noexcept = default;
ParallelCorpus& ParallelCorpus::operator=(ParallelCorpus&&) noexcept = default;
ParallelCorpus::~ParallelCorpus() = default;

ParallelCorpus ParallelCorpus::from_files(const std::string& source, const std::string& target, const CorpusOptions& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  state->files.emplace_back(source);
  state->files.emplace_back(target);
  state->read_files();
  state->finish();
  return ParallelCorpus(std::move(state));
}

ParallelCorpus ParallelCorpus::from_tsv(const std::string& path, const CorpusOptions& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  state->files.emplace_back(path);
  state->read_tsv();
  state->finish();
  return ParallelCorpus(std::move(state));
}

std::size_t ParallelCorpus::size() const { return state_->size(); }

std::string_view ParallelCorpus::source(std::size_t i) const {
  ATTEND_ASSERT(i < size());
  return state_->is_tsv() ? state_->columns(i).source : state_->line(0, i);
}

std::string_view ParallelCorpus::target(std::size_t i) const {
  ATTEND_ASSERT(i < size());
  return state_->is_tsv() ? state_->columns(i).target : state_->line(1, i);
}

std::string_view ParallelCorpus::extra(std::size_t i) const {
  ATTEND_ASSERT(i < size());
  return state_->is_tsv() ? state_->columns(i).extra : std::string_view{};
}

std::string ParallelCorpus::place(std::size_t i) const { return fmt::format("{}:{}", state_->files[0].map.path(), line(i)); }

std::uint64_t ParallelCorpus::lines() const { return state_->files[0].lines; }

std::uint64_t ParallelCorpus::line(std::size_t i) const {
  ATTEND_ASSERT(i < size());
  // Pair i stands on line i + k, where k lines before it were skipped: the k-th skipped line has skipped[k] - k pairs before
  // it, a number that never falls.
  const auto& skipped = state_->skipped;
  std::size_t low = 0, high = skipped.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (skipped[middle] - middle <= i) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return i + low + 1;
}

const CorpusReport& ParallelCorpus::report() const { return state_->report; }

}  // namespace attend
