#include "models/map_summaries.h"

#include "attend/attention/operands.h"
#include "attend/models/weights_observer.h"

namespace attend {
namespace {

static_assert(MapKeeping::kMostTop <= kernels::kMostTop);
static_assert(TileSource::kEverything == kernels::kEverything);

// The smallest power of two that cuts `size` into at most kMostBlocks blocks.
std::int64_t block_of(std::int64_t size) {
  std::int64_t block = 1;
  while ((size + block - 1) / block > MapKeeping::kMostBlocks) block *= 2;
  return block;
}

template <class Number>
StoredArray stored(Dtype dtype, const at::Tensor& x) {
  const auto flat = x.contiguous();
  const auto* from = flat.const_data_ptr<Number>();
  return {dtype, x.sizes().vec(), std::vector<Number>(from, from + flat.numel())};
}

StoredArray floats(const at::Tensor& x) { return x.defined() ? stored<float>(Dtype::kF32, x.detach().to(at::kFloat)) : StoredArray(); }
StoredArray integers(const at::Tensor& x) { return x.defined() ? stored<std::int32_t>(Dtype::kI32, x.to(at::kInt)) : StoredArray(); }

// Numbers as float16 where each of them survives that, or the caller wants it, else as float32.
StoredArray operand(const at::Tensor& x, bool rounded) {
  const auto wide = x.detach().to(at::kFloat);  // [H, L, D]
  const auto half = wide.to(at::kHalf);         // [H, L, D]
  if (!(rounded ? half.isfinite().all().item<bool>() : half.to(at::kFloat).equal(wide))) return floats(wide);
  const auto flat = half.contiguous();
  const auto* from = reinterpret_cast<const std::uint16_t*>(flat.const_data_ptr<at::Half>());
  return {Dtype::kF16, x.sizes().vec(), std::vector<std::uint16_t>(from, from + flat.numel())};
}

bool of_length(const at::Tensor& lengths, std::int64_t size) {
  return !lengths.defined() || (lengths.numel() == 1 && lengths.item<std::int64_t>() == size);
}

std::optional<TileSource> tiles_of(const Operands& from, bool rounded, const CallSizes& sizes) {
  const auto& o = from.options;
  if (o.keep.defined() || o.bias.defined() || !of_length(o.query_lengths, sizes.queries) || !of_length(o.key_lengths, sizes.keys))
    return std::nullopt;
  TileSource tiles;
  tiles.score = static_cast<TileScore>(o.score);
  tiles.scale = o.scale;
  tiles.left = o.left, tiles.right = o.right;
  tiles.query = operand(from.query[0], rounded);  // [H, T, D]
  tiles.key = operand(from.key[0], rounded);      // [Hk, S, D]
  tiles.energy = floats(o.energy), tiles.slopes = floats(o.slopes), tiles.by_distance = floats(o.by_distance);
  tiles.first_step = o.first_steps.defined() ? o.first_steps.item<std::int64_t>() : std::max<std::int64_t>(sizes.keys - sizes.queries, 0);
  return tiles;
}

}  // namespace

Request summary_request(const MapKeeping& keep, const CallSizes& sizes) {
  Request request;
  request.lse = request.entropy = request.maximum = request.column_sums = true;
  request.operands = keep.tiles != "none";
  request.top = std::min(keep.top, sizes.keys);
  request.pool_rows = block_of(sizes.queries);
  request.pool_keys = block_of(sizes.keys);
  if (const auto rows = keep.chosen_rows(sizes.queries); !rows.empty())
    request.rows = at::tensor(at::ArrayRef<std::int64_t>(rows), index_options());  // [R]
  return request;
}

MapSummary summary_of(const Site& site, const Result& result, const MapKeeping& keep, const CallSizes& sizes) {
  ATTEND_ASSERT(sizes.batch == 1);
  MapSummary s;
  s.site = site;
  s.kind = row_kind(result.kind);
  s.heads = static_cast<std::uint32_t>(sizes.heads);
  s.rows = static_cast<std::uint32_t>(sizes.queries);
  s.cols = static_cast<std::uint32_t>(sizes.keys);
  const auto own = [](const at::Tensor& x) { return x.defined() ? x[0] : x; };  // [H, ..]
  s.entropy = floats(own(result.entropy));
  s.lse = floats(own(result.lse));
  s.maximum = floats(own(result.maximum)), s.argmax = integers(own(result.argmax));
  s.column_sums = floats(own(result.column_sums));
  s.top_weights = floats(own(result.top_weights)), s.top_columns = integers(own(result.top_keys));
  if (result.rows.defined()) {
    for (const auto row : keep.chosen_rows(sizes.queries)) s.chosen_rows.push_back(static_cast<std::uint32_t>(row));
    s.chosen_weights = floats(own(result.rows));
  }
  if (result.pooled_mean.defined())
    s.levels = pyramid({static_cast<std::uint32_t>(block_of(sizes.queries)), static_cast<std::uint32_t>(block_of(sizes.keys)),
                        floats(own(result.pooled_mean)), floats(own(result.pooled_max))},
                       s.heads, s.rows, s.cols);
  if (result.operands && s.lse) s.tiles = tiles_of(*result.operands, keep.tiles == "half", sizes);
  return s;
}

}  // namespace attend
