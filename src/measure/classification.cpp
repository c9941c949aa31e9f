#include "attend/measure/classification.h"

#include <algorithm>

#include "attend/core/error.h"
#include "attend/measure/metrics.h"
#include "measure/share.h"

namespace attend {
ConfusionMatrix::ConfusionMatrix(std::vector<std::string> classes) : classes_(std::move(classes)) {
  ATTEND_CHECK(!classes_.empty(), kValue, "confusion matrix: expected at least one class, got none");
  for (std::size_t i = 0; i < classes_.size(); ++i)
    ATTEND_CHECK(index_of(classes_[i]) == i, kValue, "confusion matrix: class '{}' is named twice; name each once", classes_[i]);
  counts_.resize(classes_.size() * classes_.size());
}

void ConfusionMatrix::check(std::size_t index, const char* what) const {
  ATTEND_CHECK(index < classes_.size(), kValue, "confusion matrix: {} class must be 0 to {}, got {}", what, classes_.size() - 1, index);
}

std::size_t ConfusionMatrix::index_of(std::string_view name) const {
  const auto found = std::find(classes_.begin(), classes_.end(), name);
  if (found == classes_.end()) fail_unknown_name("class", name, classes_);
  return static_cast<std::size_t>(found - classes_.begin());
}

void ConfusionMatrix::add(std::size_t predicted, std::size_t gold) {
  check(predicted, "predicted");
  check(gold, "gold");
  ++counts_[gold * classes_.size() + predicted];
  ++total_;
}
void ConfusionMatrix::add(std::string_view predicted, std::string_view gold) { add(index_of(predicted), index_of(gold)); }

std::uint64_t ConfusionMatrix::count(std::size_t gold, std::size_t predicted) const {
  check(gold, "gold");
  check(predicted, "predicted");
  return counts_[gold * classes_.size() + predicted];
}

ClassScore ConfusionMatrix::of_class(std::size_t index) const {
  check(index, "the");
  ClassScore score;
  score.correct = count(index, index);
  for (std::size_t other = 0; other < classes_.size(); ++other) {
    score.gold += count(index, other);
    score.predicted += count(other, index);
  }
  score.precision = share(score.correct, score.predicted);
  score.recall = share(score.correct, score.gold);
  score.f1 = share(2 * score.correct, score.predicted + score.gold);
  return score;
}

std::optional<double> ConfusionMatrix::accuracy() const {
  std::uint64_t correct = 0;
  for (std::size_t i = 0; i < classes_.size(); ++i) correct += count(i, i);
  return share(correct, total_);
}

std::optional<double> ConfusionMatrix::macro_f1() const {
  double sum = 0;
  std::size_t scored = 0;
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    const auto f1 = of_class(i).f1;
    sum += f1.value_or(0);
    scored += f1.has_value();
  }
  if (scored == 0) return std::nullopt;
  return sum / static_cast<double>(scored);
}

std::string ConfusionMatrix::table() const {
  static constexpr std::string_view kCorner = "gold \\ predicted";
  const std::uint64_t largest = *std::max_element(counts_.begin(), counts_.end());
  std::size_t first = kCorner.size();
  for (const auto& name : classes_) first = std::max(first, name.size());
  std::string text = fmt::format("{:{}}", kCorner, first);
  const auto width = [&](const std::string& name) { return std::max(name.size(), fmt::formatted_size("{}", largest)); };
  for (const auto& name : classes_) text += fmt::format("  {:>{}}", name, width(name));
  for (std::size_t gold = 0; gold < classes_.size(); ++gold) {
    text += fmt::format("\n{:{}}", classes_[gold], first);
    for (std::size_t predicted = 0; predicted < classes_.size(); ++predicted)
      text += fmt::format("  {:>{}}", count(gold, predicted), width(classes_[predicted]));
  }
  return text + '\n';
}

namespace {

std::optional<double> accuracy_of(const AnswerCounts& counts) { return share(counts.right, counts.items); }

std::optional<double> macro_f1_of(const AnswerCounts& counts) {
  if (!counts.classes) return std::nullopt;
  return counts.classes->macro_f1();
}

}  // namespace

extern constinit const MetricEntry accuracy_metric{.sentence = "answers that are right",
                                                   .needs = {MetricNeed::kAnswers},
                                                   .unit = "a share",
                                                   .larger_is_better = true,
                                                   .print = {.label = "accuracy", .brief_decimals = 1, .share = true},
                                                   .of_answers = accuracy_of};
extern constinit const MetricEntry macro_f1_metric{.sentence = "F1 of each class, and the mean of these",
                                                   .needs = {MetricNeed::kAnswers, MetricNeed::kClasses},
                                                   .unit = "a share",
                                                   .larger_is_better = true,
                                                   .print = {.label = "macro-F1", .brief_decimals = 1, .share = true, .column = false},
                                                   .of_answers = macro_f1_of};

}  // namespace attend
