#pragma once
// Pictures as bytes: PNG and JPEG in, one size for all.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attend {

enum class Channels { kGrey = 1, kRgb = 3 };

struct Image {
  int width = 0, height = 0, channels = 0;
  std::vector<std::uint8_t> pixels;  ///< [height, width, channels], rows from the top
  bool operator==(const Image&) const = default;
};

/// Whether bytes begin as PNG and JPEG files do.
bool is_picture(std::string_view bytes);

/// The picture in PNG or JPEG bytes, upright as its EXIF data say it was taken. Any depth, palette or interlacing is brought to 8 bits,
/// colours as they are written, whatever their gamma; what shines through lies on white; grey from colour is 0.299 R + 0.587 G +
/// 0.114 B; of a JPEG in CMYK, inverted as Adobe's programs write it, R = C · K / 255 and so on. Throws kData with `name` for bytes that
/// are neither, damaged, cut short, or of more than 2^28 pixels.
Image decode_image(std::string_view bytes, const std::string& name, Channels channels);
/// decode_image of a file; kFile when it cannot be read.
Image read_image(const std::string& path, Channels channels);

/// The picture in a given size, sides stretched as need be: each new pixel is the mean of the area it covers, weighted where old
/// pixels lie in it by a part. A larger size repeats pixels. Sizes are at least 1 (kValue).
Image resize_image(const Image& image, int width, int height);

/// The bytes of a PNG file that decodes to the same picture. The same picture gives the same bytes with the same versions of
/// libpng and zlib.
std::string to_png(const Image& image);

}  // namespace attend
