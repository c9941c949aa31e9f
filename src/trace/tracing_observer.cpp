#include "trace/tracing_observer.h"

#include "attend/attention/score.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace attend {
namespace {

// One head's share of x, whose heads stand at `dimension`; 1 means shared by all.
at::Tensor head_of(const at::Tensor& x, std::int64_t dimension, std::int64_t head) {
  return x.select(dimension, x.size(dimension) == 1 ? 0 : head);
}

TraceNumbers part_of_query(const ScorePart& part, const std::vector<std::string>& keys, std::int64_t head, std::int64_t t) {
  using Of = ScorePart::Of;
  TraceNumbers numbers{.name = part.name, .rows = {}, .values = {}, .of_source = part.of == Of::kKey || part.of == Of::kHead};
  auto own = part.of == Of::kHead ? head_of(part.value, 0, head) : head_of(part.value.select(0, 0), 0, head);
  if (part.of == Of::kQuery || part.of == Of::kPair) own = own.select(0, t);
  if (part.of == Of::kKey || part.of == Of::kPair) numbers.rows = keys;
  numbers.values = numbers_of(own);
  return numbers;
}

}  // namespace

std::vector<double> numbers_of(const at::Tensor& x) {
  const auto flat = x.detach().to(at::kDouble).contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

void add_alignment(Trace& trace, const std::vector<at::Tensor>& rows, const std::vector<bool>& special_source,
                   const std::vector<bool>& special_target) {
  if (rows.empty()) return;
  const auto weights = at::stack(rows);  // [T, S]
  trace.coverage = numbers_of(weights.sum(0));
  const auto values = numbers_of(weights);
  WeightMatrix plain{static_cast<std::uint32_t>(weights.size(0)), static_cast<std::uint32_t>(weights.size(1)), {}};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto t = i / plain.cols, s = i % plain.cols;
    plain.values.push_back(special_source[s] || special_target[t] ? 0.0F : static_cast<float>(values[i]));
  }
  trace.links = argmax_links(plain).links;
}

void TracingObserver::begin_step(const std::string& target, const std::vector<std::string>& read) {
  reading_ = false;
  target_ = target;
  read_ = read;
  source_weights_ = at::Tensor();
}

bool TracingObserver::shown(const Site& site) const {
  return std::any_of(selection_.shown.begin(), selection_.shown.end(), [&](const Site& s) { return s.key() == site.key(); });
}

bool TracingObserver::counts_as_coverage(const Site& site) const { return selection_.source && selection_.source->key() == site.key(); }

Request TracingObserver::request(const Site& site) {
  if (shown(site)) return Request::everything();
  return {.weights = counts_as_coverage(site)};
}

void TracingObserver::parts(const Site& site, const at::Tensor& query, const std::vector<ScorePart>& parts) {
  parts_.clear();
  if (!shown(site)) return;
  parts_.push_back({"query", ScorePart::Of::kQuery, query});
  parts_.insert(parts_.end(), parts.begin(), parts.end());
}

void TracingObserver::observe(const Site& site, const Result& result) {
  if (counts_as_coverage(site)) source_weights_ = result.weights.detach().to(at::kDouble).select(0, 0).select(1, 0).mean(0);  // [S]
  if (!shown(site)) return;
  const auto heads = result.weights.size(1), queries = result.weights.size(2);
  if (over_source(site.rows) && queries < static_cast<std::int64_t>(source_.size())) {  // a number for each position, no attention
    lines_.emplace_back(TraceNumbers{.name = site.name, .rows = source_, .values = numbers_of(result.weights)});
    return;
  }
  if (selection_.head)
    ATTEND_CHECK(*selection_.head < heads, kValue, "trace: head {} is not there; {} has the heads 0 to {}", *selection_.head, site.name,
                 heads - 1);
  for (std::int64_t head = selection_.head.value_or(0); head < (selection_.head ? *selection_.head + 1 : heads); ++head)
    for (std::int64_t t = 0; t < queries; ++t) lines_.emplace_back(one_query(site, result, head, t));
  const bool projected = std::any_of(parts_.begin(), parts_.end(), [](const ScorePart& part) { return part.name == "context"; });
  if (!projected) return;
  // What the heads' contexts become together.
  lines_.emplace_back(TraceNumbers{.name = site.name + " output",
                                   .rows = over_source(site.rows) ? source_ : std::vector<std::string>{},
                                   .values = numbers_of(result.context)});
}

TraceAttention TracingObserver::one_query(const Site& site, const Result& result, std::int64_t head, std::int64_t t) const {
  const auto query = static_cast<std::size_t>(t);
  TraceAttention a{.site = site.name, .layer = site.layer, .head = head};
  a.query = over_source(site.rows) ? source_[query] : target_;
  a.keys = site.columns == ColumnAxis::kStep ? read_ : source_;
  if (site.columns == ColumnAxis::kSlot) {
    a.keys.clear();
    for (std::int64_t i = 0; i < result.weights.size(3); ++i) a.keys.push_back(std::to_string(i));
  }
  ATTEND_ASSERT(static_cast<std::int64_t>(a.keys.size()) == result.weights.size(3));
  auto row = [&](const at::Tensor& x) { return numbers_of(x.select(0, 0).select(0, head).select(0, t)); };
  a.weights = row(result.weights);
  a.entropy = row(result.entropy.defined() ? result.entropy : entropy_of(result.weights)).at(0);
  a.effective_tokens = std::exp(a.entropy);
  if (result.scores.defined()) {
    a.scores = row(result.scores);
    a.maximum = *std::max_element(a.scores.begin(), a.scores.end());
    // A row with nothing to attend to has weights 0 and no softmax.
    if (result.lse.defined() && std::isfinite(a.maximum)) {
      for (const auto score : a.scores) a.exponentials.push_back(std::exp(score - a.maximum));
      a.sum = std::accumulate(a.exponentials.begin(), a.exponentials.end(), 0.0);
    }
  }
  for (const auto& part : parts_) {
    auto numbers = part_of_query(part, a.keys, head, t);
    if (part.name == "context") {
      a.context = std::move(numbers.values);
    } else {
      a.parts.push_back(std::move(numbers));
    }
  }
  if (a.context.empty() && result.context.defined()) a.context = row(result.context);
  return a;
}

void TracingObserver::number(const std::string& name, const at::Tensor& value) {
  TraceNumbers numbers{.name = name, .rows = {}, .values = numbers_of(value)};
  if (reading_ && value.dim() == 3) numbers.rows = source_;
  lines_.emplace_back(std::move(numbers));
}

}  // namespace attend
