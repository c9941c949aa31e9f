#include "attend/ops/waiting.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
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

// Within four seconds.
template <class Condition>
bool until(const Condition& condition) {
  for (int i = 0; i < 400 && !condition(); ++i) std::this_thread::sleep_for(milliseconds(10));
  return condition();
}

// libgomp shortens waits when its threads outnumber the processors; they must be there while we hold them, and go.
TEST(ShortWaits, KeepIdleThreadsAndLetThemGo) {
  const auto before = threads_now();
  {
    const ShortWaits held(2);
    EXPECT_TRUE(until([&] { return threads_now() >= before + 2; })) << threads_now() << " threads, " << before << " before";
    EXPECT_EQ(at::ones({1 << 18}).sum().item<float>(), 1 << 18);  // libtorch works as ever
  }
  EXPECT_TRUE(until([&] { return threads_now() <= before + 1; })) << threads_now() << " threads, " << before << " before";
}

// So many threads that want a processor all the time, twice as many as there are.
class Hogs {
 public:
  Hogs() {
    for (unsigned i = 0; i < 2 * std::thread::hardware_concurrency(); ++i)
      threads_.emplace_back([this] {
        while (!stop_) {
        }
      });
  }
  ~Hogs() {
    stop_ = true;
    for (auto& thread : threads_) thread.join();
  }
  std::ptrdiff_t count() const { return static_cast<std::ptrdiff_t>(threads_.size()); }

 private:
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

TEST(Queued, GrowsWhenThreadsOutnumberProcessors) {
  const auto before = queued_for_processors();
  const Hogs hogs;
  EXPECT_TRUE(until([&] { return queued_for_processors() - before >= milliseconds(50); }));
}

// The last of this file: the watch lives as long as the process.
TEST(GiveWay, IdleThreadsAreThereWhileTheMachineIsBusyAndNoLonger) {
  ::unsetenv("OMP_WAIT_POLICY");
  ::unsetenv("GOMP_SPINCOUNT");
  EXPECT_FALSE(give_way_when_busy(1));  // one thread waits for nobody
  ::setenv("OMP_WAIT_POLICY", "active", 1);
  EXPECT_FALSE(give_way_when_busy(2));  // who says how to wait is obeyed
  ::unsetenv("OMP_WAIT_POLICY");

  const auto before = threads_now();
  EXPECT_TRUE(give_way_when_busy(2));
  EXPECT_TRUE(give_way_when_busy(2));  // the watch of before goes on
  {
    const Hogs hogs;
    EXPECT_TRUE(until([&] { return threads_now() >= before + hogs.count() + 3; })) << threads_now() << " threads, " << before << " before";
  }
  EXPECT_TRUE(until([&] { return threads_now() <= before + 1; })) << threads_now() << " threads, " << before << " before";
}

}  // namespace
}  // namespace attend
