#pragma once
// Cases of attention_speed beside plain softmax: soft caps, windows around centres, choices, sparse normalisers. The peer of each is the
// composition of tensor operations that the plain implementation makes of it.
#include <ATen/ATen.h>

#include "attend/ops/draws.h"
#include "attend/ops/entmax.h"
#include "attend/ops/fused_attention.h"
#include "attend/ops/monotonic.h"
#include "paired.h"

namespace attend::bench {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

// One source, B1 H8 unless it says otherwise, D 64, float32.
struct MechanismBench {
  MechanismBench(Bench& b, std::int64_t batch, std::int64_t heads, std::int64_t queries, std::int64_t keys, bool additive = false)
      : bench(b), sizes{batch, heads, queries, keys, 64}, is_additive(additive) {
    const auto make = [&](std::int64_t rows) { return at::randn({batch, heads, rows, 64}).requires_grad_(true); };
    q = make(queries), k = make(keys), v = make(keys);     // [B, H, T, D], [B, H, S, D]
    g = at::randn({batch, heads, queries, 64});            // [B, H, T, D]
    energy = at::randn({heads, 64}).requires_grad_(true);  // [H, D]
    options.scale = additive ? 1 : 0.125;
    if (additive) options.score = kernels::ScoreKind::kTanh;
  }

  // e [B, H, T, S]
  at::Tensor scores() const {
    if (!is_additive) return at::matmul(q, k.mT()) * 0.125;
    return at::matmul(at::tanh(q.unsqueeze(3) + k.unsqueeze(2)), energy.view({1, -1, 1, 64, 1})).squeeze(-1);
  }
  FusedAttentionOptions with_energy(FusedAttentionOptions o, bool tracked) const {
    if (is_additive) o.energy = tracked ? energy : energy.detach();
    return o;
  }

  // `ours` and `eager` give something to sum with g, or a loss.
  void pair(const std::string& what, const std::function<at::Tensor()>& ours, const std::function<at::Tensor()>& eager,
            const std::vector<at::Tensor>& more = {}) const {
    const auto [batch, heads, queries, keys, size] = sizes;
    const auto name =
        fmt::format("{}{} float32 B{} H{} T{} S{} D{}", what, is_additive ? ", additive," : "", batch, heads, queries, keys, size);
    const double work = 4e-9 * static_cast<double>(batch * heads * queries * keys * size);
    {
      const at::NoGradGuard no_grad;
      bench.pair(
          "forward " + name, work, "eager composition", [&] { ours(); }, [&] { eager(); });
    }
    const auto both_ways = [&](const std::function<at::Tensor()>& run) {
      for (auto x : {q, k, v, energy}) x.mutable_grad() = at::Tensor();
      for (auto x : more) x.mutable_grad() = at::Tensor();
      const auto out = run();
      if (out.dim() == 4)
        out.backward(g);
      else
        out.sum().backward();
    };
    bench.pair(
        "forward and backward " + name, 3.5 * work, "eager composition", [&] { both_ways(ours); }, [&] { both_ways(eager); });
  }

  void cap() const {
    auto o = options;
    o.soft_cap = 30;
    pair(
        "soft cap", [&] { return fused_attention(q, k, v, with_energy(o, true)).context; },
        [&] { return at::matmul(((scores() / 30).tanh() * 30).softmax(-1), v); });
  }

  // cosine: directions alone, sharpened; general: a matrix between query and key.
  void rescore() const {
    const auto unit = [](const at::Tensor& x) { return x / x.square().sum(-1, /*keepdim=*/true).clamp_min(1e-12).sqrt(); };
    const auto gain = at::full({sizes[1], 1, 1}, 10.0).requires_grad_(true);  // [H, 1, 1]
    auto o = options;
    o.scale = 1;
    pair(
        "cosine", [&] { return fused_attention(unit(q) * gain, unit(k), v, o).context; },
        [&] { return at::matmul(at::matmul(unit(q) * gain, unit(k).mT()).softmax(-1), v); }, {gain});
    const auto between = (at::randn({sizes[1], 64, 64}) * 0.125).requires_grad_(true);  // [H, D, D]
    pair(
        "general", [&] { return fused_attention(q, at::matmul(k, between), v, options).context; },
        [&] { return at::matmul((at::matmul(q, at::matmul(k, between).mT()) * options.scale).softmax(-1), v); }, {between});
  }

