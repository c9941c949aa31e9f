#pragma once
#include "attend/ops/torch.h"

namespace attend {

/// The expected monotonic alignment of one step: stop [.., S], the probability to stop at each key, and before [.., S], the alignment of
/// the step before, of one number format and one shape -> w [.., S] with y_s = (1 − stop_{s−1}) y_{s−1} + before_s and w_s = stop_s y_s.
/// Paper: Raffel et al. 2017, eq. 9 to 11. Same as: the recurrence as S small operations. float32 and float64; else kValue, and kShape for
/// shapes that differ. First derivatives only: create_graph throws kUnsupported. Threads may call it at once; bits do not depend on
/// libtorch's threads.
at::Tensor expected_alignment(const at::Tensor& stop, const at::Tensor& before);

}  // namespace attend
