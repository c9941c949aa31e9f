#include "ops/torch_workers.h"

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace attend {
namespace {

// A build without OpenMP would run all on one thread, and nothing else would show it.
TEST(TorchWorkers, RunEachTaskOnceOnAsManyThreadsAsLibtorchHas) {
  const auto before = at::get_num_threads();
  at::set_num_threads(2);
  TorchWorkers workers;
  EXPECT_EQ(workers.count(), 2);
  std::vector<std::atomic<int>> times(64);
  std::set<std::thread::id> threads;
  std::set<int> numbers;
  std::mutex mutex;
  workers.run(64, [&](std::int64_t task, int worker) {
    ++times[static_cast<std::size_t>(task)];
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
    numbers.insert(worker);
  });
  for (const auto& count : times) EXPECT_EQ(count, 1);
  EXPECT_EQ(threads.size(), 2u);
  EXPECT_EQ(numbers, (std::set<int>{0, 1}));
  // Inside a parallel region of libtorch there is one.
  at::parallel_for(0, 2, 1, [&](std::int64_t, std::int64_t) { EXPECT_EQ(TorchWorkers().count(), 1); });
  at::set_num_threads(before);
}

}  // namespace
}  // namespace attend
