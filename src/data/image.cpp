#include "attend/data/image.h"

#include <png.h>

#include <algorithm>
#include <cmath>

#include "attend/core/error.h"
#include "attend/core/files.h"
#include "attend/text/sniff.h"
#include "jpeg.h"
#include "orientation.h"
#include "png.h"

namespace attend {
namespace {

constexpr std::string_view kPngMagic = "\x89PNG\r\n\x1a\n", kJpegMagic = "\xff\xd8\xff";
constexpr std::uint64_t kMostPixels = std::uint64_t{1} << 28;

std::vector<std::uint8_t> grey_of(const std::vector<std::uint8_t>& rgb) {
  std::vector<std::uint8_t> grey(rgb.size() / 3);
  for (std::size_t i = 0; i < grey.size(); ++i)  // ITU-R BT.601, as JPEG has it
    grey[i] = static_cast<std::uint8_t>((299 * rgb[3 * i] + 587 * rgb[3 * i + 1] + 114 * rgb[3 * i + 2] + 500) / 1000);
  return grey;
}

std::vector<std::uint8_t> rgb_of(const std::vector<std::uint8_t>& grey) {
  std::vector<std::uint8_t> rgb;
  rgb.reserve(3 * grey.size());
  for (const auto pixel : grey) rgb.insert(rgb.end(), 3, pixel);
  return rgb;
}

void check_size(std::uint64_t width, std::uint64_t height, const std::string& name) {
  ATTEND_CHECK(width > 0 && height > 0 && width <= kMostPixels / height, kData,
               "{}: the picture says it has {} x {} pixels; expected at most 2^28 in all", name, width, height);
}

/// What one new pixel covers of a line of old ones: from `first` on, a weight for each.
struct Cover {
  int first = 0;
  std::vector<double> weights;  // sum to 1
};

std::vector<Cover> covers(int from, int to) {
  std::vector<Cover> result(static_cast<std::size_t>(to));
  const double step = static_cast<double>(from) / to;
  for (int i = 0; i < to; ++i) {
    const double begin = i * step, end = (i + 1) * step;
    auto& cover = result[static_cast<std::size_t>(i)];
    cover.first = std::min(from - 1, static_cast<int>(begin));
    const int last = std::min(from, std::max(cover.first + 1, static_cast<int>(std::ceil(end - 1e-9))));
    for (int old = cover.first; old < last; ++old)
      cover.weights.push_back(std::max(0.0, std::min<double>(end, old + 1) - std::max<double>(begin, old)) / step);
  }
  return result;
}

}  // namespace

bool is_picture(std::string_view bytes) { return bytes.starts_with(kPngMagic) || bytes.starts_with(kJpegMagic); }

Image decode_image(std::string_view bytes, const std::string& name, Channels channels) {
  if (!is_picture(bytes)) {
    const auto kind = binary_kind(bytes);
    fail(ErrorKind::kData, "{}: expected a PNG or JPEG picture, got {}; convert it first", name,
         bytes.empty()  ? "an empty file"
         : kind.empty() ? "other bytes"
                        : kind);
  }
  int orientation = 1;
  const bool is_png = bytes.starts_with(kPngMagic);
  auto image = is_png ? decode_png(bytes, name, orientation, check_size) : decode_jpeg(bytes, name, orientation, check_size);
  if (channels == Channels::kGrey && image.channels == 3) {
    image.pixels = grey_of(image.pixels);
    image.channels = 1;
  } else if (channels == Channels::kRgb && image.channels == 1) {
    image.pixels = rgb_of(image.pixels);
    image.channels = 3;
  }
  return upright(std::move(image), orientation);
}

Image read_image(const std::string& path, Channels channels) {
  const MappedFile file(path);
  return decode_image(file.bytes(), path, channels);
}

Image resize_image(const Image& image, int width, int height) {
  ATTEND_CHECK(width >= 1 && height >= 1, kValue, "resize_image: sizes must be at least 1, got {} x {}", width, height);
  if (width == image.width && height == image.height) return image;
  const auto columns = covers(image.width, width), rows = covers(image.height, height);
  const auto channels = static_cast<std::size_t>(image.channels), stride = static_cast<std::size_t>(image.width) * channels;
  Image result{width, height, image.channels, {}};
  result.pixels.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * channels);
  std::vector<double> line(stride);  // the old rows under one new row, averaged
  for (const auto& row : rows) {
    std::fill(line.begin(), line.end(), 0.0);
    for (std::size_t r = 0; r < row.weights.size(); ++r) {
      const auto* old = image.pixels.data() + (static_cast<std::size_t>(row.first) + r) * stride;
      for (std::size_t i = 0; i < stride; ++i) line[i] += row.weights[r] * old[i];
    }
    for (const auto& column : columns) {
      for (std::size_t c = 0; c < channels; ++c) {
        double sum = 0;
        for (std::size_t k = 0; k < column.weights.size(); ++k)
          sum += column.weights[k] * line[(static_cast<std::size_t>(column.first) + k) * channels + c];
        result.pixels.push_back(static_cast<std::uint8_t>(std::clamp(std::lround(sum), 0L, 255L)));
      }
    }
  }
  return result;
}

std::string to_png(const Image& image) {
  ATTEND_ASSERT(image.pixels.size() == static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height * image.channels));
  png_image state{};
  state.version = PNG_IMAGE_VERSION;
  state.width = static_cast<png_uint_32>(image.width);
  state.height = static_cast<png_uint_32>(image.height);
  state.format = image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  std::string bytes(PNG_IMAGE_PNG_SIZE_MAX(state), '\0');
  png_alloc_size_t size = bytes.size();
  ATTEND_ASSERT(png_image_write_to_memory(&state, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr) != 0);
  bytes.resize(size);
  return bytes;
}

}  // namespace attend
