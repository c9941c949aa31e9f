#pragma once

namespace attend {

/// Makes the operations of this room known to libtorch's dispatcher as operators of namespace attend, with kernels for the keys CPU,
/// Autograd and Meta: what torch.ops.attend is in Python (docs/guide/python.md). Calling it again does nothing; threads may call it at
/// once. Throws c10::Error when another library of the process has registered them.
void register_ops();

}  // namespace attend
