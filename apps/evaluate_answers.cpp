// attend evaluate, of models that answer.
#include "attend/measure/language_model.h"
#include "attend/run/answers.h"
#include "attend/run/evaluate.h"
#include "attend/train/config.h"
#include "evaluate.h"
#include "terminal.h"

namespace attend::cli {
namespace {

void tell_support(const AnswerFigures& figures, nlohmann::ordered_json& json) {
  if (figures.support.empty()) return;
  auto shares = figures.support;
  for (auto& share : shares) share *= 100;
  fmt::print("support     {:.1f} % of the weight on supporting statements, by hop ({} of {} items name them)\n", fmt::join(shares, " "),
             figures.supported, figures.items);
  json["support"] = figures.support;
  json["supported"] = figures.supported;
}

void tell_lengths(const Quiz& quiz, const AnswerFigures& figures, nlohmann::ordered_json& json) {
  std::vector<std::size_t> lengths;
  for (std::size_t i = 0; i < quiz.size(); ++i) lengths.push_back(static_cast<std::size_t>(quiz.cost(i)));
  auto columns = metrics_of(answers_have(/*chooses=*/false));
  std::erase_if(columns, [](const Metric* metric) { return !metric->print.column; });
  columns.push_back(&find_metric("loss"));  // no other figure of answers tells how sure they were
  std::vector<std::string> headings{"tokens", "items"};
  for (const auto* metric : columns) headings.push_back(metric_heading(*metric));
  Table table(headings);
  json["by_length"] = nlohmann::ordered_json::array();
  for (const auto& group : length_groups(lengths)) {
    AnswerCounts counts{.items = group.items.size()};
    double loss = 0;
    std::uint64_t answerable = 0;
    for (const auto i : group.items) {
      const auto& own = figures.each[i];
      counts.right += own.correct ? 1 : 0;
      loss += own.loss.value_or(0);
      answerable += own.loss ? 1 : 0;
    }
    LanguageModelScore probabilities;
    probabilities.add(loss, answerable);
    const auto counted = count_metrics(columns, {.probabilities = &probabilities, .answers = &counts});
    std::vector<std::string> cells{range_text(group.shortest, group.longest), std::to_string(group.items.size())};
    for (const auto& [metric, value, text] : counted) cells.push_back(metric_cell(*metric, value));
    table.row(cells);
    nlohmann::ordered_json row{{"shortest", group.shortest},
                               {"longest", group.longest > 0 ? nlohmann::ordered_json(group.longest) : nlohmann::ordered_json(nullptr)},
                               {"items", group.items.size()}};
    put_figures(row, counted);
    json["by_length"].push_back(row);
  }
  fmt::print("\n{}", table.text());
}

std::vector<std::string> item_rows(const Quiz& quiz, const AnswerFigures& figures) {
  std::vector<std::string> rows{tsv_row({"place", "source", "reference", "output", "exact", "log_prob", "reference_log_prob", "tokens"})};
  for (std::size_t i = 0; i < figures.each.size(); ++i) {
    const auto& own = figures.each[i];
    const auto right = own.loss ? fmt::format("{:.6f}", 0 - *own.loss) : std::string("-");
    rows.push_back(tsv_row({quiz.place(i), quiz.asked(i), quiz.right(i), own.text, own.correct ? "1" : "0",
                            fmt::format("{:.6f}", own.log_prob), right, std::to_string(quiz.cost(i))}));
  }
  return rows;
}

// When no answer of a file is one that the model can give, the file is of another form or another task.
void check_answers(const AnswerModel& model, const Quiz& quiz, const AnswerFigures& figures, const std::string& file, Matter reads) {
  if (figures.items > figures.unanswerable) return;
  std::vector<std::string> known;
  if (model.target)
    for (const auto id : ordinary_ids(*model.target))
      if (known.size() < 8) known.push_back(model.target->piece(id));
  const std::string says =
      known.empty() ? "words of the document" : fmt::format("{}{}", fmt::join(known, ", "), known.size() == 8 ? ", ..." : "");
  fail(ErrorKind::kData, "{}: none of its {} answers is one that the model can give ('{}' is the first; the model answers: {}); {}", file,
       figures.items, quiz.right(0), says,
       reads == Matter::kText ? "--format, --text-column and --label-column say how a file is written" : "give a file of the same task");
}

std::vector<std::string_view> flags_about(Matter reads) {
  switch (reads) {
    case Matter::kText: return {"text", "tsv", "header", "format", "text_column", "label_column"};
    case Matter::kPicture: return {"images", "labels"};
    case Matter::kDocument: return {"text", "answers"};
    default: return {"text"};
  }
}

}  // namespace

int evaluate_quiz(const Arguments& arguments) {
  refuse_flags(arguments, {"links", "shift", "lowercase"}, "a model that answers");
  const auto flags = arguments.read<EvaluateFlags>();
  const Runner runner(arguments.words[0], flags.runner);
  const auto& model = runner.answerer();
  const auto kind = model_kind(model.model.type);
  const auto wanted = wanted_metrics(flags, answers_have(model.target != nullptr), "a model that " + describe(kind));
  const auto reads = kind.reads;
  refuse_other_data(arguments, flags_about(reads), "a model that " + describe(kind));
  auto files = flags.quiz;
  files.tsv = flags.text.tsv;
  files.form.header = flags.text.header;
  files.form.usual = read_stored_options<TextForm>(arguments.words[0], "data");
  if (model.target)
    for (const auto id : ordinary_ids(*model.target)) files.form.classes.push_back(model.target->piece(id));
  const auto quiz = read_quiz(reads, files, "--");
  quiz->prepare(runner.model());
  tell(quiz->told(), arguments.common.quiet);
  const auto figures = evaluate_answers(runner, *quiz, wanted);
  const auto& named = !files.tsv.empty()      ? files.tsv
                      : !files.text.empty()   ? files.text
                      : !files.labels.empty() ? files.labels
                                              : files.images;
  check_answers(model, *quiz, figures, named, reads);
  nlohmann::ordered_json json = {{"items", figures.items}, {"unanswerable", figures.unanswerable}};
  put_figures(json, figures.metrics);
  fmt::print("items       {}\n", figures.items);
  for (const auto& line : metric_lines(figures.metrics, "an answer")) {
    fmt::print("{}\n", line.text);
    if (figures.unanswerable > 0 && line.metrics.front()->name == "loss")
      fmt::print("            {} answers are none the model can give; they count as wrong, and not in the loss\n", figures.unanswerable);
  }
  tell_support(figures, json);
  if (!figures.confusion.empty()) fmt::print("\n{}", figures.confusion);
  if (flags.by_length) tell_lengths(*quiz, figures, json);
  if (!flags.per_sentence.empty()) write_lines(flags.per_sentence, item_rows(*quiz, figures));
  finish(flags, figures.given, json);
  return 0;
}

}  // namespace attend::cli
