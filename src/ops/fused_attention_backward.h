#pragma once
// The way back of fused attention as a function of its own, for the operator torch.ops.attend.fused_attention_backward.
#include "attend/ops/fused_attention.h"

namespace attend {

/// What flows back into a call of fused_attention().
struct FusedAttentionFlow {
  FusedAttentionOutputs outputs;    ///< context and lse; entropy, maximum and argmax where a gradient of theirs is given
  FusedAttentionOutputs gradients;  ///< of context, lse, entropy, maximum and column sums, shaped as these; undefined where none comes
  bool bias = false, by_distance = false, energy = false;  ///< of which options a gradient is wanted
};

/// Shaped as what they are gradients of; undefined where not wanted.
struct FusedAttentionGradients {
  at::Tensor query, key, value, bias, by_distance, energy;
};

/// The gradients of a call with these arguments and options; column_sums among them says that a gradient of these counts. Throws as
/// fused_attention(). No graph is recorded. Cost: 2.5 times that of the call. Threads may call it at once.
FusedAttentionGradients fused_attention_backward(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                                                 const FusedAttentionOptions& options, const FusedAttentionFlow& flow);

}  // namespace attend
