#include "attend/run/answers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "attend/measure/classification.h"
#include "attend/measure/language_model.h"
#include "attend/models/weights_observer.h"
#include "attend/search/growing_record.h"
#include "attend/text/unicode.h"
#include "run/run_records.h"

namespace attend {
namespace {

// Items by falling cost, cut where a batch is full; those whose maps may be summarised are by themselves.
std::vector<std::vector<std::size_t>> batches_by_cost(const Quiz& quiz, std::vector<std::size_t> items, const AnswerOptions& options) {
  const auto alone = [&](std::size_t i) { return options.record && options.keep.runs_alone(static_cast<std::size_t>(quiz.cost(i))); };
  std::stable_sort(items.begin(), items.end(), [&](auto a, auto b) { return quiz.cost(a) > quiz.cost(b); });
  std::vector<std::vector<std::size_t>> batches;
  std::int64_t longest = 0;
  for (const auto i : items) {
    if (batches.empty() || alone(i) || alone(batches.back().front()) ||
        static_cast<std::int64_t>(batches.back().size() + 1) * longest > options.batch) {
      batches.emplace_back();
      longest = quiz.cost(i);
    }
    batches.back().push_back(i);
  }
  return batches;
}

// Tokens of what is shown: those that are read, and the question behind them.
struct ShownParts {
  std::uint32_t read = 0, all = 0;
  ShownParts(const Quiz& quiz, std::size_t item)
      : read(static_cast<std::uint32_t>(quiz.columns(item))), all(static_cast<std::uint32_t>(quiz.shown(item).tokens.size())) {}
  // [begin, end) of rows or columns; `question` where they are the question's.
  std::pair<std::uint32_t, std::uint32_t> range(bool question) const {
    return question ? std::pair{read, all} : std::pair{std::uint32_t{0}, read};
  }
};

AttentionMap item_map(const SeenMap& seen, std::int64_t row, const ShownParts& parts) {
  AttentionMap map;
  map.site = seen.site;
  map.kind = row_kind(seen.kind);
  const auto [first_column, end_column] = parts.range(seen.site.columns == ColumnAxis::kQuestion);
  const auto [first_row, end_row] = parts.range(seen.site.rows == RowAxis::kQuestion);
  auto own = seen.weights[row].narrow(2, 0, end_column - first_column);            // [H, rows, own columns]
  own = seen.site.rows == RowAxis::kNode ? own.flatten(0, 1).unsqueeze(1)          // [H·r, 1, own columns]: rows of a pool are heads
                                         : own.narrow(1, 0, end_row - first_row);  // [H, own rows, own columns]
  const auto flat = own.contiguous();                                              // [H, rows, columns]
  map.heads = static_cast<std::uint32_t>(flat.size(0));
  map.rows = static_cast<std::uint32_t>(flat.size(1));
  map.cols = static_cast<std::uint32_t>(flat.size(2));
  map.weights.assign(flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
  widen(map, parts.all, over_source(map.site.rows) ? first_row : 0, first_column);
  return map;
}

// The tokens of the source that rows and columns of a summary stand for.
void place(MapSummary& summary, const ShownParts& parts) {
  const auto [first_column, end_column] = parts.range(summary.site.columns == ColumnAxis::kQuestion);
  const auto [first_row, end_row] = parts.range(summary.site.rows == RowAxis::kQuestion);
  ATTEND_ASSERT(summary.cols == end_column - first_column && summary.rows == end_row - first_row);  // it was run alone
  summary.first_column = first_column, summary.first_row = first_row;
}

std::shared_ptr<const Record> record_of(const AnswerModel& model, const Quiz& quiz, std::size_t item, std::int64_t row,
                                        const Answered& found, WeightsObserver& observer) {
  auto data = record_about(model.model, "answer");
  data.sentence = item;
  if (!quiz.right(item).empty()) data.options["right"] = quiz.right(item);
  data.source = quiz.shown(item);
  data.picture = quiz.picture(item);
  const auto log_prob = static_cast<float>(found.log_prob);
  const auto token = static_cast<std::int32_t>(found.index);
  data.nodes.push_back({-1, 0, token, log_prob, log_prob, NodeEnd::kFinished});
  Hypothesis answer{.last_node = 0, .text = {found.best[0].text, {}}, .log_prob = found.log_prob, .score = found.log_prob};
  answer.text.tokens.push_back({.id = token, .span = {0, static_cast<std::uint32_t>(answer.text.utf8.size())}});
  data.hypotheses.push_back(std::move(answer));
  const ShownParts parts(quiz, item);
  const auto add_part = [&](ColumnAxis of) {
    const auto [begin, end] = parts.range(of == ColumnAxis::kQuestion);
    const SourcePart part{of, begin, end};
    if (std::find(data.parts.begin(), data.parts.end(), part) == data.parts.end()) data.parts.push_back(part);
  };
  for (const auto& seen : observer.seen()) {
    data.maps.push_back(item_map(seen, row, parts));
    add_part(seen.site.columns);
  }
  data.summaries = observer.take_summaries();
  for (auto& summary : data.summaries) {
    place(summary, parts);
    add_part(summary.site.columns);
  }
  return std::make_shared<const Record>(std::move(data));
}

// Distinct answers of one row of ln p, best first; places of one word share theirs.
std::vector<std::int64_t> best_of(const Quiz& quiz, std::size_t item, const at::Tensor& log_probs, std::size_t count) {
  const auto* p = log_probs.data_ptr<float>();
  std::vector<std::int64_t> order(static_cast<std::size_t>(log_probs.size(0)));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::erase_if(order, [&](std::int64_t i) { return !(p[i] > -std::numeric_limits<float>::infinity()); });
  ATTEND_CHECK(!order.empty(), kValue, "{}: no answer has a probability; the model's weights are not numbers", quiz.place(item));
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return p[a] > p[b]; });
  std::vector<std::int64_t> best;
  std::set<std::string> told;
  for (const auto i : order) {
    if (best.size() == count) break;
    if (told.insert(quiz.answer(item, i)).second) best.push_back(i);
  }
  return best;
}

std::vector<double> support_of(const Quiz& quiz, std::size_t item, std::int64_t row, const WeightsObserver& observer) {
  std::vector<double> support;
  const auto named = quiz.supporting(item);
  const std::set<std::uint32_t> columns(named.begin(), named.end());  // a statement named twice supports once
  if (columns.empty()) return support;
  for (const auto& seen : observer.seen()) {
    if (seen.site.columns != ColumnAxis::kStatement) continue;
    double sum = 0;
    for (const auto c : columns) sum += seen.weights[row][0][0][static_cast<std::int64_t>(c)].item<double>();
    support.push_back(std::min(sum, 1.0));  // float rows sum to one within rounding
  }
  return support;
}

}  // namespace

