#pragma once
// The one wrapper around libtorch's heavy headers. It is precompiled once (attend_ops) and reused by every room and test that
// needs it; public headers take <ATen/core/Tensor.h> or forward declarations where they can. Sources that define their own gradients
// include <torch/csrc/autograd/custom_function.h> besides: it is dear, and few need it.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attend/core/error.h"
#include "attend/ops/module.h"
#include "attend/ops/tensor_options.h"

namespace attend {

/// "[2, 8, 5, 7]", for error texts.
inline std::string shape_text(const at::Tensor& x) { return fmt::format("[{}]", fmt::join(x.sizes(), ", ")); }

}  // namespace attend
