#pragma once
// Who runs the tasks of a kernel. Kernels make no threads: whoever calls them hands over workers.
#include <cstdint>
#include <functional>

namespace attend::kernels {

/// Runs numbered tasks, each once, on one worker at a time. Kernels give the same bits for any number of workers and any order. Threads may
/// not share one: a call takes all of its workers.
class Workers {
 public:
  virtual ~Workers() = default;
  virtual int count() const = 0;  ///< at least 1
  /// body(task, worker) for every task from 0 to tasks − 1, worker from 0 to count() − 1; returns when all are done. Lower numbers begin
  /// first: the caller puts the long ones there.
  virtual void run(std::int64_t tasks, const std::function<void(std::int64_t task, int worker)>& body) = 0;
};

/// The calling thread alone. It holds nothing, so threads may share one.
class OneWorker final : public Workers {
 public:
  int count() const override { return 1; }
  void run(std::int64_t tasks, const std::function<void(std::int64_t, int)>& body) override {
    for (std::int64_t task = 0; task < tasks; ++task) body(task, 0);
  }
};

}  // namespace attend::kernels
