#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include "attend/core/error.h"
#include "attend/data/corpus.h"
#include "support/text_folder.h"

namespace attend {
namespace {

using Batch = std::vector<std::size_t>;
using Batches = std::vector<Batch>;
using test::error_of;

// Lengths 0 to 60, of which about one in fifty is 0; example 13 is longer than any batch.
std::int64_t length(std::size_t i) { return i == 13 ? 500 : i % 50 == 7 ? 0 : static_cast<std::int64_t>(i * 7919 % 60) + 1; }

Batches epoch_of(BatchIterator& iterator) {
  Batches batches;
  const auto epoch = iterator.position().epoch;
  while (iterator.position().epoch == epoch) batches.push_back(iterator.next());
  return batches;
}

TEST(Batches, EveryExampleWithALengthComesOnceAnEpoch) {
  for (const std::int64_t window : {1, 100, 997, 100000}) {
    BatchIterator iterator(1000, length, {.size = 300, .window = window, .seed = 3});
    for (int epoch = 0; epoch < 3; ++epoch) {
      std::multiset<std::size_t> seen;
      for (const auto& batch : epoch_of(iterator)) {
        EXPECT_FALSE(batch.empty());
        seen.insert(batch.begin(), batch.end());
      }
      std::multiset<std::size_t> expected;
      for (std::size_t i = 0; i < 1000; ++i) {
        if (length(i) > 0) expected.insert(i);
      }
      EXPECT_EQ(seen, expected) << "window " << window << ", epoch " << epoch;
    }
  }
}

TEST(Batches, CostIsAtMostTheSizeUnlessAlone) {
  BatchIterator iterator(1000, length, {.size = 300, .window = 200});
  std::size_t alone = 0, cost_sum = 0, length_sum = 0;
  for (const auto& batch : epoch_of(iterator)) {
    std::int64_t longest = 0;
    for (const auto i : batch) {
      longest = std::max(longest, length(i));
      length_sum += static_cast<std::size_t>(length(i));
    }
    const auto cost = longest * static_cast<std::int64_t>(batch.size());
    cost_sum += static_cast<std::size_t>(cost);
    EXPECT_TRUE(cost <= 300 || batch.size() == 1) << cost;
    alone += cost > 300;
  }
  EXPECT_EQ(alone, 1U);
  EXPECT_LT(static_cast<double>(cost_sum), 1.1 * static_cast<double>(length_sum));  // little of a batch is padding
}

TEST(Batches, CountSentencesWhenAsked) {
  BatchIterator iterator(100, [](std::size_t) { return 5; }, {.size = 32, .by_tokens = false, .window = 1000});
  std::multiset<std::size_t> sizes;
  for (const auto& batch : epoch_of(iterator)) sizes.insert(batch.size());
  EXPECT_EQ(sizes, (std::multiset<std::size_t>{4, 32, 32, 32}));
}

TEST(Batches, ContinueFromAnyPositionAsIfNeverStopped) {
  const BatchPlan plan{.size = 200, .window = 90, .seed = 5};
  BatchIterator whole(300, length, plan);
  std::vector<BatchPosition> positions;
  Batches batches;
  while (whole.position().epoch < 3) {
    positions.push_back(whole.position());
    batches.push_back(whole.next());
  }
  for (std::size_t k = 0; k < positions.size(); ++k) {
    BatchIterator resumed(300, length, plan, positions[k]);
    EXPECT_EQ(resumed.position(), positions[k]);
    for (std::size_t i = k; i < std::min(k + 12, batches.size()); ++i) EXPECT_EQ(resumed.next(), batches[i]) << k << " " << i;
  }
}

TEST(Batches, OrderDependsOnSeedAndEpoch) {
  const auto first_epochs = [](std::uint64_t seed) {
    BatchIterator iterator(500, length, {.size = 200, .window = 100, .seed = seed});
    return std::vector<Batches>{epoch_of(iterator), epoch_of(iterator)};
  };
  const auto once = first_epochs(1);
  EXPECT_EQ(once, first_epochs(1));
  EXPECT_NE(once[0], once[1]);
  EXPECT_NE(once[0], first_epochs(2)[0]);
}

TEST(Batches, BatchesOfAWindowAreShuffledAnewEachEpoch) {
  // One window holds all, so each epoch has batches of the same lengths; only their order can differ.
  BatchIterator iterator(2000, length, {.size = 20, .by_tokens = false, .window = 2000});
  std::vector<std::vector<std::int64_t>> longest(2);
  for (auto& epoch : longest) {
    for (const auto& batch : epoch_of(iterator)) epoch.push_back(length(batch.back()));
  }
  EXPECT_FALSE(std::is_sorted(longest[0].begin(), longest[0].end()));
  EXPECT_NE(longest[0], longest[1]);
  for (auto& epoch : longest) std::sort(epoch.begin(), epoch.end());
  EXPECT_EQ(longest[0], longest[1]);
}

TEST(Batches, CountsTheEpochsBatches) {
  BatchIterator iterator(700, length, {.size = 200, .window = 64});
  for (int epoch = 0; epoch < 3; ++epoch) {
    const auto promised = iterator.batches_in_epoch();
    EXPECT_EQ(epoch_of(iterator).size(), promised);
  }
}

TEST(Batches, EndOfAnEpochIsTheBeginningOfTheNext) {
  const BatchPlan plan{.size = 200, .window = 64};
  BatchIterator first(300, length, plan);
  const auto count = first.batches_in_epoch();
  BatchIterator at_end(300, length, plan, {0, count});
  EXPECT_EQ(at_end.position(), (BatchPosition{1, 0}));
  const auto text = error_of<Error>([&] { BatchIterator(300, length, plan, {0, count + 1}); });
  EXPECT_NE(text.find("cannot continue at batch"), std::string::npos) << text;
}

TEST(Batches, RefusesWhatCannotWork) {
  const auto one = [](std::size_t) { return std::int64_t{1}; };
  EXPECT_NE(error_of<Error>([&] { BatchIterator(0, one, {}); }), "");
  EXPECT_NE(error_of<Error>([&] { BatchIterator(5, [](std::size_t) { return 0; }, {}); }).find("length 0"), std::string::npos);
  EXPECT_NE(error_of<Error>([&] { BatchIterator(5, one, {.size = 0}); }), "");
  EXPECT_NE(error_of<Error>([&] { BatchIterator(5, one, {.window = 0}); }), "");
}

}  // namespace
}  // namespace attend
