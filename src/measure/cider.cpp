#include "attend/measure/cider.h"

#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "attend/core/error.h"
#include "attend/measure/metrics.h"
#include "attend/measure/text_scores.h"
#include "measure/ngrams.h"
#include "measure/unicode.h"

namespace attend {
namespace {

constexpr int kOrders = 4;
constexpr double kSigma = 6;

using Counts = std::map<std::uint32_t, std::uint32_t>;  // n-gram: times; ordered, so that sums come out the same everywhere
using PerOrder = std::array<double, kOrders>;

struct Item {
  Counts hypothesis;
  std::vector<Counts> references;
};

/// A caption's n-grams by weight, the vectors' lengths per order, and the number of words.
struct Vector {
  std::map<std::uint32_t, double> weights;
  PerOrder norms{};
  double words = 0;
};

}  // namespace

struct Cider::State {
  std::unordered_map<std::string, std::uint32_t> words;
  scoring::NgramIndex ngrams;           // of the whole corpus
  std::vector<std::uint32_t> items_of;  // items with the n-gram in a reference
  std::vector<Item> items;

  Counts count(std::string_view text, const char* which) {
    scoring::code_points(text, fmt::format("cider: {} of item {}", which, items.size() + 1));  // names the item if it is broken
    std::vector<std::uint32_t> symbols;
    for (const auto word : split_words(text))
      symbols.push_back(words.try_emplace(std::string(word), static_cast<std::uint32_t>(words.size())).first->second);
    Counts counts;
    ngrams.for_each(symbols, kOrders, [&](std::uint32_t ngram) { ++counts[ngram]; });
    return counts;
  }

  std::size_t order(std::uint32_t ngram) const { return static_cast<std::size_t>(ngrams.order(ngram)); }

  Vector vector_of(const Counts& counts) const {
    Vector v;
    for (const auto& [ngram, times] : counts) {
      const double among = ngram < items_of.size() ? std::max<double>(1, items_of[ngram]) : 1;
      const double weight = times * (std::log(static_cast<double>(items.size())) - std::log(among));
      v.weights[ngram] = weight;
      v.norms[order(ngram)] += weight * weight;
      if (order(ngram) == 0) v.words += times;
    }
    for (double& norm : v.norms) norm = std::sqrt(norm);
    return v;
  }

  double similarity(const Vector& said, const Vector& wanted) const {
    PerOrder shared{};
    for (const auto& [ngram, weight] : said.weights)
      if (const auto found = wanted.weights.find(ngram); found != wanted.weights.end())
        shared[order(ngram)] += std::min(weight, found->second) * found->second;
    double sum = 0;
    for (std::size_t n = 0; n < kOrders; ++n)
      if (said.norms[n] > 0 && wanted.norms[n] > 0) sum += shared[n] / (said.norms[n] * wanted.norms[n]);
    const double off = said.words - wanted.words;
    return sum / kOrders * std::exp(-off * off / (2 * kSigma * kSigma));
  }
};

Cider::Cider() : state_(std::make_unique<State>()) {}
Cider::Cider(Cider&&) noexcept = default;
Cider& Cider::operator=(Cider&&) noexcept = default;
Cider::~Cider() = default;

void Cider::add(std::string_view hypothesis, std::span<const std::string_view> references) {
  State& s = *state_;
  ATTEND_CHECK(!references.empty(), kValue, "cider: item {} has no reference; give at least one", s.items.size() + 1);
  Item item{s.count(hypothesis, "hypothesis"), {}};
  std::set<std::uint32_t> in_references;
  for (const auto reference : references)
    for (const auto& [ngram, times] : item.references.emplace_back(s.count(reference, "a reference"))) in_references.insert(ngram);
  s.items_of.resize(s.ngrams.size());
  for (const auto ngram : in_references) ++s.items_of[ngram];
  s.items.push_back(std::move(item));
}

double Cider::score() const {
  const State& s = *state_;
  ATTEND_CHECK(!s.items.empty(), kValue, "cider: no item was added; CIDEr of an empty corpus does not exist");
  double sum = 0;
  for (const Item& item : s.items) {
    const Vector said = s.vector_of(item.hypothesis);
    double similar = 0;
    for (const Counts& reference : item.references) similar += s.similarity(said, s.vector_of(reference));
    sum += 10 * similar / static_cast<double>(item.references.size());
  }
  return sum / static_cast<double>(s.items.size());
}

namespace {

TextFigure cider_figure(const ComparedTexts& texts, const MetricOptions& compare) {
  Cider cider;
  for_each_text(texts, compare.lowercase, [&](auto hypothesis, auto references) { cider.add(hypothesis, references); });
  return {.value = cider.score()};
}

}  // namespace

extern constinit const MetricEntry cider_metric{
    .sentence = "CIDEr-D: runs of one to four words that people's captions have too, rare ones counting more",
    .needs = {MetricNeed::kTexts, MetricNeed::kSeveralReferences},
    .unit = "0 to 10",
    .larger_is_better = true,
    .print = {.label = "CIDEr-D", .decimals = 3},
    .of_texts = cider_figure};

}  // namespace attend
