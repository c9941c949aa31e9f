#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

namespace attend {

/// Where the bytes for a path end up.
struct Destination {
  std::string path;            ///< the regular file to make or replace, links followed; in place: as it was named
  int descriptor = -1;         ///< open, to write in place; -1 for a regular file
  std::optional<mode_t> mode;  ///< of the file that is replaced
  bool in_place() const { return descriptor >= 0; }
};

/// Follows links to what is written (see AtomicFile). The caller closes the descriptor. Throws kFile for directories, circles of
/// links and what cannot be opened.
Destination destination_of(const std::string& path);

}  // namespace attend
