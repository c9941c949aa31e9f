// A cache whose items change places, against one that is copied each time.
#include "attend/attention/memory.h"

#include <gtest/gtest.h>

namespace attend::testing {
namespace {

// One position of each item, [B, 2, 1, 3] and [B, 2, 1, 4]: numbers that tell item and position.
Memory position(std::int64_t items, std::int64_t at) {
  const auto item = at::arange(items, at::kFloat).view({items, 1, 1, 1}) * 100 + static_cast<double>(at);  // [B, 1, 1, 1]
  const auto keys = item + at::arange(6, at::kFloat).view({1, 2, 1, 3}) / 10;                              // [B, 2, 1, 3]
  const auto values = -item - at::arange(8, at::kFloat).view({1, 2, 1, 4}) / 10;                           // [B, 2, 1, 4]
  return Memory(keys, values, {}, {}, 2, "test");
}

TEST(Memory, ItemsThatChangePlacesKeepTheirPositions) {
  // Rows that each step goes on from: one hypothesis becomes three, some end, and more come back.
  const std::vector<std::vector<std::int64_t>> moves = {{0, 0, 0, 1, 1, 1}, {2, 2, 0, 5, 4, 3},       {1, 0, 2},
                                                        {0, 2, 1},          {0, 0, 1, 1, 2, 2, 2, 0}, {3}};
  Memory memory;
  at::Tensor keys = at::empty({2, 2, 0, 3}), values = at::empty({2, 2, 0, 4});  // [B, 2, S, *]: the copied one
  std::int64_t at = 0;
  const auto grow = [&](std::int64_t positions) {
    for (std::int64_t i = 0; i < positions; ++i, ++at) {
      const auto next = position(keys.size(0), at);
      memory.append(next, /*most=*/40);
      keys = at::cat({keys, next.keys()}, 2);
      values = at::cat({values, next.values()}, 2);
      ASSERT_EQ(memory.size(), keys.size(2));
      ASSERT_EQ(memory.batch(), keys.size(0));
      ASSERT_TRUE(at::equal(memory.keys(), keys)) << at;
      ASSERT_TRUE(at::equal(memory.values(), values)) << at;
    }
  };
  grow(2);
  for (const auto& move : moves) {
    const auto rows = at::tensor(move, at::kLong);
    memory.reorder(rows);
    keys = keys.index_select(0, rows);
    values = values.index_select(0, rows);
    EXPECT_TRUE(at::equal(memory.keys(), keys));
    grow(4);  // beyond the first room of 16
  }
  // A copy goes its own way.
  auto other = memory;
  other.append(position(1, 77), 40);
  memory.append(position(1, 88), 40);
  EXPECT_EQ(other.keys()[0][0][-1][0].item<float>(), 77);
  EXPECT_EQ(memory.keys()[0][0][-1][0].item<float>(), 88);
  EXPECT_TRUE(at::equal(memory.select(at::tensor({0, 0}, at::kLong)).keys(), memory.keys().repeat({2, 1, 1, 1})));
}

TEST(Memory, WhereItemsLieNothingIsCopied) {
  Memory memory;
  for (std::int64_t at = 0; at < 3; ++at) memory.append(position(4, at), 40);
  const auto* before = memory.cache().keys.const_data_ptr();
  memory.reorder(at::tensor({3, 3, 1, 0}, at::kLong));
  memory.append(position(4, 3), 40);
  const auto lies = memory.cache();
  EXPECT_EQ(lies.keys.const_data_ptr(), before);
  EXPECT_TRUE(at::equal(lies.rows, at::tensor({3, 3, 3, 0, 3, 3, 3, 1, 1, 1, 1, 2, 0, 0, 0, 3}, at::kInt).view({4, 4})));
}

}  // namespace
}  // namespace attend::testing