void Runner::answer(const Quiz& quiz, const AnswerOptions& options, const std::function<void(std::size_t, Answered)>& take) const {
  at::NoGradGuard no_grad;
  const auto& model = answerer();
  std::vector<std::size_t> all(quiz.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  // Windows keep the order of the input near; inside one, like goes with like.
  constexpr std::size_t kWindow = 1024;
  for (std::size_t begin = 0; begin < all.size(); begin += kWindow) {
    const std::vector<std::size_t> window(all.begin() + static_cast<std::ptrdiff_t>(begin),
                                          all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), begin + kWindow)));
    std::vector<Answered> answers(window.size());
    for (const auto& items : batches_by_cost(quiz, window, options)) {
      WeightsObserver observer;
      if (options.record) observer.keep_as(options.keep, WeightsObserver::Summarise::kReading);
      const bool watch = options.record || std::any_of(items.begin(), items.end(), [&](auto i) { return !quiz.supporting(i).empty(); });
      const auto log_probs = model.network->answer(quiz.batch(items), watch ? &observer : nullptr).to(at::kFloat).contiguous();  // [B, A]
      for (std::size_t b = 0; b < items.size(); ++b) {
        const auto item = items[b];
        const auto row = static_cast<std::int64_t>(b);
        const auto own = log_probs[row];
        auto& answered = answers[item - begin];
        const auto best = best_of(quiz, item, own, options.best);
        // Probabilities of float sums may end a little above one, and losses below zero.
        const auto log_prob = [&](std::int64_t i) { return std::min(own[i].item<double>(), 0.0); };
        for (const auto i : best) answered.best.push_back({quiz.answer(item, i), std::exp(log_prob(i))});
        answered.index = best[0];
        answered.log_prob = log_prob(answered.index);
        if (const auto gold = quiz.gold(item); gold >= 0) answered.loss = -log_prob(gold);
        answered.correct = !quiz.right(item).empty() && comparable(answered.best[0].text) == comparable(quiz.right(item));
        answered.support = support_of(quiz, item, row, observer);
        if (options.record) answered.record = record_of(model, quiz, item, row, answered, observer);
      }
    }
    for (std::size_t i = 0; i < window.size(); ++i) take(window[i], std::move(answers[i]));
  }
}

AnswerFigures evaluate_answers(const Runner& runner, const Quiz& quiz) {
  return evaluate_answers(runner, quiz, usual_metrics(answers_have(runner.answerer().target != nullptr), MetricPlace::kEvaluation));
}

AnswerFigures evaluate_answers(const Runner& runner, const Quiz& quiz, const MetricList& wanted) {
  const auto& model = runner.answerer();
  AnswerFigures figures;
  std::set<std::string> names;
  quiz.each_answer([&](std::string_view answer) { names.insert(comparable(answer)); });
  if (model.target)
    for (const auto id : ordinary_ids(*model.target)) names.insert(comparable(model.target->piece(id)));
  std::optional<ConfusionMatrix> confusion;
  if (model.target) confusion.emplace(std::vector<std::string>(names.begin(), names.end()));
  AnswerCounts counts;
  double loss = 0;
  runner.answer(quiz, {.best = 1}, [&](std::size_t item, Answered answered) {
    ++figures.items;
    counts.right += answered.correct ? 1 : 0;
    loss += answered.loss.value_or(0);
    figures.unanswerable += answered.loss ? 0 : 1;
    if (confusion) confusion->add(comparable(answered.best[0].text), comparable(quiz.right(item)));
    if (!answered.support.empty()) {
      figures.support.resize(answered.support.size());
      for (std::size_t k = 0; k < answered.support.size(); ++k) figures.support[k] += answered.support[k];
      ++figures.supported;
    }
    figures.given.push_back(answered.best[0].text);
    figures.each.push_back({answered.best[0].text, answered.log_prob, answered.loss, answered.correct});
  });
  counts.items = figures.items;
  counts.classes = confusion ? &*confusion : nullptr;
  LanguageModelScore probabilities;  // an answer is a token here
  probabilities.add(loss, figures.items - figures.unanswerable);
  figures.metrics = count_metrics(wanted, {.probabilities = &probabilities, .answers = &counts});
  for (auto& share : figures.support) share /= static_cast<double>(figures.supported);
  if (confusion && figures.items > 0 && names.size() <= 20) figures.confusion = confusion->table();
  return figures;
}

}  // namespace attend
