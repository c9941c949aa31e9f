#pragma once
// How long threads that wait for one another keep their processors busy.
//
// libtorch divides an operation among the threads of libgomp, thousands of times a second. A thread that is done waits for the others
// by looking again and again, for some milliseconds, before it sleeps. On a quiet machine that is right: the wait ends within
// microseconds, and sleeping and waking would take longer. Beside another busy process it is ruinous: the one that waits takes the
// processor that the awaited one needs (150 updates of configs/phrasebook.yaml: 7 s quiet, 30 s beside one busy process).
// So the waits are long while the machine is quiet, and short while our threads have to queue for processors.
#include <chrono>
#include <cstdint>
#include <memory>

namespace attend {

/// Says when the machine is busy, from how long our threads stood ready to run without a processor. Not for several threads at once.
class Contention {
 public:
  /// `queued`: the sum over all threads since they began; `now`: the time since any fixed moment. Returns busy().
  bool add(std::chrono::nanoseconds queued, std::chrono::nanoseconds now);
  bool busy() const { return busy_; }

 private:
  bool begun_ = false, busy_ = false;
  double share_ = 0;
  std::chrono::nanoseconds queued_{}, now_{};
};

/// How long all threads of this process but the caller's have stood ready to run without a processor, from /proc/self/task/*/schedstat.
/// Zero where the kernel does not count it.
std::chrono::nanoseconds queued_for_processors();

/// While one exists, waiting threads of libgomp sleep after a microsecond or so. libgomp does that by itself when it has more threads
/// than there are processors; this keeps as many idle ones as it takes. `threads`: those that libtorch uses.
/// One thread makes and destroys it; what it does holds for the whole process.
class ShortWaits {
 public:
  explicit ShortWaits(int threads);
  ~ShortWaits();

 private:
  struct Crew;
  std::unique_ptr<Crew> crew_;
};

/// From now on until the process ends, a thread looks twenty times a second whether the machine is busy and keeps waits short while it
/// is. Results do not depend on it. Does nothing when `threads` is 1, when the environment says how to wait (OMP_WAIT_POLICY,
/// GOMP_SPINCOUNT), or with another OpenMP than libgomp. Later calls say a new number of threads. Safe from any thread.
/// Returns whether the waits are watched.
bool give_way_when_busy(int threads);

}  // namespace attend
