#pragma once
// Cases of attention_speed: what is known of the weights, beside those who store all of them.
#include <ATen/ATen.h>

#include "attend/ops/fused_attention.h"
#include "paired.h"

namespace attend::bench {

// Every statistic, beside a composition that returns the weights and computes them from these.
inline void compare_all_statistics(Bench& bench, std::int64_t heads, std::int64_t length) {
  constexpr std::int64_t kBlock = 32;
  const at::NoGradGuard no_grad;
  const auto make = [&] { return at::randn({1, heads, length, 64}); };  // [B, H, N, D]
  const auto q = make(), k = make(), v = make();
  FusedAttentionOptions options;
  options.scale = 1 / 8.0;
  options.lse = options.entropy = options.maximum = options.column_sums = true;
  options.top = 8;
  options.pool_rows = options.pool_keys = kBlock;
  const auto n = static_cast<double>(length);
  const double work = 4e-9 * static_cast<double>(heads) * n * n * 64;
  bench.pair(
      fmt::format("forward, all statistics float32 B1 H{} N{} D64", heads, length), work, "eager composition",
      [&] { fused_attention(q, k, v, options); },
      [&] {
        const auto scores = at::matmul(q, k.mT()) / 8;                      // [B, H, T, S]
        const auto lse = scores.logsumexp(-1, /*keepdim=*/true);            // [B, H, T, 1]
        const auto weights = (scores - lse).exp();                          // [B, H, T, S]
        const auto entropy = lse.squeeze(-1) - (weights * scores).sum(-1);  // [B, H, T]
        const auto maximum = weights.max(-1);
        const auto column_sums = weights.sum(2);  // [B, H, S]
        const auto largest = weights.topk(8);
        const auto mean = at::avg_pool2d(weights, kBlock), most = at::max_pool2d(weights, kBlock);  // [B, H, T/32, S/32]
        const auto context = at::matmul(weights, v);
      });
}

// The weights of a tile, of a map that nobody stored; counted is the product of its queries and keys alone.
inline void compare_zoom(Bench& bench, at::ScalarType type) {
  constexpr std::int64_t kLength = 16384, kTile = 1024;
  const auto name = fmt::format("tile of 1024 x 1024 {} B1 H1 N{} D64", name_of(type), kLength);
  if (!bench.wants(name)) return;
  const at::NoGradGuard no_grad;
  const auto make = [&] { return at::randn({1, 1, kLength, 64}).to(type); };  // [B, H, N, D]
  const auto q = make(), k = make(), v = make();
  FusedAttentionOptions options;
  options.scale = 1 / 8.0;
  auto asked = options;
  asked.lse = true;
  const auto lse = fused_attention(q, k, v, asked).lse;  // [B, H, N]
  const kernels::WeightTile tile{.first_row = 9000, .end_row = 9000 + kTile, .first_key = 5000, .end_key = 5000 + kTile};
  const auto rows = q.narrow(2, tile.first_row, kTile), keys = k.narrow(2, tile.first_key, kTile);  // [B, H, 1024, D]
  bench.pair(
      name, 2e-9 * kTile * kTile * 64, "the product alone, by libtorch", [&] { fused_weights(q, k, lse, tile, options); },
      [&] { at::matmul(rows, keys.mT()); });
}

inline void compare_maps(Bench& bench) {
  compare_all_statistics(bench, 8, 2048);
  for (const auto type : {at::kFloat, at::kBFloat16}) compare_zoom(bench, type);
}

}  // namespace attend::bench
