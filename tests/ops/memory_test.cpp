#include "attend/ops/memory.h"

#include "support/tensors.h"

namespace attend::testing {
namespace {

TEST(TensorMemory, WhatCannotBeHadIsAnErrorWithFigures) {
  guard_tensor_memory();
  expect_error(ErrorKind::kValue, {"out of memory: a tensor needs", "can be had", "smaller model"},
               [] { at::empty({std::int64_t{1} << 50}); });
  const MemoryBudget budget(1000, "too large for these weights");
  EXPECT_NO_THROW(at::empty({100}));
  expect_error(ErrorKind::kValue, {"too large for these weights"}, [] { at::empty({200}); });
}

}  // namespace
}  // namespace attend::testing
