#pragma once
// Tensors [B, H, L, *] as kernels read and write them: rows whose numbers stand side by side.
#include <type_traits>

#include "attend/kernels/fused_attention.h"
#include "attend/ops/torch.h"

namespace attend {

inline at::Tensor by_rows(const at::Tensor& x) { return x.stride(-1) == 1 || x.size(-1) == 1 ? x : x.contiguous(); }

/// Rows: kernels::Rows or kernels::MutableRows, of a tensor that is by_rows().
template <class Rows>
Rows rows_of(const at::Tensor& x) {
  Rows rows;
  if constexpr (std::is_same_v<Rows, kernels::Rows>)
    rows.data = x.const_data_ptr();
  else
    rows.data = x.mutable_data_ptr();
  rows.batch = x.stride(0), rows.head = x.stride(1), rows.row = x.stride(2);
  return rows;
}

}  // namespace attend
