// CSV and TSV, by libcsv.
#include <csv.h>

#include <algorithm>
#include <exception>
#include <map>
#include <new>
#include <utility>

#include "attend/core/error.h"
#include "attend/text/unicode.h"
#include "columns.h"
#include "table.h"

namespace attend {
namespace {

constexpr std::size_t kSniffed = std::size_t{1} << 18;  // bytes that the separator is chosen by

/// libcsv over a file, a line at a time, so that each row knows where it begins.
class CsvReader {
 public:
  CsvReader(char separator, bool strict) {
    ATTEND_ASSERT(csv_init(&parser_, static_cast<unsigned char>(strict ? CSV_STRICT : 0)) == 0);
    csv_set_delim(&parser_, static_cast<unsigned char>(separator));
  }
  ~CsvReader() { csv_free(&parser_); }
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  bool in_row() const { return in_row_; }
  std::uint64_t row_line() const { return line_; }
  /// A line with its end. False when a strict reader finds a quote where none may be.
  bool feed(std::string_view line, std::uint64_t number) {
    if (!in_row_) line_ = number;
    in_row_ = true;
    const bool whole = csv_parse(&parser_, line.data(), line.size(), on_cell, on_row, this) == line.size();
    check();
    return whole;
  }
  /// The end of the file; false inside quotes.
  bool finish() {
    csv_set_opts(&parser_, static_cast<unsigned char>(CSV_STRICT | CSV_STRICT_FINI));  // only together they notice it
    const bool whole = csv_fini(&parser_, on_cell, on_row, this) == 0;  // old Macs' lines, CR alone, come in one piece: a row may be open
    check();
    return whole;
  }
  std::vector<TableRow> take() { return std::exchange(rows_, {}); }

 private:
  static void on_cell(void* bytes, std::size_t size, void* self) {
    static_cast<CsvReader*>(self)->guarded([&](CsvReader& r) { r.cells_.push_back(plain_cell({static_cast<const char*>(bytes), size})); });
  }
  static void on_row(int /*end*/, void* self) {
    static_cast<CsvReader*>(self)->guarded([](CsvReader& r) {
      r.rows_.push_back({std::exchange(r.cells_, {}), r.line_});
      r.in_row_ = false;
    });
  }
  // No exception may pass through libcsv, which is C.
  template <class Take>
  void guarded(const Take& take) {
    try {
      take(*this);
    } catch (...) {
      thrown_ = std::current_exception();
    }
  }
  void check() {
    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
    if (csv_error(&parser_) == CSV_ENOMEM) throw std::bad_alloc();
  }
  csv_parser parser_{};
  std::vector<std::string> cells_;
  std::vector<TableRow> rows_;
  std::uint64_t line_ = 0;
  bool in_row_ = false;
  std::exception_ptr thrown_;
};

/// The rows of a text that begins at line 1, or nothing when it cannot be read so.
std::vector<TableRow> rows_of(std::string_view bytes, char separator, bool strict) {
  CsvReader reader(separator, strict);
  std::uint64_t number = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto begin = at;
    (void)line_at(bytes, begin, &at);
    ++number;
    const auto line = bytes.substr(begin, at - begin);
    if (!reader.in_row() && trimmed(line.substr(0, line.find('\n'))).empty()) continue;
    if (!reader.feed(line, number)) return {};
  }
  if (!reader.finish() && strict) return {};
  return reader.take();
}

/// Share of the rows that have as many cells as most have; 0 when that is one.
double regularity(const std::vector<TableRow>& rows) {
  std::map<std::size_t, std::size_t> counts;
  for (const auto& row : rows) ++counts[row.cells.size()];
  if (counts.empty()) return 0;
  const auto most = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most->first < 2 ? 0 : static_cast<double>(most->second) / static_cast<double>(rows.size());
}

char separator_of(std::string_view bytes) {
  auto begin = bytes.substr(0, kSniffed);
  if (begin.size() < bytes.size()) begin = begin.substr(0, begin.find_last_of("\r\n") + 1);
  if (first_broken_byte(begin) != begin.npos) return ',';  // reading it tells where
  char best = ',';
  double highest = 0;
  for (const char separator : {',', ';', '\t', '|'}) {
    const auto rows = rows_of(begin, separator, false);
    const auto named = !rows.empty() && names_columns({rows[0].cells.begin(), rows[0].cells.end()}) ? 1 : 0;
    if (const auto regular = regularity(rows) + named; regular > highest) {
      highest = regular;
      best = separator;
    }
  }
  return best;
}

/// Whether a TSV quotes its cells: where any begins with a quote, and reading them so makes rows of one size.
bool quotes_cells(std::string_view bytes) {
  if (!bytes.starts_with('"') && bytes.find("\n\"") == bytes.npos && bytes.find("\t\"") == bytes.npos) return false;
  return regularity(rows_of(bytes, '\t', true)) == 1;
}

void check_width(const Table& table, const TableRow& row) {
  const auto expected = table.rows.empty() ? row.cells.size() : table.rows[0].cells.size();
  ATTEND_CHECK(row.cells.size() == expected, kData,
               "{}: {} cells, the first row has {}; put quotes around a text that holds the separator ({}), or name the format: "
               "data.format in training, --format of other verbs",
               table.place(row), row.cells.size(), expected, table.form);
}

void read_unquoted(TextFile& file, Table& table) {
  for (std::string_view line; file.next_line(line);) {
    TableRow row{{}, file.lines};
    for (const auto cell : split_at(line, '\t')) row.cells.push_back(plain_cell(cell));
    check_width(table, row);
    table.rows.push_back(std::move(row));
  }
}

}  // namespace

void read_separated(TextFile& file, TableFormat format, Table& table) {
  const auto bytes = file.map.bytes();
  const auto rest = bytes.substr(file.next);
  const bool is_tsv = format == TableFormat::kTsv;
  const char separator = is_tsv ? '\t' : separator_of(rest);
  table.form = is_tsv              ? "TSV"
               : separator == ','  ? "CSV with commas"
               : separator == ';'  ? "CSV with semicolons"
               : separator == '\t' ? "CSV with tabs"
                                   : "CSV with bars";
  if (is_tsv && !quotes_cells(rest)) return read_unquoted(file, table);
  CsvReader reader(separator, false);
  const auto take_rows = [&] {
    for (auto& row : reader.take()) {
      check_width(table, row);
      table.rows.push_back(std::move(row));
    }
  };
  while (!file.at_end()) {
    const auto begin = file.next;
    const auto line = file.take();
    file.check_text(line);
    if (!reader.in_row() && is_blank(line)) {
      file.report.leave_out("blank lines", file.place());
      continue;
    }
    reader.feed(bytes.substr(begin, std::min(file.next, bytes.size()) - begin), file.lines);
    take_rows();
  }
  ATTEND_CHECK(reader.finish(), kData, "{}:{}: the quote that opens in this row is never closed; close it, or double a quote inside a text",
               table.path, reader.row_line());
  take_rows();
}

}  // namespace attend
