#include "attend/ops/memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

namespace attend {

namespace {
thread_local MemoryBudget* innermost = nullptr;
}  // namespace

/// What the allocator may do with a budget.
struct BudgetAccess {
  static void take(std::size_t bytes) {
    if (!innermost) return;
    if (bytes > innermost->left_) throw OutOfMemory(innermost->otherwise_);
    innermost->left_ -= bytes;
  }
};

namespace {

constexpr std::size_t kAlignment = 64;                 // bytes; libtorch's kernels count on it
constexpr std::size_t kLarge = std::size_t{64} << 20;  // smaller blocks are looked at together, not each by itself

[[noreturn]] void refuse(std::size_t bytes) {
  throw OutOfMemory(
      fmt::format("out of memory: a tensor needs {}, of which {} can be had; use smaller batches (train.batch_size, --batch), "
                  "shorter texts or a smaller model",
                  size_text(bytes), size_text(available_memory())));
}

/// libtorch's allocator for the processor, but for what it does when there is no memory.
class GuardedAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, &release, c10::Device(c10::DeviceType::CPU)};
    BudgetAccess::take(bytes);
    look(bytes);
    void* data = nullptr;
    if (::posix_memalign(&data, kAlignment, bytes) != 0) refuse(bytes);
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { std::memcpy(to, from, bytes); }

 private:
  static void release(void* data) { std::free(data); }

  /// The system promises more than it has and ends whoever uses it, so what is large is compared with what there is.
  void look(std::size_t bytes) {
    if (bytes >= kLarge) {
      if (bytes > available_memory()) refuse(bytes);
      return;
    }
    if (since_.fetch_add(bytes, std::memory_order_relaxed) + bytes < kEvery) return;
    since_.store(0, std::memory_order_relaxed);
    if (const auto left = available_memory(); left < kLarge)
      throw OutOfMemory(
          fmt::format("out of memory: only {} are left, and the program would be ended for more; use smaller batches "
                      "(train.batch_size, --batch), shorter texts or a smaller model",
                      size_text(left)));
  }

  static constexpr std::size_t kEvery = std::size_t{256} << 20;  // freed blocks count too
  std::atomic<std::size_t> since_{0};
};

}  // namespace

void guard_tensor_memory() {
  static std::once_flag once;
  std::call_once(once, [] {
    constexpr std::uint8_t kPriority = 1;  // above libtorch's own
    c10::SetCPUAllocator(new GuardedAllocator, kPriority);
  });
}

MemoryBudget::MemoryBudget(std::uint64_t bytes, std::string otherwise)
    : left_(bytes), otherwise_(std::move(otherwise)), outer_(std::exchange(innermost, this)) {
  guard_tensor_memory();
}
MemoryBudget::~MemoryBudget() { innermost = outer_; }

std::string error_text(const std::exception& error) {
  const auto* of_torch = dynamic_cast<const c10::Error*>(&error);
  return of_torch ? of_torch->what_without_backtrace() : error.what();
}

}  // namespace attend
