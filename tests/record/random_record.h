#pragma once
#include "attend/record/record.h"

namespace attend {

/// A sound record of random sizes and contents: the beam tree, texts that need not be UTF-8, maps of every kind and axis
/// with masked places and empty rows. The same seed gives the same record.
RecordData random_record(std::uint64_t seed);

}  // namespace attend
