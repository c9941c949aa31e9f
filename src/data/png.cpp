#include "png.h"

#include <png.h>

#include <csetjmp>
#include <cstring>

#include "attend/core/error.h"
#include "orientation.h"

namespace attend {
namespace {

/// libpng over bytes in memory. Its own simplified interface is not used: that one takes 16 bits as linear light and blends in it.
struct PngDecoder {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string_view rest;
  char message[128] = {};

  explicit PngDecoder(std::string_view bytes) : rest(bytes) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, [](png_structp, png_const_charp) {});
    info = png ? png_create_info_struct(png) : nullptr;
    if (info == nullptr) throw std::bad_alloc();
    png_set_read_fn(png, this, on_read);
  }
  ~PngDecoder() { png_destroy_read_struct(&png, &info, nullptr); }
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;

  static void on_error(png_structp state, png_const_charp text) {
    auto* self = static_cast<PngDecoder*>(png_get_error_ptr(state));
    std::strncpy(self->message, text, sizeof self->message - 1);
    png_longjmp(state, 1);
  }
  static void on_read(png_structp state, png_bytep to, png_size_t size) {
    auto* self = static_cast<PngDecoder*>(png_get_io_ptr(state));
    if (size > self->rest.size()) png_error(state, "it ends too early");
    std::memcpy(to, self->rest.data(), size);
    self->rest.remove_prefix(size);
  }
};

// The jumps land in these functions, which must hold no C++ object.
bool read_png_header(PngDecoder& decoder) {
  if (setjmp(png_jmpbuf(decoder.png))) return false;
  png_read_info(decoder.png, decoder.info);
  return true;
}
/// 8 bits of red, green, blue and alpha, whatever the file has. `rows` are the passes of an interlaced picture, each over all of it.
bool read_png_rows(PngDecoder& decoder, unsigned char* to, std::size_t stride, png_uint_32 height) {
  if (setjmp(png_jmpbuf(decoder.png))) return false;
  png_set_expand(decoder.png);  // palettes, 1, 2 and 4 bits, a transparent colour
  png_set_scale_16(decoder.png);
  png_set_gray_to_rgb(decoder.png);
  png_set_add_alpha(decoder.png, 0xff, PNG_FILLER_AFTER);
  const int passes = png_set_interlace_handling(decoder.png);
  png_read_update_info(decoder.png, decoder.info);
  if (png_get_rowbytes(decoder.png, decoder.info) != stride) png_error(decoder.png, "its rows have another size");
  for (int pass = 0; pass < passes; ++pass)
    for (png_uint_32 y = 0; y < height; ++y) png_read_row(decoder.png, to + y * stride, nullptr);
  png_read_end(decoder.png, decoder.info);
  return true;
}

std::vector<std::uint8_t> on_white(const std::vector<std::uint8_t>& rgba) {
  std::vector<std::uint8_t> rgb(rgba.size() / 4 * 3);
  for (std::size_t i = 0; i < rgba.size() / 4; ++i) {
    const unsigned alpha = rgba[4 * i + 3];
    for (std::size_t c = 0; c < 3; ++c)
      rgb[3 * i + c] = static_cast<std::uint8_t>((alpha * rgba[4 * i + c] + (255 - alpha) * 255 + 127) / 255);
  }
  return rgb;
}

}  // namespace

Image decode_png(std::string_view bytes, const std::string& name, int& orientation,
                 const std::function<void(std::uint64_t, std::uint64_t, const std::string&)>& check_size) {
  PngDecoder decoder(bytes);
  const auto check = [&](bool good) {
    ATTEND_CHECK(good, kData, "{}: the PNG picture is damaged or cut short ({}); get the file again", name, decoder.message);
  };
  check(read_png_header(decoder));
  const auto width = png_get_image_width(decoder.png, decoder.info), height = png_get_image_height(decoder.png, decoder.info);
  check_size(width, height, name);
  const auto stride = std::size_t{4} * width;
  std::vector<std::uint8_t> rgba(stride * height);
  check(read_png_rows(decoder, rgba.data(), stride, height));
  png_bytep exif = nullptr;
  png_uint_32 size = 0;
  if (png_get_eXIf_1(decoder.png, decoder.info, &size, &exif) != 0 && exif != nullptr)
    orientation = exif_orientation({reinterpret_cast<const char*>(exif), size});
  return {static_cast<int>(width), static_cast<int>(height), 3, on_white(rgba)};
}

}  // namespace attend
