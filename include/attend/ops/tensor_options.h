#pragma once
// Where new tensors are made and in which number format: the one place that says so. A tensor that goes with another is made like that one
// (x.options()), one that goes with none by these. Threads may share all of it.
#include <c10/core/TensorOptions.h>

namespace attend {

/// Where they are made.
inline at::Device tensor_device() { return at::kCPU; }

/// Weights, before Module::to() turns them; pictures, scores of a search: float32.
inline at::TensorOptions float_options() { return at::TensorOptions(at::kFloat).device(tensor_device()); }
/// What must be exact to the last digits that float32 does not have: tables of angles, worked examples.
inline at::TensorOptions double_options() { return at::TensorOptions(at::kDouble).device(tensor_device()); }
/// Ids, lengths, positions: int64.
inline at::TensorOptions index_options() { return at::TensorOptions(at::kLong).device(tensor_device()); }
/// Masks: true = may attend.
inline at::TensorOptions bool_options() { return at::TensorOptions(at::kBool).device(tensor_device()); }

}  // namespace attend
