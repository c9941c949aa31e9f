#include "orientation.h"

#include <algorithm>

namespace attend {
namespace {

constexpr std::uint32_t kOrientationTag = 0x0112, kShort = 3;

/// Numbers of a TIFF file in its byte order; 0 outside of it.
struct Tiff {
  std::string_view bytes;
  bool big = false;
  std::uint32_t number(std::size_t at, std::size_t size) const {
    if (at > bytes.size() || size > bytes.size() - at) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const auto byte = static_cast<unsigned char>(bytes[at + (big ? i : size - 1 - i)]);
      value = value << 8 | byte;
    }
    return value;
  }
};

}  // namespace

int exif_orientation(std::string_view tiff) {
  const Tiff data{tiff, tiff.starts_with("MM")};
  if (!data.big && !tiff.starts_with("II")) return 1;
  const std::size_t directory = data.number(4, 4);
  const auto entries = data.number(directory, 2);
  for (std::size_t i = 0; i < entries; ++i) {
    const auto at = directory + 2 + 12 * i;  // tag, type, count, value
    if (data.number(at, 2) != kOrientationTag) continue;
    const auto value = data.number(at + 8, 2);
    return data.number(at + 2, 2) == kShort && value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Image upright(Image image, int orientation) {
  if (orientation <= 1) return image;
  const bool turned = orientation >= 5;
  Image result{turned ? image.height : image.width, turned ? image.width : image.height, image.channels, {}};
  result.pixels.reserve(image.pixels.size());
  const bool right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;   // columns run from the right
  const bool bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;  // rows run from the bottom
  for (int y = 0; y < result.height; ++y)
    for (int x = 0; x < result.width; ++x) {
      const int column = turned ? y : x, row = turned ? x : y;
      const auto at = (static_cast<std::size_t>(bottom ? image.height - 1 - row : row) * static_cast<std::size_t>(image.width) +
                       static_cast<std::size_t>(right ? image.width - 1 - column : column)) *
                      static_cast<std::size_t>(image.channels);
      const auto* pixel = image.pixels.data() + at;
      result.pixels.insert(result.pixels.end(), pixel, pixel + image.channels);
    }
  return result;
}

}  // namespace attend
