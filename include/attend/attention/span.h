#pragma once
// What a query sees of its source beside the mask, and what the distance of a key adds to a score. It is data, nothing of which has T·S
// numbers, so that a kernel may bound its loops by it; the plain composition makes dense tensors of it.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>

namespace attend {

/// Keys around a centre, |s − p_t| <= R. Without a centre it hides nothing.
struct AttentionWindow {
  at::Tensor centre;          ///< p_t: int64 or real, [B or 1, T] or [B, H or 1, T]
  std::int64_t radius = 0;    ///< R
  double deviation = 0;       ///< ς of exp(−(s − p_t)²/2ς²); 0 = no Gaussian
  bool renormalised = false;  ///< the Gaussian's exponent enters the scores; else it multiplies the weights
};

/// What a call sees. Undefined tensors ask nothing.
struct Span {
  std::int64_t reach = std::numeric_limits<std::int64_t>::max();  ///< keys from here on have no score and count as hidden
  AttentionWindow window;
  at::Tensor slopes;       ///< m [H]: e −= m_h |s − t_abs|
  at::Tensor by_distance;  ///< b [H, 2F + 1]: e += b[h, clip(s − t_abs, −F, F) + F]
  at::Tensor steps;        ///< t_abs of every row, int64 [B or 1, T]; defined beside slopes and by_distance
};

/// What the window hides of `keys` keys: bool [B or 1, H or 1, T, S], true = hidden.
at::Tensor outside_window(const AttentionWindow& window, std::int64_t keys);
/// −(s − p_t)²/2ς² of a window with a deviation, [B or 1, H or 1, T, S].
at::Tensor gaussian_exponent(const AttentionWindow& window, std::int64_t keys);
/// Scores [B, H, T, S] with what distances add to them.
at::Tensor with_distances(const at::Tensor& scores, const Span& span);
/// s − t_abs of keys 0 to S − 1: int64 [B or 1, T, S].
at::Tensor distances(const at::Tensor& steps, std::int64_t keys);

}  // namespace attend
