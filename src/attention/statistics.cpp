#include "attend/attention/statistics.h"

#include <algorithm>

namespace attend {
namespace {

// Blocks of `size` along a dimension of x, by `pool` (x as [.., blocks, size, ..], the dimension to leave) -> x with the blocks in its
// place.
template <class Pool>
at::Tensor over_blocks(const at::Tensor& x, std::int64_t dim, std::int64_t size, double filling, const Pool& pool) {
  const auto blocks = (x.size(dim) + size - 1) / size, missing = blocks * size - x.size(dim);
  auto whole = x;
  if (missing > 0) {
    auto sizes = x.sizes().vec();
    sizes[static_cast<std::size_t>(dim)] = missing;
    whole = at::cat({x, at::full(sizes, filling, x.options().requires_grad(false))}, dim);  // [.., blocks·size, ..]
  }
  return pool(whole.unflatten(dim, {blocks, size}), dim + 1);
}

// The mean counts the numbers that are there: the last block may be smaller.
at::Tensor mean_over_blocks(const at::Tensor& x, std::int64_t dim, std::int64_t size) {
  const auto sums = over_blocks(x, dim, size, 0, [](const at::Tensor& y, std::int64_t d) { return y.sum(d); });  // [.., blocks, ..]
  auto counts = at::full({sums.size(dim)}, size, index_options());                                               // [blocks]
  if (counts.size(0) > 0) counts[-1] = x.size(dim) - size * (counts.size(0) - 1);
  std::vector<std::int64_t> shape(static_cast<std::size_t>(sums.dim()), 1);
  shape[static_cast<std::size_t>(dim)] = counts.size(0);
  return sums / counts.view(shape).to(sums.scalar_type());
}

at::Tensor max_over_blocks(const at::Tensor& x, std::int64_t dim, std::int64_t size) {
  return over_blocks(x, dim, size, -std::numeric_limits<double>::infinity(), [](const at::Tensor& y, std::int64_t d) { return y.amax(d); });
}

constexpr std::array<StatisticEntry, 13> kStatistics = {{{"context", &Result::context, Axis::kRow},
                                                         {"weights", &Result::weights, Axis::kCell},
                                                         {"lse", &Result::lse, Axis::kRow},
                                                         {"entropy", &Result::entropy, Axis::kRow},
                                                         {"scores", &Result::scores, Axis::kCell},
                                                         {"maximum", &Result::maximum, Axis::kRow},
                                                         {"argmax", &Result::argmax, Axis::kRow},
                                                         {"column_sums", &Result::column_sums, Axis::kKey},
                                                         {"top_weights", &Result::top_weights, Axis::kRow},
                                                         {"top_keys", &Result::top_keys, Axis::kRow},
                                                         {"pooled_mean", &Result::pooled_mean, Axis::kBlock},
                                                         {"pooled_max", &Result::pooled_max, Axis::kBlock},
                                                         {"rows", &Result::rows, Axis::kCell}}};

at::Tensor joined(std::span<const at::Tensor> steps, Axis axis) {
  const auto rows_at = steps.front().dim() == 2 ? 1 : 2;  // [B, T] or [B, H, T, *]
  switch (axis) {
    case Axis::kKey: return at::stack(std::vector<at::Tensor>(steps.begin(), steps.end())).sum(0);
    case Axis::kItem: return steps.back();
    case Axis::kModule: return steps.front();
    case Axis::kRow:
    case Axis::kCell:
    case Axis::kBlock: break;
  }
  return at::cat(std::vector<at::Tensor>(steps.begin(), steps.end()), rows_at);
}

}  // namespace

std::span<const StatisticEntry> statistics() { return kStatistics; }

Request Request::everything() {
  Request all;
  all.weights = all.lse = all.entropy = all.scores = all.maximum = all.column_sums = true;
  return all;
}

Request Request::of_step(std::int64_t t) const {
  auto own = *this;
  if (rows.defined()) own.rows = at::zeros({rows.eq(t).sum().item<std::int64_t>()}, index_options());
  if (pool_rows > 0) own.pool_rows = 1;
  return own;
}

Result join_steps(std::span<const Result> steps, const Request& request) {
  Result all;
  all.kind = steps.front().kind;
  all.by = steps.front().by;
  std::vector<at::Tensor> values(steps.size());
  for (const auto& entry : kStatistics) {
    if (!(steps.front().*entry.value).defined()) continue;
    for (std::size_t i = 0; i < steps.size(); ++i) values[i] = steps[i].*entry.value;
    all.*entry.value = joined(values, entry.axis);
  }
  // A step's blocks hold one row each.
  if (all.pooled_mean.defined()) all.pooled_mean = mean_over_blocks(all.pooled_mean, 2, request.pool_rows);
  if (all.pooled_max.defined()) all.pooled_max = max_over_blocks(all.pooled_max, 2, request.pool_rows);
  for (const auto& [name, first] : steps.front().extras) {
    for (std::size_t i = 0; i < steps.size(); ++i) values[i] = steps[i].extras.at(name).value;
    all.extras[name] = {joined(values, first.axis), first.axis};
  }
  return all;
}

void add_statistics(Result& result, const Request& request, const at::Tensor& weights) {
  const auto keys = weights.size(3);
  if (request.weights && !result.weights.defined()) result.weights = weights;
  if (request.entropy && !result.entropy.defined()) result.entropy = entropy_of(weights);
  if (request.maximum && !result.maximum.defined()) {
    if (keys > 0) {
      const auto [largest, key] = weights.max(-1);      // [B, H, T]
      const auto none = weights.eq(0).all(-1);          // [B, H, T]; an empty row
      result.maximum = largest.masked_fill(none, 0.0);  // [B, H, T]
      result.argmax = key.masked_fill(none, -1);        // [B, H, T]
    } else {
      result.maximum = weights.sum(-1);                                       // [B, H, T]
      result.argmax = at::full(result.maximum.sizes(), -1, index_options());  // [B, H, T]
    }
  }
  if (request.column_sums && !result.column_sums.defined()) result.column_sums = weights.sum(2);
  if (request.top > 0 && !result.top_weights.defined()) {
    const auto found = std::min(request.top, keys);
    auto [largest, key] = weights.topk(found, -1);                                                   // [B, H, T, found]
    const auto none = largest.eq(0);                                                                 // [B, H, T, found]
    result.top_weights = at::constant_pad_nd(largest, {0, request.top - found});                     // [B, H, T, K]
    result.top_keys = at::constant_pad_nd(key.masked_fill(none, -1), {0, request.top - found}, -1);  // [B, H, T, K]
  }
  if (request.pool_rows > 0 && request.pool_keys > 0 && !result.pooled_mean.defined()) {
    result.pooled_mean = mean_over_blocks(mean_over_blocks(weights, 3, request.pool_keys), 2, request.pool_rows);
    result.pooled_max = max_over_blocks(max_over_blocks(weights, 3, request.pool_keys), 2, request.pool_rows);
  }
  if (request.rows.defined() && !result.rows.defined()) result.rows = weights.index_select(2, request.rows);
}

at::Tensor entropy_of(const at::Tensor& weights) {
  // The logarithm never sees a 0: its infinite derivative there, times the weight 0, would be NaN.
  return -at::xlogy(weights, weights.masked_fill(weights.eq(0), 1.0)).sum(-1);
}

}  // namespace attend
