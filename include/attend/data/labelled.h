#pragma once
// Texts with a class each, from the files that people have: lines `label sentence`, CSV, TSV, JSON lines, a JSON array of objects.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attend/core/options.h"
#include "attend/text/reading_report.h"

namespace attend {

/// How files of labelled texts are written. Part of config section `data`, and flags of the verbs that read such files.
struct TextForm {
  std::string format;                     ///< auto, lines, csv, tsv, jsonl, json
  std::string text_column, label_column;  ///< a name, or a number from 1; empty: found
  TextForm() { set_defaults(*this); }
  void visit(OptionVisitor& v);
  void visit_texts(OptionVisitor& v);  ///< the first two alone, where no label is read
};

struct LabelledOptions {
  TextForm form;
  bool header = false;               ///< the first row names columns; when false it is still found out where names or content tell
  bool text_first = false;           ///< of columns without known names the first is the text and the second the label
  TextForm usual;                    ///< columns of the training data, taken where a file has them and `form` says nothing
  std::vector<std::string> classes;  ///< those that are known already: a column that holds them is the one of labels
};

struct LabelledText {
  std::string text;
  std::uint32_t label = 0;  ///< index into the classes
  std::uint64_t line = 0;   ///< where it begins in the file, from 1; of a JSON array the number of the object
};

struct LabelledCorpus {
  std::vector<std::string> classes;  ///< plain_label of what the file says, sorted by their bytes, each once
  std::vector<LabelledText> examples;
  ReadingReport report;  ///< blank lines, rows without a text or without a label
  std::string form;  ///< what was read, for the user: "CSV with commas and a header: the text is column 2 (review), ..."; empty for lines
};

/// Reads the file and takes the classes from it. Line ends inside a text become spaces. Errors (kData, `file:line`): a line or row
/// that is not of the form, a quote that is never closed, broken UTF-8 or NUL, JSON that is none; no example left; columns that cannot
/// be told apart, naming the options. kFile as ParallelCorpus.
LabelledCorpus read_labelled(const std::string& path, const LabelledOptions& options = {});

struct PlacedText {
  std::string text;  ///< empty where the row has none
  std::uint64_t line = 0;
};
/// Texts without labels, one a row, empty ones too: of lines each whole line, else the column of texts. Throws likewise.
std::vector<PlacedText> read_texts(const std::string& path, const LabelledOptions& options = {});
/// Whether the file has columns or objects, so that a line is not a text: by options.format, else the file's name and content.
bool has_columns(const std::string& path, const TextForm& form);

/// A label as classes are compared: NFC, one space between words, none around.
std::string plain_label(std::string_view label);

}  // namespace attend
