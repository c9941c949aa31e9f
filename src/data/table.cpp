#include "table.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "attend/core/error.h"
#include "attend/text/unicode.h"
#include "columns.h"

namespace attend {
namespace {

std::string_view first_text_line(std::string_view bytes) {
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
  for (std::size_t at = 0; at < bytes.size();) {
    const auto line = line_at(bytes, at, &at);
    if (first_wrong_byte(line) != line.npos) return {};
    if (!is_blank(line)) return trimmed(line);
  }
  return {};
}

}  // namespace

TableFormat table_format(const std::string& path, std::string_view bytes, const std::string& wanted) {
  const auto by_name = [](const std::string& name) {
    return name == "csv"                         ? TableFormat::kCsv
           : name == "tsv" || name == "tab"      ? TableFormat::kTsv
           : name == "jsonl" || name == "ndjson" ? TableFormat::kJsonLines
           : name == "json"                      ? TableFormat::kJsonArray
                                                 : TableFormat::kLines;
  };
  if (wanted != "auto") return by_name(wanted);
  auto extension = std::filesystem::path(path).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto first = first_text_line(bytes);
  const auto format = by_name(extension.empty() ? extension : extension.substr(1));
  if (format == TableFormat::kJsonArray && first.starts_with('{') && first.ends_with('}')) return TableFormat::kJsonLines;
  if (format != TableFormat::kLines) return format;
  if (first.starts_with("{\"") && first.ends_with('}')) return TableFormat::kJsonLines;
  for (const char separator : {'\t', ',', ';'})
    if (names_columns(split_at(first, separator))) return separator == '\t' ? TableFormat::kTsv : TableFormat::kCsv;
  return TableFormat::kLines;
}

std::string Table::place(const TableRow& row) const {
  return is_array ? fmt::format("{}, object {}", path, row.line) : fmt::format("{}:{}", path, row.line);
}

std::string plain_cell(std::string_view cell) {
  std::string plain;
  for (std::size_t i = 0; i < cell.size(); ++i) {
    if (cell[i] == '\r' && i + 1 < cell.size() && cell[i + 1] == '\n') continue;
    plain += cell[i] == '\n' || cell[i] == '\r' ? ' ' : cell[i];
  }
  return std::string(trimmed(plain));
}

Table read_table(const std::string& path, TableFormat format) {
  ATTEND_ASSERT(format != TableFormat::kLines);
  TextFile file(path, format == TableFormat::kCsv || format == TableFormat::kTsv ? "rows of columns" : "JSON objects",
                format == TableFormat::kCsv ? TextIs::kRows : TextIs::kLines);
  Table table;
  table.path = path;
  if (format == TableFormat::kCsv || format == TableFormat::kTsv)
    read_separated(file, format, table);
  else
    read_objects(file, format, table);
  table.report = std::move(file.report);
  ATTEND_CHECK(!table.rows.empty(), kData, "{}: holds no row; expected one text a row", path);
  return table;
}

}  // namespace attend
