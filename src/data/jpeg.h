#pragma once
// JPEG pictures, kept apart for libjpeg's setjmp and longjmp.
#include <functional>

#include "attend/data/image.h"

namespace attend {

/// `check_size(width, height, name)` is asked before memory is taken. Grey or RGB, as the file is; `orientation` is that of EXIF, 1 to 8.
Image decode_jpeg(std::string_view bytes, const std::string& name, int& orientation,
                  const std::function<void(std::uint64_t, std::uint64_t, const std::string&)>& check_size);

}  // namespace attend
