// attend evaluate, of models that answer.
#include "attend/run/answers.h"
#include "attend/run/evaluate.h"
#include "attend/train/config.h"
#include "evaluate.h"
#include "stored_options.h"
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
  Table table({"tokens", "items", "accuracy %", "loss"});
  json["by_length"] = nlohmann::ordered_json::array();
  for (const auto& group : length_groups(lengths)) {
    double correct = 0, loss = 0, answerable = 0;
    for (const auto i : group.items) {
      const auto& own = figures.each[i];
      correct += own.correct ? 1 : 0;
      loss += own.loss.value_or(0);
      answerable += own.loss ? 1 : 0;
    }
    const double accuracy = correct / static_cast<double>(group.items.size());
    const auto mean = answerable > 0 ? std::optional(loss / answerable) : std::nullopt;
    table.row({range_text(group.shortest, group.longest), std::to_string(group.items.size()), cell(accuracy, 100), cell(mean, 1, 4)});
    json["by_length"].push_back({{"shortest", group.shortest},
                                 {"longest", group.longest > 0 ? nlohmann::ordered_json(group.longest) : nlohmann::ordered_json(nullptr)},
                                 {"items", group.items.size()},
                                 {"accuracy", accuracy},
                                 {"loss", json_of(mean)}});
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
    for (std::int32_t id = kSpecialAnswers; id < model.target->size() && known.size() < 8; ++id) known.push_back(model.target->piece(id));
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
  refuse_flags(arguments, {"links", "rouge", "shift", "lowercase"}, "a model that answers");
  const auto flags = arguments.read<EvaluateFlags>();
  const auto model = read_answer_model(arguments.words[0]);
  const auto kind = model_kind(model.model.type);
  const auto reads = kind.reads;
  refuse_other_data(arguments, flags_about(reads), "a model that " + describe(kind));
  auto files = flags.quiz;
  files.tsv = flags.text.tsv;
  files.form.header = flags.text.header;
  files.form.usual = read_stored_options<DataOptions>(arguments.words[0], "data").form;
  if (model.target)
    for (std::int32_t id = kSpecialAnswers; id < model.target->size(); ++id) files.form.classes.push_back(model.target->piece(id));
  const auto quiz = read_quiz(reads, files, "--");
  quiz->prepare(any_model(model));
  tell(quiz->told(), arguments.common.quiet);
  const auto figures = evaluate_answers(model, *quiz);
  const auto& named = !files.tsv.empty()      ? files.tsv
                      : !files.text.empty()   ? files.text
                      : !files.labels.empty() ? files.labels
                                              : files.images;
  check_answers(model, *quiz, figures, named, reads);
  nlohmann::ordered_json json = {
      {"items", figures.items}, {"unanswerable", figures.unanswerable}, {"accuracy", figures.accuracy}, {"loss", json_of(figures.loss)}};
  fmt::print("items       {}\naccuracy    {:.2f} %\nloss        {} nat an answer\n", figures.items, 100 * figures.accuracy,
             cell(figures.loss, 1, 4));
  if (figures.unanswerable > 0)
    fmt::print("            {} answers are none the model can give; they count as wrong, and not in the loss\n", figures.unanswerable);
  if (figures.macro_f1) {
    fmt::print("macro-F1    {:.2f} %\n", 100 * *figures.macro_f1);
    json["macro_f1"] = *figures.macro_f1;
  }
  tell_support(figures, json);
  if (!figures.confusion.empty()) fmt::print("\n{}", figures.confusion);
  if (flags.by_length) tell_lengths(*quiz, figures, json);
  if (!flags.per_sentence.empty()) write_lines(flags.per_sentence, item_rows(*quiz, figures));
  finish(flags, figures.given, json);
  return 0;
}

}  // namespace attend::cli
