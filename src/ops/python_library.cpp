// The one static initialiser of the house, compiled into libattend_ops.so alone: torch.ops.load_library() finds the operators registered.
#include "attend/ops/register_ops.h"

namespace {
const bool is_registered = (attend::register_ops(), true);
}  // namespace
