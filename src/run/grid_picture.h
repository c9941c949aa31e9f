#pragma once
#include "attend/data/image.h"
#include "attend/record/record.h"

namespace attend {

/// A picture as records keep it, under a grid of rows x cols cells; grey becomes red, green and blue alike.
inline Picture grid_picture(const Image& image, std::int64_t rows, std::int64_t cols) {
  Picture picture{static_cast<std::uint32_t>(rows),
                  static_cast<std::uint32_t>(cols),
                  static_cast<std::uint32_t>(image.width),
                  static_cast<std::uint32_t>(image.height),
                  {}};
  for (const auto value : image.pixels) picture.rgb.insert(picture.rgb.end(), image.channels == 3 ? 1 : 3, value);
  return picture;
}

}  // namespace attend
