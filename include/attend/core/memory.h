#pragma once

namespace attend {

/// For programs that allocate and free the same large blocks over and over, as training does: the C library keeps freed blocks up
/// to 32 MiB for the next request instead of handing them back to the system, which would return them as pages to be zeroed
/// anew. Call once, before much was allocated. Does nothing where the C library is not glibc.
void keep_freed_memory();

}  // namespace attend
