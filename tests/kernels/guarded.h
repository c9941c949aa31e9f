#pragma once
// Memory that shows what is written or read beside it, numbers of every kind in it, and workers that take tasks in any order.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "attend/kernels/fused_attention.h"
#include "attend/kernels/workers.h"

namespace attend::kernels {

// Bytes between guards, against a page that may not be read where `at_page` says so.
class Bytes {
 public:
  Bytes(std::size_t size, bool at_page) : size_(size) {
    page_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    mapped_ = (size / page_ + 3) * page_;
    base_ = static_cast<char*>(mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_NE(static_cast<void*>(base_), MAP_FAILED);
    std::memset(base_, kGuard, mapped_);
    EXPECT_EQ(mprotect(base_, page_, PROT_NONE), 0);
    EXPECT_EQ(mprotect(base_ + mapped_ - page_, page_, PROT_NONE), 0);
    data_ = at_page ? base_ + mapped_ - page_ - size : base_ + page_;
  }
  ~Bytes() { munmap(base_, mapped_); }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  char* data() const { return data_; }
  bool guarded() const {
    for (const char* p = base_ + page_; p < base_ + mapped_ - page_; ++p)
      if ((p < data_ || p >= data_ + size_) && *p != kGuard) return false;
    return true;
  }

 private:
  static constexpr char kGuard = 0x5a;
  std::size_t size_, page_, mapped_;
  char *base_, *data_;
};

inline std::size_t bytes_of(Number number) { return number == Number::kFloat64 ? 8 : number == Number::kFloat32 ? 4 : 2; }

inline void write(char* to, double x, Number number) {
  const auto single = static_cast<float>(x);
  if (number == Number::kFloat64) {
    std::memcpy(to, &x, 8);
  } else if (number == Number::kFloat32) {
    std::memcpy(to, &single, 4);
  } else {
    std::uint32_t bits;
    std::memcpy(&bits, &single, 4);
    const auto half = static_cast<std::uint16_t>(std::isnan(x) ? 0x7fc0 : bits >> 16);
    std::memcpy(to, &half, 2);
  }
}
inline double read(const char* from, Number number) {
  double x = 0;
  float single = 0;
  if (number == Number::kFloat64) {
    std::memcpy(&x, from, 8);
    return x;
  }
  if (number == Number::kFloat32) {
    std::memcpy(&single, from, 4);
    return static_cast<double>(single);
  }
  std::uint16_t half;
  std::memcpy(&half, from, 2);
  const auto bits = static_cast<std::uint32_t>(half) << 16;
  std::memcpy(&single, &bits, 4);
  return static_cast<double>(single);
}

// Threads that draw tasks from one counter, so that any of them may come in any order.
class Crew final : public Workers {
 public:
  explicit Crew(int count) : count_(count) {}
  int count() const override { return count_; }
  void run(std::int64_t tasks, const std::function<void(std::int64_t, int)>& body) override {
    std::int64_t next = 0;
    std::mutex mutex;
    std::vector<std::thread> threads;
    for (int worker = 0; worker < count_; ++worker)
      threads.emplace_back([&, worker] {
        for (;;) {
          std::int64_t task;
          {
            const std::lock_guard lock(mutex);
            if (next == tasks) return;
            task = next++;
          }
          body(task, worker);
        }
      });
    for (auto& thread : threads) thread.join();
  }

 private:
  int count_;
};

}  // namespace attend::kernels
