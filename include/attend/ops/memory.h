#pragma once
#include <cstdint>
#include <string>

#include "attend/core/memory.h"

namespace attend {

/// From now on, in the whole process, memory for tensors that cannot be had is refused with OutOfMemory (core/memory.h) and both
/// figures; libtorch's own allocator ends the program instead, and the system ends it where more was promised than is there. Call
/// it before tensors are made; calling it again does nothing.
void guard_tensor_memory();

/// While it lives, tensors made by this thread may take `bytes` in all, whether freed again or not; beyond that OutOfMemory with the
/// text `otherwise`. Budgets do not nest: the innermost counts. Guards tensor memory, as above.
/// It is destroyed by the thread that made it; other threads do not see it.
class MemoryBudget {
 public:
  MemoryBudget(std::uint64_t bytes, std::string otherwise);
  ~MemoryBudget();
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

 private:
  friend struct BudgetAccess;
  std::uint64_t left_;
  std::string otherwise_;
  MemoryBudget* outer_;
};

/// The text of an exception without the stack trace that libtorch's carry.
std::string error_text(const std::exception& error);

}  // namespace attend
