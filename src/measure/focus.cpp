#include "attend/measure/focus.h"

#include <algorithm>
#include <cmath>

#include "attend/core/error.h"

namespace attend {
namespace {

/// The column of the first weight no share can be made of, or the size.
std::size_t first_bad(std::span<const float> weights) {
  const auto bad = [](float a) { return !(a >= 0) || std::isinf(a); };
  return static_cast<std::size_t>(std::find_if(weights.begin(), weights.end(), bad) - weights.begin());
}

std::optional<Focus> focus_of_checked(std::span<const float> weights) {
  double sum = 0;
  for (const float a : weights) sum += a;
  if (sum == 0) return std::nullopt;
  Focus focus;
  double squares = 0;
  for (const float weight : weights) {
    const double a = weight / sum;
    if (a > 0) focus.entropy -= a * std::log(a);  // 0 ln 0 = 0
    squares += a * a;
    focus.max_weight = std::max(focus.max_weight, a);
  }
  focus.entropy = std::max(focus.entropy, 0.0);  // −1 · ln 1 is −0
  focus.effective_tokens = std::exp(focus.entropy);
  focus.inverse_simpson = 1 / squares;
  if (weights.size() >= 2) focus.normalised_entropy = focus.entropy / std::log(static_cast<double>(weights.size()));
  return focus;
}

std::optional<Focus> mean_of(const std::vector<std::optional<Focus>>& rows) {
  Focus sum;
  double count = 0, normalised = 0, normalised_count = 0;
  for (const auto& row : rows) {
    if (!row) continue;
    ++count;
    sum.entropy += row->entropy;
    sum.effective_tokens += row->effective_tokens;
    sum.inverse_simpson += row->inverse_simpson;
    sum.max_weight += row->max_weight;
    if (!row->normalised_entropy) continue;
    ++normalised_count;
    normalised += *row->normalised_entropy;
  }
  if (count == 0) return std::nullopt;
  Focus mean{.entropy = sum.entropy / count,
             .effective_tokens = sum.effective_tokens / count,
             .inverse_simpson = sum.inverse_simpson / count,
             .max_weight = sum.max_weight / count,
             .normalised_entropy = std::nullopt};
  if (normalised_count > 0) mean.normalised_entropy = normalised / normalised_count;
  return mean;
}

}  // namespace

std::optional<Focus> focus_of_row(std::span<const float> visible) {
  const std::size_t bad = first_bad(visible);
  ATTEND_CHECK(bad == visible.size(), kValue, "focus: weights must be finite and at least 0, got {} at column {}", visible[bad], bad);
  return focus_of_checked(visible);
}

FocusOfMap focus_of_map(const WeightMatrix& weights, VisibleKeys visible) {
  FocusOfMap focus;
  focus.rows.reserve(weights.rows);
  for (std::size_t t = 0; t < weights.rows; ++t) {
    const std::size_t keys = visible == VisibleKeys::kCausal ? std::min<std::size_t>(t + 1, weights.cols) : weights.cols;
    const auto row = std::span(weights.values).subspan(t * weights.cols, keys);
    const std::size_t bad = first_bad(row);
    ATTEND_CHECK(bad == keys, kValue, "focus: weights must be finite and at least 0, got {} at row {}, column {}", row[bad], t, bad);
    focus.rows.push_back(focus_of_checked(row));
  }
  focus.mean = mean_of(focus.rows);
  return focus;
}

void RowEntropy::add(std::span<const WeightMatrix> heads) {
  double means = 0;
  std::uint64_t counted = 0;
  for (const WeightMatrix& head : heads) {
    const auto focus = focus_of_map(head);
    if (!focus.mean) continue;
    means += focus.mean->entropy;
    ++counted;
    for (const auto& row : focus.rows) {
      if (!row) continue;
      row_sum_ += row->entropy;
      ++rows_;
    }
  }
  if (counted == 0) return;
  sentence_sum_ += means / static_cast<double>(counted);
  ++sentences_;
}

RowEntropy& RowEntropy::operator+=(const RowEntropy& other) {
  row_sum_ += other.row_sum_;
  sentence_sum_ += other.sentence_sum_;
  rows_ += other.rows_;
  sentences_ += other.sentences_;
  return *this;
}

std::optional<double> RowEntropy::over_rows() const {
  return rows_ > 0 ? std::optional(row_sum_ / static_cast<double>(rows_)) : std::nullopt;
}
std::optional<double> RowEntropy::over_sentences() const {
  return sentences_ > 0 ? std::optional(sentence_sum_ / static_cast<double>(sentences_)) : std::nullopt;
}

}  // namespace attend
