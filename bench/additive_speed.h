#pragma once
// Cases of attention_speed: additive scores, whole and by the steps of a decoder.
#include <ATen/ATen.h>

#include "attend/ops/fused_attention.h"
#include "steps_speed.h"

namespace attend::bench {

// Additive scores beside the composition of tensor operations; work is counted in elements B·T·S·E.
inline void compare_additive(Bench& bench, std::int64_t batch, std::int64_t queries, std::int64_t keys, std::int64_t size) {
  const auto make = [&](std::int64_t rows) { return at::randn({batch, 1, rows, size}).requires_grad_(true); };
  const auto q = make(queries), k = make(keys), v = make(keys);  // [B, 1, T, E], [B, 1, S, E]
  const auto energy = (at::randn({1, size}) * 0.1).requires_grad_(true), g = at::randn({batch, 1, queries, size});
  FusedAttentionOptions options;
  options.score = kernels::ScoreKind::kTanh;
  options.energy = energy.detach();
  const double work = 1e-9 * static_cast<double>(batch * queries * keys * size);
  const auto name = fmt::format("additive B{} T{} S{} E{}", batch, queries, keys, size);
  const auto eager = [&] {
    const auto e = at::matmul(at::tanh(q.unsqueeze(3) + k.unsqueeze(2)), energy[0]);  // [B, 1, T, S]
    return at::matmul(e.softmax(-1), v);                                              // [B, 1, T, E]
  };
  {
    const at::NoGradGuard no_grad;
    if (queries == 1) options.packed = pack_source(k, v, options, 1, /*both_ways=*/false);
    bench.pair(
        "forward " + name, work, "eager composition", [&] { fused_attention(q, k, v, options); }, [&] { eager(); });
  }
  if (queries == 1) options.packed = pack_source(k.detach(), v.detach(), options, 1, /*both_ways=*/true);
  options.energy = energy;
  const auto clear = [&] {
    for (const auto& x : {q, k, v, energy}) x.mutable_grad() = at::Tensor();
  };
  bench.pair(
      "forward and backward " + name, work, "eager composition",
      [&] {
        clear();
        fused_attention(q, k, v, options).context.backward(g);
      },
      [&] {
        clear();
        eager().backward(g);
      });
}

inline void compare_additives(Bench& bench) {
  compare_additive(bench, 8, 64, 64, 512);
  compare_additive(bench, 1, 256, 256, 512);
  compare_additive(bench, 64, 1, 40, 512);
  for (const auto knows : {Knows::kNothing, Knows::kCoverage, Knows::kLocation}) compare_steps(bench, knows, 64, 40, 40, 512);
}

}  // namespace attend::bench