  // local_p: centres anywhere, R 10.
  void window() const {
    const auto [batch, heads, queries, keys, size] = sizes;
    const auto centres = (at::rand({batch, heads, queries}) * static_cast<double>(keys)).requires_grad_(true);  // [B, H, T]
    auto o = options;
    o.radius = 10, o.deviation = 5;
    pair(
        "local_p, window 10",
        [&] {
          auto own = with_energy(o, true);
          own.centres = centres;
          return fused_attention(q, k, v, own).context;
        },
        [&] {
          const auto away = at::arange(keys, at::kFloat) - centres.unsqueeze(-1);                             // [B, H, T, S]
          const auto weights = scores().masked_fill(away.detach().abs().gt(10), kMinusInfinity).softmax(-1);  // [B, H, T, S]
          return at::matmul(weights * (away.square() * (-0.5 / 25)).exp(), v);
        },
        {centres});
    // local_m: the centre is the step.
    auto steps = options;
    steps.radius = 10, steps.centres = at::arange(queries, at::kDouble);  // [T]
    pair(
        "local_m, window 10", [&] { return fused_attention(q, k, v, with_energy(steps, true)).context; },
        [&] {
          const auto away = at::arange(keys, at::kLong) - at::arange(queries, at::kLong).unsqueeze(-1);  // [T, S]
          return at::matmul(scores().masked_fill(away.abs().gt(10), kMinusInfinity).softmax(-1), v);
        });
  }

  // hard: a key drawn by its weight, and the logarithm of that.
  void choose() const {
    const auto [batch, heads, queries, keys, size] = sizes;
    auto o = options;
    o.choice = true, o.context = false;
    o.noise_keys = at::randint(std::numeric_limits<std::int64_t>::max(), {batch, heads, queries}, at::kLong);  // [B, H, T]
    const auto taken = [&](const at::Tensor& choice) {
      return v.gather(2, choice.unsqueeze(-1).expand({-1, -1, -1, v.size(3)}));  // [B, H, T, D]
    };
    const std::vector<std::uint64_t> draws(static_cast<std::size_t>(sizes[0]), 17);
    const std::vector<std::int64_t> row{sizes[1], sizes[2], sizes[3]};
    pair(
        "hard",
        [&] {
          const auto found = fused_attention(q, k, v, with_energy(o, true));
          return (taken(found.choice) * g).sum(-1) + found.log_choice;  // [B, H, T]
        },
        [&] {
          const auto log_p = scores().softmax(-1).log();                                        // [B, H, T, S]
          const auto noise = uniform_draws(draws, row).log().neg().log().neg().to(at::kFloat);  // [B, H, T, S]
          const auto choice = (log_p + noise).detach().argmax(-1);                              // [B, H, T]
          return (taken(choice) * g).sum(-1) + log_p.gather(3, choice.unsqueeze(-1)).squeeze(-1);
        });
  }

  void sparsify() const {
    for (const auto& [name, normaliser, alpha] :
         {std::tuple{"entmax15", kernels::Normaliser::kEntmax15, 1.5}, std::tuple{"sparsemax", kernels::Normaliser::kSparsemax, 2.0}}) {
      auto o = options;
      o.normaliser = normaliser;
      const double by = alpha;
      pair(
          name, [&] { return fused_attention(q, k, v, with_energy(o, true)).context; },
          [&] { return at::matmul(entmax(scores(), by), v); });
    }
  }

  Bench& bench;
  std::array<std::int64_t, 5> sizes;
  bool is_additive;
  at::Tensor q, k, v, g, energy;
  FusedAttentionOptions options;
};

// A step of monotonic attention in expectation beside its recurrence as small operations; work is counted in keys.
inline void compare_monotonic(Bench& bench, std::int64_t rows, std::int64_t keys) {
  const auto stop = at::rand({rows, keys}).requires_grad_(true), before = at::rand({rows, keys}).softmax(-1).requires_grad_(true);
  const auto g = at::randn({rows, keys});  // [R, S]
  const auto eager = [&] {
    const auto p = stop.unbind(1), v = before.unbind(1);  // [R] each
    std::vector<at::Tensor> w;
    at::Tensor y = v[0];
    for (std::size_t s = 0; s < p.size(); ++s) {
      if (s > 0) y = (1 - p[s - 1]) * y + v[s];
      w.push_back(p[s] * y);
    }
    return at::stack(w, 1);
  };
  const auto back = [&](const at::Tensor& w) {
    for (const auto& x : {stop, before}) x.mutable_grad() = at::Tensor();
    w.backward(g);
  };
  const auto name = fmt::format("monotonic float32 B{} S{}", rows, keys);
  const double work = 1e-9 * static_cast<double>(rows * keys);
  {
    const at::NoGradGuard no_grad;
    bench.pair(
        "forward " + name, work, "eager recurrence", [&] { expected_alignment(stop, before); }, [&] { eager(); });
  }
  bench.pair(
      "forward and backward " + name, work, "eager recurrence", [&] { back(expected_alignment(stop, before)); }, [&] { back(eager()); });
}

inline void compare_mechanisms(Bench& bench) {
  const MechanismBench large(bench, 1, 8, 1024, 1024), small(bench, 64, 1, 48, 48), additive(bench, 8, 1, 64, 64, true);
  for (const auto* b : {&large, &small}) {
    b->cap();
    b->rescore();
  }
  for (const auto* b : {&large, &small, &additive}) {
    b->window();
    b->choose();
    b->sparsify();
  }
  compare_monotonic(bench, 64, 40);
  compare_monotonic(bench, 64, 512);
}

}  // namespace attend::bench
