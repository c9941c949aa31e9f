#pragma once
// PNG pictures, kept apart for libpng's setjmp and longjmp.
#include <functional>

#include "attend/data/image.h"

namespace attend {

/// Sizes are asked of `check_size(width, height, name)` before memory is taken. RGB, on white; `orientation` is that of EXIF, 1 to 8.
Image decode_png(std::string_view bytes, const std::string& name, int& orientation,
                 const std::function<void(std::uint64_t, std::uint64_t, const std::string&)>& check_size);

}  // namespace attend
