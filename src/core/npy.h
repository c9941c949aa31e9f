#pragma once
#include <string>
#include <string_view>

#include "attend/core/archive.h"

namespace attend {

/// The header of a .npy file (format 1.0), a multiple of 64 bytes long; the elements follow it. Throws kUnsupported for bfloat16.
std::string npy_header(const ArrayView& array, const std::string& who);

/// Parses a whole .npy file; the view points into `bytes`. `who` begins every error. Throws kData for what is damaged and
/// for what is refused: pickled objects, other dtypes, big-endian numbers, Fortran order.
ArrayView parse_npy(std::string_view bytes, const std::string& who);

}  // namespace attend
