#pragma once
// One training at a time in a run's folder.
#include <string>

namespace attend {

/// Holds RUN/lock from construction to destruction. The system releases it when the process ends, however it ends; the file stays.
/// Throws kFile, naming the process, when another one holds it. File systems without locks are used without one.
class RunLock {
 public:
  explicit RunLock(const std::string& run);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  /// Whether a process holds the lock of `run` now.
  static bool is_held(const std::string& run);
  /// Whether RUN/lock is one that a run left: a process's number, or nothing. A file of that name with other content is its owner's.
  static bool is_of_a_run(const std::string& run);

 private:
  int descriptor_ = -1;
};

}  // namespace attend
