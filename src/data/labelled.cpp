#include "attend/data/labelled.h"

#include <filesystem>
#include <functional>
#include <map>

#include "attend/core/error.h"
#include "attend/text/lines.h"
#include "attend/text/unicode.h"
#include "columns.h"
#include "table.h"

namespace attend {
namespace {

struct LabelledRow {
  std::string_view text, label;
  std::uint64_t line = 0;
};
using TakeRow = std::function<void(const LabelledRow&)>;

/// Calls `take` for each line 'label sentence'.
void each_labelled_line(const std::string& path, ReadingReport& report, const TakeRow& take) {
  TextFile file(path, "one 'label sentence' a line");
  for (std::string_view line; file.next_line(line);) {
    const auto space = line.find_first_of(" \t");
    const auto sentence = space == line.npos ? std::string_view{} : trimmed(line.substr(space));
    ATTEND_CHECK(space != 0 && !sentence.empty(), kData,
                 "{}: expected a label, a space and a sentence; got '{}'. Columns are read from files called .csv, .tsv or .jsonl, or with "
                 "data.format",
                 file.place(), beginning(line));
    take({sentence, line.substr(0, space), file.lines});
  }
  report = file.report;
}

/// Calls `take` for each row of a table that has a text and a label. Returns which columns they are.
std::string each_row(Table table, const LabelledOptions& options, ReadingReport& report, const TakeRow& take) {
  const auto columns = choose_columns(table, options, true);
  report = table.report;
  for (std::size_t r = columns.header ? 1 : 0; r < table.rows.size(); ++r) {
    const auto& row = table.rows[r];
    const auto &text = row.cells[columns.text], &label = row.cells[columns.label];
    if (is_blank(text))
      report.leave_out("rows without a text", table.place(row));
    else if (is_blank(label))
      report.leave_out("rows without a label", table.place(row));
    else
      take({text, label, row.line});
  }
  return columns.said;
}

TableFormat format_of(const std::string& path, const TextForm& form) {
  const MappedFile file(path);
  return table_format(path, file.bytes(), form.format);
}

}  // namespace

void TextForm::visit(OptionVisitor& v) {
  visit_texts(v);
  v(label_column, "label_column", "", "the column of the labels, likewise");
}

void TextForm::visit_texts(OptionVisitor& v) {
  v(format, "format", "auto",
    "how texts with classes are written: lines 'label sentence', csv or tsv with columns, jsonl with an object a line, json with an array "
    "of them; auto goes by the file's name and content",
    one_of({"auto", "lines", "csv", "tsv", "jsonl", "json"}));
  v(text_column, "text_column", "", "the column of the texts: its name, or its number from 1; empty: found by its name or content");
}

LabelledCorpus read_labelled(const std::string& path, const LabelledOptions& options) {
  LabelledCorpus corpus;
  std::map<std::string, std::uint32_t> classes;
  std::vector<std::string> labels;
  const auto take = [&](const LabelledRow& row) {
    labels.push_back(plain_label(row.label));
    classes.emplace(labels.back(), 0);
    corpus.examples.push_back({std::string(row.text), 0, row.line});
  };
  const auto format = format_of(path, options.form);
  if (format == TableFormat::kLines)
    each_labelled_line(path, corpus.report, take);
  else
    corpus.form = each_row(read_table(path, format), options, corpus.report, take);
  const auto reasons = corpus.report.lines();
  ATTEND_CHECK(!corpus.examples.empty(), kData, "{}: no text with a label is left; {}", path, fmt::join(reasons, "; "));
  for (auto& [name, index] : classes) {
    index = static_cast<std::uint32_t>(corpus.classes.size());
    corpus.classes.push_back(name);
  }
  for (std::size_t i = 0; i < labels.size(); ++i) corpus.examples[i].label = classes.at(labels[i]);
  return corpus;
}

std::vector<PlacedText> read_texts(const std::string& path, const LabelledOptions& options) {
  std::vector<PlacedText> texts;
  const auto format = format_of(path, options.form);
  if (format == TableFormat::kLines) {
    for (TextFile file(path, "one text a line"); !file.at_end();) {
      const auto line = file.take();
      file.check_text(line);
      texts.push_back({std::string(line), file.lines});
    }
    return texts;
  }
  const auto table = read_table(path, format);
  const auto columns = choose_columns(table, options, false);
  for (std::size_t r = columns.header ? 1 : 0; r < table.rows.size(); ++r)
    texts.push_back({table.rows[r].cells[columns.text], table.rows[r].line});
  return texts;
}

bool has_columns(const std::string& path, const TextForm& form) {
  std::error_code ignored;
  if (form.format == "auto" && !std::filesystem::is_regular_file(path, ignored)) return false;  // a pipe can be read once
  return format_of(path, form) != TableFormat::kLines;
}

std::string plain_label(std::string_view label) { return comparable(label); }

}  // namespace attend
