#pragma once
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

#include "attend/kernels/workers.h"

namespace attend {

/// The threads that libtorch divides its own operations among; one where the caller is one of them.
class TorchWorkers final : public kernels::Workers {
 public:
  TorchWorkers() : count_(at::in_parallel_region() ? 1 : at::get_num_threads()) {}
  int count() const override { return count_; }
  void run(std::int64_t tasks, const std::function<void(std::int64_t, int)>& body) override {
    const auto workers = std::min<std::int64_t>(count_, tasks);
    if (workers <= 1) {
      for (std::int64_t task = 0; task < tasks; ++task) body(task, 0);
      return;
    }
    std::atomic<std::int64_t> next{0};
    at::parallel_for(0, workers, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto worker = begin; worker < end; ++worker)
        for (auto task = next++; task < tasks; task = next++) body(task, static_cast<int>(worker));
    });
  }

 private:
  int count_;
};

}  // namespace attend
