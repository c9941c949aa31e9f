#pragma once
// How much memory there is, and the error of asking for more.
#include <cstdint>
#include <string>

#include "attend/core/error.h"

namespace attend {

/// For programs that allocate and free the same large blocks over and over, as training does: the C library keeps freed blocks up
/// to 32 MiB for the next request instead of handing them back to the system, which would return them as pages to be zeroed
/// anew. Call once, before much was allocated. Does nothing where the C library is not glibc.
void keep_freed_memory();

/// More memory was asked for than there is; the text gives both figures. Threads: as Error.
class OutOfMemory : public Error {
 public:
  explicit OutOfMemory(const std::string& what) : Error(ErrorKind::kValue, what) {}
};

/// Bytes that this process can still come by: the least of what the machine has free (with what it would give up: caches and swap),
/// what the control group leaves (memory.max) and what the limit of the address space leaves (RLIMIT_AS). The largest number where
/// the system does not say.
std::uint64_t available_memory();

/// Throws OutOfMemory naming `what`, `bytes` and what is available, unless that many can be had.
void check_memory(std::uint64_t bytes, const std::string& what);

/// "6.4 GB", for messages.
std::string size_text(std::uint64_t bytes);

}  // namespace attend
