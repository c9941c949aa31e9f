#include "attend/ops/waiting.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <thread>
#include <vector>

namespace attend {
namespace {

using std::chrono::milliseconds;

// Looks at a machine whose threads queue for `share` of each 50 ms; returns what it says in the end.
class Looks {
 public:
  bool look(double share, int times) {
    bool busy = contention_.busy();
    for (int i = 0; i < times; ++i) {
      now_ += milliseconds(50);
      queued_ += std::chrono::nanoseconds(static_cast<std::int64_t>(5e7 * share));
      busy = contention_.add(queued_, now_);
    }
    return busy;
  }

 private:
  Contention contention_;
  std::chrono::nanoseconds queued_{0}, now_{milliseconds(1000)};
};

TEST(Contention, FollowsTheMachine) {
  Looks looks;
  EXPECT_FALSE(looks.look(0.03, 20));  // a quiet machine
  EXPECT_FALSE(looks.look(0.5, 1));    // one hiccup
  EXPECT_FALSE(looks.look(0.03, 5));
  EXPECT_TRUE(looks.look(0.85, 2));  // beside a busy process, noticed within 100 ms
  EXPECT_TRUE(looks.look(0.46, 20));
  EXPECT_TRUE(looks.look(0.03, 1));
  EXPECT_FALSE(looks.look(0.03, 4));  // and when it has ended
}

TEST(Contention, TheFirstLookIsNoMeasure) {
  Contention contention;
  EXPECT_FALSE(contention.add(std::chrono::hours(1), milliseconds(1000)));  // queued before we looked
  EXPECT_FALSE(contention.add(std::chrono::hours(1), milliseconds(1050)));
  EXPECT_FALSE(contention.add(milliseconds(0), milliseconds(1100)));  // a thread has ended and took its time with it
}

std::ptrdiff_t threads_now() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator{});
}

// libgomp shortens waits when its threads outnumber the processors; they must be there while we hold them, and go.
TEST(ShortWaits, KeepIdleThreadsAndLetThemGo) {
  const auto until = [](auto condition) {
    for (int i = 0; i < 400 && !condition(); ++i) std::this_thread::sleep_for(milliseconds(5));
    return condition();
  };
  const auto before = threads_now();
  {
    const ShortWaits held(2);
    EXPECT_TRUE(until([&] { return threads_now() >= before + 2; })) << threads_now() << " threads, " << before << " before";
    EXPECT_EQ(at::ones({1 << 18}).sum().item<float>(), 1 << 18);  // libtorch works as ever
  }
  EXPECT_TRUE(until([&] { return threads_now() <= before + 1; })) << threads_now() << " threads, " << before << " before";
}

TEST(Queued, GrowsWhenThreadsOutnumberProcessors) {
  const auto before = queued_for_processors();
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 2 * std::thread::hardware_concurrency(); ++i)
    threads.emplace_back([&] {
      while (!stop) {
      }
    });
  for (int i = 0; i < 400 && queued_for_processors() - before < milliseconds(50); ++i) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_GE(queued_for_processors() - before, milliseconds(50));
  stop = true;
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace attend
