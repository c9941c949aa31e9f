#include "attend/run/answers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "attend/run/translator.h"
#include "attend/measure/classification.h"
#include "attend/text/unicode.h"
#include "run/maps.h"

namespace attend {
namespace {

// Items by falling cost, cut where a batch is full.
std::vector<std::vector<std::size_t>> batches_by_cost(const Quiz& quiz, std::vector<std::size_t> items, std::int64_t limit) {
  std::stable_sort(items.begin(), items.end(), [&](auto a, auto b) { return quiz.cost(a) > quiz.cost(b); });
  std::vector<std::vector<std::size_t>> batches;
  std::int64_t longest = 0;
  for (const auto i : items) {
    if (batches.empty() || static_cast<std::int64_t>(batches.back().size() + 1) * longest > limit) {
      batches.emplace_back();
      longest = quiz.cost(i);
    }
    batches.back().push_back(i);
  }
  return batches;
}

// Maps of one item from those of its batch.
class ItemMaps {
 public:
  ItemMaps(const Quiz& quiz, std::size_t item, std::int64_t row)
      : row_(row), all_(quiz.shown(item).tokens.size()), own_(quiz.columns(item)) {}

  AttentionMap operator()(const WeightsObserver::Key& key, const WeightsObserver::Map& seen) const {
    AttentionMap map;
    map.site = key.first;
    map.layer = static_cast<std::uint16_t>(key.second);
    map.kind = row_kind(seen.kind);
    map.cols = static_cast<std::uint32_t>(all_);
    const auto own = seen.weights[row_];  // [H, rows, columns]
    const bool to_question = key.first == "reader.beta", by_question = key.first == "reader.alpha";
    const bool square = key.first == "encoder.self" || to_question || by_question;
    const auto asked = static_cast<std::int64_t>(all_ - own_), read = static_cast<std::int64_t>(own_);
    if (!square) {  // rows of the pool are heads
      const auto flat = own.flatten(0, 1).narrow(1, 0, read).contiguous();
      map.axis = RowAxis::kNode;
      map.heads = static_cast<std::uint32_t>(flat.size(0));
      map.rows = 1;
      place(map, flat.unsqueeze(1), 0, 0);
      return map;
    }
    map.axis = RowAxis::kSource;
    map.heads = static_cast<std::uint32_t>(own.size(0));
    map.rows = map.cols;
    const auto part = own.narrow(1, 0, by_question ? asked : read).narrow(2, 0, to_question ? asked : read).contiguous();
    place(map, part, by_question ? own_ : 0, to_question ? own_ : 0);
    return map;
  }

 private:
  static void place(AttentionMap& map, const at::Tensor& part, std::size_t row, std::size_t column) {
    map.weights.assign(std::size_t{map.heads} * map.rows * map.cols, 0.0F);
    const auto rows = static_cast<std::size_t>(part.size(1)), columns = static_cast<std::size_t>(part.size(2));
    for (std::size_t h = 0; h < map.heads; ++h)
      for (std::size_t r = 0; r < rows; ++r)
        std::copy_n(part.data_ptr<float>() + (h * rows + r) * columns, columns,
                    map.weights.begin() + static_cast<std::ptrdiff_t>((h * map.rows + row + r) * map.cols + column));
  }
  std::int64_t row_;
  std::size_t all_, own_;
};

std::shared_ptr<const Record> record_of(const AnswerModel& model, const Quiz& quiz, std::size_t item, std::int64_t row,
                                        const Answered& found, const WeightsObserver& observer) {
  RecordData data;
  data.sentence = item;
  data.task = "answer";
  data.model = model.model.type;
  data.mechanism = looks_by(model.model);
  if (!quiz.right(item).empty()) data.options["right"] = quiz.right(item);
  data.source = quiz.shown(item);
  data.picture = quiz.picture(item);
  const auto log_prob = static_cast<float>(found.log_prob);
  const auto token = static_cast<std::int32_t>(found.index);
  data.nodes.push_back({-1, 0, token, log_prob, log_prob, NodeEnd::kFinished});
  Hypothesis answer{.last_node = 0, .text = {found.best[0].text, {}}, .log_prob = found.log_prob, .score = found.log_prob};
  answer.text.tokens.push_back({.id = token, .span = {0, static_cast<std::uint32_t>(answer.text.utf8.size())}});
  data.hypotheses.push_back(std::move(answer));
  const ItemMaps maps(quiz, item, row);
  for (const auto& [key, seen] : observer.seen()) data.maps.push_back(maps(key, seen));
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
  for (const auto& [key, seen] : observer.seen()) {
    if (key.first != "hops") continue;
    double sum = 0;
    for (const auto c : columns) sum += seen.weights[row][0][0][static_cast<std::int64_t>(c)].item<double>();
    support.push_back(std::min(sum, 1.0));  // float rows sum to one within rounding
  }
  return support;
}

}  // namespace

void answer_quiz(const AnswerModel& model, const Quiz& quiz, const AnswerOptions& options,
                 const std::function<void(std::size_t, Answered)>& take) {
  at::NoGradGuard no_grad;
  std::vector<std::size_t> all(quiz.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  // Windows keep the order of the input near; inside one, like goes with like.
  constexpr std::size_t kWindow = 1024;
  for (std::size_t begin = 0; begin < all.size(); begin += kWindow) {
    const std::vector<std::size_t> window(all.begin() + static_cast<std::ptrdiff_t>(begin),
                                          all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), begin + kWindow)));
    std::vector<Answered> answers(window.size());
    for (const auto& items : batches_by_cost(quiz, window, options.batch)) {
      WeightsObserver observer;
      const bool watch = options.record || std::any_of(items.begin(), items.end(), [&](auto i) { return !quiz.supporting(i).empty(); });
      const auto log_probs = model.network->answer(quiz.batch(items), watch ? &observer : nullptr).to(at::kFloat).contiguous();
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

AnswerFigures evaluate_answers(const AnswerModel& model, const Quiz& quiz) {
  AnswerFigures figures;
  std::set<std::string> names;
  quiz.each_answer([&](std::string_view answer) { names.insert(comparable(answer)); });
  if (model.target)
    for (std::int32_t id = kSpecialAnswers; id < model.target->size(); ++id) names.insert(comparable(model.target->piece(id)));
  std::optional<ConfusionMatrix> confusion;
  if (model.target) confusion.emplace(std::vector<std::string>(names.begin(), names.end()));
  std::size_t correct = 0;
  double loss = 0;
  answer_quiz(model, quiz, {.best = 1}, [&](std::size_t item, Answered answered) {
    ++figures.items;
    correct += answered.correct ? 1 : 0;
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
  if (figures.items == 0) return figures;
  figures.accuracy = static_cast<double>(correct) / static_cast<double>(figures.items);
  if (figures.items > figures.unanswerable) figures.loss = loss / static_cast<double>(figures.items - figures.unanswerable);
  for (auto& share : figures.support) share /= static_cast<double>(figures.supported);
  if (confusion) {
    figures.macro_f1 = confusion->macro_f1();
    if (names.size() <= 20) figures.confusion = confusion->table();
  }
  return figures;
}

}  // namespace attend
