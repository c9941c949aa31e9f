#pragma once
// Who defines which operators of torch.ops.attend. A new file of operators is a line here and one in register_ops.cpp.
#include "ops/dispatched.h"

namespace attend::dispatched {

/// Where definitions and kernels of namespace attend are put: one library a dispatch key.
struct Libraries {
  torch::Library operators, cpu, meta, autograd;
};

void define_fused_attention(Libraries& to);  ///< fused_attention, fused_attention_backward, fused_weights, dropout_keys
void define_rows(Libraries& to);             ///< entmax, expected_alignment, and their backward passes
void define_packed_linear(Libraries& to);    ///< pack_linear, packed_linear

}  // namespace attend::dispatched
