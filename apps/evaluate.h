#pragma once
// What the kinds of evaluation share: flags, and the files that figures go to.
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "attend/measure/metrics.h"
#include "attend/run/quiz.h"
#include "attend/run/runner.h"
#include "command.h"
#include "parallel.h"

namespace attend::cli {

struct EvaluateFlags {
  ParallelFlags text;
  SearchOptions search;
  RunnerOptions runner;
  QuizFiles quiz;
  std::string captions, list, part, links, link_units, dev_tsv, output, bleu_tokenizer, json, per_sentence;
  std::vector<std::string> metric;
  bool lowercase, shift, rouge, by_length;
  std::int64_t link_base, batch, length;
  EvaluateFlags() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// A table whose columns end where their headings do.
class Table {
 public:
  explicit Table(std::vector<std::string> headings);
  void row(const std::vector<std::string>& cells);
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// "12.34", or a dash for what has no value.
std::string cell(const std::optional<double>& value, double factor = 1, int decimals = 2);
nlohmann::ordered_json json_of(const std::optional<double>& value);
/// "6-10", "51-" for a group without an upper end.
std::string range_text(std::size_t shortest, std::size_t longest);

/// Writes a line each, whole.
void write_lines(const std::string& path, const std::vector<std::string>& lines);
/// A row of a TSV; tabs and line ends inside a cell become spaces.
std::string tsv_row(const std::vector<std::string>& cells);
/// What was given, a line each, and the figures, in the files that the user named.
void finish(const EvaluateFlags& flags, const std::vector<std::string>& given, const nlohmann::ordered_json& figures);
/// Throws kUsage for flags that a model of this kind has no figures for.
void refuse_flags(const Arguments& arguments, const std::vector<std::string>& names, const std::string& model);
/// Throws kUsage for a flag about the data that is none of `read`.
void refuse_other_data(const Arguments& arguments, const std::vector<std::string_view>& read, const std::string& model);

/// The metrics that are usual with what `model` has to count them from, and those that flags ask for behind them. Throws kUsage for one
/// that cannot be had, saying why.
MetricList wanted_metrics(const EvaluateFlags& flags, MetricNeeds has, const std::string& model);
/// Prints a line each; see metric_lines.
void print_figures(const MetricFigures& figures, const std::string& each, const std::string& how = "");
/// Puts figures under their names, and signatures under their families' names.
void put_figures(nlohmann::ordered_json& json, const MetricFigures& figures);

int evaluate_pairs(const Arguments& arguments);
int evaluate_quiz(const Arguments& arguments);

}  // namespace attend::cli
