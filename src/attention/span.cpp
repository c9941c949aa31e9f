#include "attend/attention/span.h"

#include "attend/ops/torch.h"

namespace attend {
namespace {

// p_t with room for the keys: [B or 1, H or 1, T, 1].
at::Tensor centres(const AttentionWindow& window) {
  return (window.centre.dim() == 2 ? window.centre.unsqueeze(1) : window.centre).unsqueeze(-1);
}

}  // namespace

at::Tensor distances(const at::Tensor& steps, std::int64_t keys) {
  return at::arange(keys, steps.options()) - steps.unsqueeze(-1);  // [B or 1, T, S]
}

at::Tensor outside_window(const AttentionWindow& window, std::int64_t keys) {
  // In float64, as the kernel counts: an edge does not depend on how a difference is rounded.
  const auto away = at::arange(keys, index_options()) - centres(window).detach().to(at::kDouble);  // [B or 1, H or 1, T, S]
  return away.abs().gt(static_cast<double>(window.radius));
}

at::Tensor gaussian_exponent(const AttentionWindow& window, std::int64_t keys) {
  const auto away = at::arange(keys, window.centre.options()) - centres(window);  // [B or 1, H or 1, T, S]
  return away.square() * (-0.5 / (window.deviation * window.deviation));
}

at::Tensor with_distances(const at::Tensor& scores, const Span& span) {
  if (!span.slopes.defined() && !span.by_distance.defined()) return scores;
  const auto away = distances(span.steps, scores.size(3));  // [B or 1, T, S]
  auto sum = scores;                                        // [B, H, T, S]
  if (span.slopes.defined()) sum = sum - span.slopes.to(scores.scalar_type()).view({1, -1, 1, 1}) * away.abs().unsqueeze(1);
  if (span.by_distance.defined()) {
    const auto farthest = span.by_distance.size(1) / 2;
    const auto column = away.clamp(-farthest, farthest) + farthest;                                               // [B or 1, T, S]
    sum = sum + span.by_distance.index_select(1, column.flatten()).unflatten(1, column.sizes()).transpose(0, 1);  // [B, H, T, S]
  }
  return sum;
}

}  // namespace attend
