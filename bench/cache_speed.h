#pragma once
// Cases of attention_speed: one query beside a cache of keys and values, as when a text is written token by token. What bounds it is how
// fast these come from memory, so every call finds others that no cache of the processor holds.
#include <ATen/ATen.h>

#include "attend/ops/fused_attention.h"
#include "paired.h"

namespace attend::bench {

inline void compare_cache(Bench& bench, std::int64_t heads, std::int64_t keys, at::ScalarType type) {
  const auto name = fmt::format("decode {} B1 H{} T1 S{} D64", name_of(type), heads, keys);
  if (!bench.wants(name)) return;
  const at::NoGradGuard no_grad;
  const auto q = at::randn({1, heads, 1, 64}).to(type), first = at::randn({1, heads, keys, 64}).to(type);  // [B, H, T, D], [B, H, S, D]
  const auto bytes = 2 * first.numel() * first.element_size();
  std::vector<std::pair<at::Tensor, at::Tensor>> caches;
  for (std::int64_t held = 0; held <= beyond_caches(); held += bytes) caches.emplace_back(first.clone(), first.clone());
  FusedAttentionOptions options;
  options.scale = 1 / 8.0;
  std::size_t next = 0;
  const auto another = [&]() -> const auto& { return caches[next++ % caches.size()]; };
  bench.pair(
      name, 4e-9 * static_cast<double>(heads * keys) * 64, "libtorch",
      [&] {
        const auto& [k, v] = another();
        fused_attention(q, k, v, options);
      },
      [&] {
        const auto& [k, v] = another();
        at::scaled_dot_product_attention(q, k, v);
      },
      {.gbytes = 1e-9 * static_cast<double>(bytes), .from_memory = true});
}

inline void compare_caches(Bench& bench) {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    compare_cache(bench, 32, 4096, type);
    compare_cache(bench, 8, 32768, type);
  }
}

}  // namespace attend::bench
