#pragma once
#include "attend/ops/torch.h"

namespace attend {

/// Sums over rows of logits [n, V] against targets int64 [n].
struct CrossEntropy {
  at::Tensor loss;  ///< Σ −[(1−ε) ln p(y) + (ε/V) Σ_v ln p(v)], differentiable once (Szegedy et al. 2016, §7)
  double nll = 0;   ///< Σ −ln p(y), without smoothing
  at::Tensor rows;  ///< ln p(y) of every row [n], without smoothing or gradient
};
/// Cross entropy with label smoothing ε. Keeps one [n, V] block and turns it into the gradient in place, so a second
/// backward pass through the same result is refused.
/// Same as: at::cross_entropy_loss(logits, targets, {}, at::Reduction::Sum, -100, epsilon).
CrossEntropy cross_entropy(const at::Tensor& logits, const at::Tensor& targets, double smoothing);

/// ln Σ_v exp(x) over the last dimension of float32 x [.., V] -> [..], without gradients, in two passes and without memory for the
/// exponentials. Same as: at::logsumexp(x, -1). `peaks`, if given: the largest number of every 64 of a row, [.., ⌈V / 64⌉]. Threads may
/// call it at once.
at::Tensor row_logsumexp(const at::Tensor& x, at::Tensor* peaks = nullptr);

}  // namespace attend
