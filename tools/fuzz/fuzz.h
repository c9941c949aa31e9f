#pragma once
// Readers under fire: each target takes any bytes, and either reads them or refuses them with attend::Error. Anything else (another
// exception, a sanitizer's finding, a hang, a crash) is a fault. README.md says how to run them.
#include <cstdint>
#include <string>
#include <string_view>

#include "attend/core/random.h"

namespace attend::fuzz {

/// One reader. `mutate`, when there is one, changes an input so that it still passes the reader's first checks (checksums).
struct Target {
  const char* name;
  void (*run)(std::string_view bytes);
  std::string (*mutate)(const std::string& bytes, RandomStream& random);
};

#define TARGET(name) void run_##name(std::string_view bytes);
#include "targets.def"
#undef TARGET

/// A few random changes: bits, bytes, numbers at their limits, pieces moved, cut, doubled, words that mean something to a reader.
std::string mutated(std::string bytes, RandomStream& random);
/// One member of a zip archive changed, and its checksum made right again.
std::string mutated_zip(const std::string& bytes, RandomStream& random);

/// A file in memory with these bytes; readers of files read it by `path`.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  int descriptor_;
  std::string path_;
};

/// Reads every byte, so that sanitizers see it.
void touch(std::string_view bytes);

/// Where one target does several things with the same bytes, each may refuse them with a message.
template <class Try>
void attempt(const Try& attempted) {
  try {
    attempted();
  } catch (const Error&) {
  }
}

/// Writes the seeds that are made, not typed, to FOLDER/<target>/.
void make_seeds(const std::string& folder);

}  // namespace attend::fuzz
