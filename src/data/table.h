#pragma once
// Files of rows with columns: CSV, TSV, JSON lines, a JSON array of objects.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attend/text/lines.h"
#include "attend/text/reading_report.h"

namespace attend {

enum class TableFormat { kLines, kCsv, kTsv, kJsonLines, kJsonArray };

struct TableRow {
  std::vector<std::string> cells;  ///< line ends inside became spaces; without white space around
  std::uint64_t line = 0;          ///< where it begins, from 1; of a JSON array the number of the object
};

struct Table {
  std::string path;
  std::string form;                              ///< "CSV with commas", for messages
  std::vector<std::string> names;                ///< of the columns, where objects say so; else empty, and the first row may hold them
  std::vector<TableRow> rows;                    ///< all of one size
  ReadingReport report;                          ///< blank lines
  bool is_array = false;                         ///< rows are numbered, not lines
  std::string place(const TableRow& row) const;  ///< "file:line", or "file, object 3"
};

/// By `wanted` (auto, lines, csv, tsv, jsonl, json), else the file's name and its first line. Throws kUnknownName.
TableFormat table_format(const std::string& path, std::string_view bytes, const std::string& wanted);
/// Reads any but kLines. Throws kData (`file:line`) for rows of another number of cells than the first, an open quote, broken UTF-8 or
/// JSON; kFile as TextFile.
Table read_table(const std::string& path, TableFormat format);

/// The two parsers behind it, a source file each.
void read_separated(TextFile& file, TableFormat format, Table& table);
void read_objects(TextFile& file, TableFormat format, Table& table);

/// A cell as rows hold it.
std::string plain_cell(std::string_view cell);

}  // namespace attend
