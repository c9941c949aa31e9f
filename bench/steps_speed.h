#pragma once
// A recurrent decoder's steps over one source beside the composition of tensor operations: queries and keys are projected, every step is an
// operation of its own, and all of them are followed back.
#include "attend/ops/additive_steps.h"
#include "attend/ops/location.h"
#include "paired.h"

namespace attend::bench {

/// What a step knows of the weights before it: nothing, their sum, or filters of the last ones.
enum class Knows { kNothing, kCoverage, kLocation };

/// Work is counted in elements B·T·S·E.
inline void compare_steps(Bench& bench, Knows knows, std::int64_t batch, std::int64_t steps, std::int64_t keys, std::int64_t size) {
  constexpr std::int64_t kFilters = 10, kWidth = 11;
  const auto tracked = [](at::IntArrayRef sizes, double scale) { return (at::randn(sizes) * scale).requires_grad_(true); };
  const auto key = tracked({batch, 1, keys, size}, 1), value = tracked({batch, 1, keys, size}, 1), energy = tracked({1, size}, 0.1);
  const auto features = knows == Knows::kLocation ? kFilters : 1;
  const auto weights = tracked({1, features, size}, 0.3), filters = tracked({kFilters, 1, kWidth}, 0.3);  // [1, F, E], [n_f, 1, r]
  std::vector<at::Tensor> queries;
  for (std::int64_t t = 0; t < steps; ++t) queries.push_back(tracked({batch, 1, 1, size}, 1));  // [B, 1, 1, E]
  const auto g = at::randn({batch, 1, 1, size});                                                // [B, 1, 1, E]

  // The contexts, of either way to compute scores, contexts and what filters see of the weights before.
  const auto contexts_by = [&](const auto& scores, const auto& mix, const auto& seen) {
    auto before = at::zeros({batch, 1, 1, keys}), total = before;  // [B, 1, 1, S]
    std::vector<at::Tensor> contexts;
    for (const auto& query : queries) {
      at::Tensor x;
      if (knows == Knows::kCoverage) x = total.unsqueeze(-1);  // [B, 1, 1, S, 1]
      if (knows == Knows::kLocation) x = seen(before);         // [B, 1, 1, S, n_f]
      before = at::softmax(scores(query, x), -1);              // [B, 1, 1, S]
      total = total + before;
      contexts.push_back(mix(before));
    }
    return contexts;
  };
  FusedAttentionOptions options;
  options.score = kernels::ScoreKind::kTanh;
  const auto ours = [&] {
    AdditiveSourceParts parts{.key = key, .value = value, .energy = energy};
    if (knows != Knows::kNothing) {
      parts.feature_weights = weights;
      const AdditiveSource source(parts);
      return contexts_by([&](const at::Tensor& q, const at::Tensor& x) { return source.scores(q, x); },
                         [&](const at::Tensor& w) { return source.mix(w); },
                         [&](const at::Tensor& w) { return location_features(w.unsqueeze(3), filters); });
    }
    options.energy = energy.detach();
    parts.packed = pack_source(key.detach(), value.detach(), options, 1, at::GradMode::is_enabled());
    const AdditiveSource source(parts);
    std::vector<at::Tensor> contexts;
    for (const auto& query : queries) contexts.push_back(source.attend(query, {}).context);
    return contexts;
  };
  const auto eager = [&] {
    return contexts_by(
        [&](const at::Tensor& q, const at::Tensor& x) {
          auto sums = q.unsqueeze(3) + key.unsqueeze(2);  // [B, 1, 1, S, E]
          if (knows == Knows::kCoverage) sums = sums.addcmul_(x, weights.unsqueeze(1));
          if (knows == Knows::kLocation) sums = sums.add_(at::matmul(x, weights.unsqueeze(1)));
          return at::matmul(sums.tanh_(), energy[0]);
        },
        [&](const at::Tensor& w) { return at::matmul(w, value); },
        [&](const at::Tensor& w) {
          return at::conv1d(w.view({batch, 1, keys}), filters, {}, 1, kWidth / 2).mT().view({batch, 1, 1, keys, kFilters});
        });
  };
  const auto back = [&](const std::vector<at::Tensor>& contexts) {
    for (const auto& x : {key, value, energy, weights, filters}) x.mutable_grad() = at::Tensor();
    for (const auto& x : queries) x.mutable_grad() = at::Tensor();
    at::cat(contexts, 2).backward(g.expand({batch, 1, steps, size}));
  };
  const double work = 1e-9 * static_cast<double>(batch * steps * keys * size);
  const auto name = fmt::format("{} B{} T{} S{} E{}", std::array{"additive", "coverage", "location"}.at(static_cast<std::size_t>(knows)),
                                batch, steps, keys, size);
  {
    const at::NoGradGuard no_grad;
    bench.pair(
        "steps forward " + name, work, "eager composition", [&] { ours(); }, [&] { eager(); });
  }
  bench.pair(
      "steps forward and backward " + name, work, "eager composition", [&] { back(ours()); }, [&] { back(eager()); });
}

}  // namespace attend::bench
