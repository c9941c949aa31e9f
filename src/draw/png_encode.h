#pragma once
#include <cstdint>
#include <functional>
#include <string>

namespace attend {

struct PngShape {
  int width = 0, height = 0;
  bool alpha = false;        ///< RGBA, else RGB
  int strip = 4096;          ///< rows asked for at a time, so that memory stays bounded
  int pixels_per_metre = 0;  ///< stored when positive
};

/// Encodes a PNG without dates or comments: same pixels, same bytes. `fill(y, rows, out)` writes rows y..y+rows-1.
std::string encode_png(const PngShape& shape, const std::function<void(int y, int rows, std::uint8_t* out)>& fill);

}  // namespace attend
