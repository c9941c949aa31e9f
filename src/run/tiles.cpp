#include "attend/run/tiles.h"

#include "attend/core/error.h"
#include "attend/kernels/workers.h"

namespace attend {
namespace {

// Row `head` of an array [heads, ..], `each` numbers long; none where there is no array.
std::vector<float> of_head(const StoredArray& array, std::size_t head, std::size_t each) {
  return array ? array.floats(head * each, each) : std::vector<float>();
}

template <class Number>
const Number* or_null(const std::vector<Number>& numbers) {
  return numbers.empty() ? nullptr : numbers.data();
}

}  // namespace

WeightMatrix weights_of_tile(const MapSummary& summary, std::uint32_t head, const kernels::WeightTile& tile) {
  const auto where = fmt::format("{} layer {}", summary.site.name, summary.site.layer);
  ATTEND_CHECK(summary.tiles, kValue,
               "tile: the summary of {} holds no queries and keys to compute weights from; record it with --map-tiles exact or half, and a "
               "mechanism that is a softmax over products or additive scores",
               where);
  ATTEND_CHECK(head < summary.heads, kValue, "tile: {} has {} heads, got head {} (counted from 0)", where, summary.heads, head);
  ATTEND_CHECK(0 <= tile.first_row && tile.first_row < tile.end_row && tile.end_row <= summary.rows && 0 <= tile.first_key &&
                   tile.first_key < tile.end_key && tile.end_key <= summary.cols,
               kValue, "tile: it must lie within the {} rows and {} columns of {}, got rows {} to {} and columns {} to {}", summary.rows,
               summary.cols, where, tile.first_row, tile.end_row, tile.first_key, tile.end_key);
  const auto& t = *summary.tiles;
  const auto size = static_cast<std::size_t>(t.query.shape().back()), rows = std::size_t{summary.rows}, cols = std::size_t{summary.cols};
  const auto group = summary.heads / static_cast<std::size_t>(t.key.shape().front());  // query heads that share a key head
  const auto query = of_head(t.query, head, rows * size), key = of_head(t.key, head / group, cols * size);
  const auto lse = of_head(summary.lse, head, rows);
  const auto energy = of_head(t.energy, head, size), slopes = of_head(t.slopes, head, 1);
  const auto far = t.by_distance ? static_cast<std::size_t>(t.by_distance.shape().back()) : 0;
  const auto by_distance = of_head(t.by_distance, head, far);

  kernels::FusedAttention call;
  call.batch = call.heads = call.key_heads = 1;
  call.queries = summary.rows, call.keys = summary.cols;
  call.size = call.value_size = static_cast<std::int64_t>(size);
  call.scale = t.scale;
  call.score = static_cast<kernels::ScoreKind>(t.score);
  call.energy = or_null(energy);
  const auto per_row = static_cast<std::int64_t>(size);
  call.query = {query.data(), 0, 0, per_row};
  call.key = call.value = {key.data(), 0, 0, per_row};  // values are not read
  call.left = t.left, call.right = t.right;
  call.slopes = or_null(slopes);
  call.by_distance = or_null(by_distance);
  call.farthest = static_cast<std::int64_t>(far / 2);
  call.first_steps = &t.first_step;

  WeightMatrix weights{
      static_cast<std::uint32_t>(tile.end_row - tile.first_row), static_cast<std::uint32_t>(tile.end_key - tile.first_key), {}};
  weights.values.resize(std::size_t{weights.rows} * weights.cols);
  kernels::OneWorker worker;
  kernels::fused_weights(call, lse.data(), tile, weights.values.data(), worker, "tile");
  return weights;
}

WeightMatrix mean_of_tile(const MapSummary& summary, const kernels::WeightTile& tile) {
  auto mean = weights_of_tile(summary, 0, tile);
  for (std::uint32_t head = 1; head < summary.heads; ++head) {
    const auto own = weights_of_tile(summary, head, tile);
    for (std::size_t i = 0; i < mean.values.size(); ++i) mean.values[i] += own.values[i];
  }
  for (auto& value : mean.values) value /= static_cast<float>(summary.heads);
  return mean;
}

}  // namespace attend
