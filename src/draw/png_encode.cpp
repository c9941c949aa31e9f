#include "draw/png_encode.h"

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <stdexcept>
#include <vector>

namespace attend {
namespace {

void append(png_structp png, png_bytep data, png_size_t size) {
  static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<const char*>(data), size);
}
void ignore_warning(png_structp, png_const_charp) {}

// libpng reports errors by longjmp, which must not jump over a C++ object: each of these functions holds none.
bool write_header(png_structp png, png_infop info, const PngShape& shape) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_set_IHDR(png, info, static_cast<png_uint_32>(shape.width), static_cast<png_uint_32>(shape.height), 8,
               shape.alpha ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (shape.pixels_per_metre > 0) {
    const auto density = static_cast<png_uint_32>(shape.pixels_per_metre);
    png_set_pHYs(png, info, density, density, PNG_RESOLUTION_METER);
  }
  png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);  // large areas of one colour need no prediction
  png_write_info(png, info);
  return true;
}
bool write_rows(png_structp png, const std::uint8_t* rows, int count, std::size_t stride) {
  if (setjmp(png_jmpbuf(png))) return false;
  for (int i = 0; i < count; ++i) png_write_row(png, rows + static_cast<std::size_t>(i) * stride);
  return true;
}
bool write_end(png_structp png) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_write_end(png, nullptr);
  return true;
}

struct Writer {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, ignore_warning);
  png_infop info = png ? png_create_info_struct(png) : nullptr;
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { png_destroy_write_struct(&png, &info); }
};

}  // namespace

std::string encode_png(const PngShape& shape, const std::function<void(int y, int rows, std::uint8_t* out)>& fill) {
  std::string bytes;
  Writer writer;
  if (!writer.info) throw std::bad_alloc();
  png_set_write_fn(writer.png, &bytes, append, nullptr);
  bool good = write_header(writer.png, writer.info, shape);
  const std::size_t stride = static_cast<std::size_t>(shape.width) * (shape.alpha ? 4 : 3);
  std::vector<std::uint8_t> strip(stride * static_cast<std::size_t>(std::min(shape.strip, shape.height)));
  for (int y = 0; good && y < shape.height; y += shape.strip) {
    const int rows = std::min(shape.strip, shape.height - y);
    fill(y, rows, strip.data());
    good = write_rows(writer.png, strip.data(), rows, stride);
  }
  if (!good || !write_end(writer.png)) throw std::logic_error("png: libpng refused to write an image of ours");
  return bytes;
}

}  // namespace attend
