#include "jpeg.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>
// libjpeg's headers need <cstdio> before them.
#include <jerror.h>
#include <jpeglib.h>

#include "attend/core/error.h"
#include "orientation.h"

namespace attend {
namespace {

constexpr int kExifMarker = JPEG_APP0 + 1;

/// libjpeg with its errors: the fatal ones jump, and a file that ends too early is one of them (libjpeg would paint it grey).
struct Decoder {
  jpeg_decompress_struct state{};
  jpeg_error_mgr errors{};
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX] = {};

  Decoder() {
    state.err = jpeg_std_error(&errors);
    state.client_data = this;
    errors.error_exit = [](j_common_ptr common) {
      auto* self = static_cast<Decoder*>(common->client_data);
      common->err->format_message(common, self->message);
      std::longjmp(self->back, 1);
    };
    errors.emit_message = [](j_common_ptr common, int level) {
      if (level < 0 && common->err->msg_code == JWRN_JPEG_EOF) common->err->error_exit(common);
    };
  }
  ~Decoder() { jpeg_destroy_decompress(&state); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
};

// The jumps land in these functions, which must hold no C++ object.
bool read_header(Decoder& decoder, std::string_view bytes) {
  if (setjmp(decoder.back)) return false;
  jpeg_create_decompress(&decoder.state);
  jpeg_mem_src(&decoder.state, reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<unsigned long>(bytes.size()));
  jpeg_save_markers(&decoder.state, kExifMarker, 0xffff);
  jpeg_read_header(&decoder.state, TRUE);
  const auto stored = decoder.state.jpeg_color_space;
  decoder.state.out_color_space = stored == JCS_GRAYSCALE ? JCS_GRAYSCALE : stored == JCS_CMYK || stored == JCS_YCCK ? JCS_CMYK : JCS_RGB;
  decoder.state.dct_method = JDCT_ISLOW;  // the exact one
  return true;
}
bool read_rows(Decoder& decoder, unsigned char* to, std::size_t stride) {
  if (setjmp(decoder.back)) return false;
  jpeg_start_decompress(&decoder.state);
  while (decoder.state.output_scanline < decoder.state.output_height) {
    JSAMPROW row = to + decoder.state.output_scanline * stride;
    jpeg_read_scanlines(&decoder.state, &row, 1);
  }
  jpeg_finish_decompress(&decoder.state);
  return true;
}

int orientation_of(const jpeg_decompress_struct& state) {
  using std::string_view_literals::operator""sv;
  for (const auto* marker = state.marker_list; marker != nullptr; marker = marker->next) {
    const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (marker->marker == kExifMarker && data.starts_with("Exif\0\0"sv)) return exif_orientation(data.substr(6));
  }
  return 1;
}

/// Inks as Adobe's programs write them, 255 for none.
std::vector<std::uint8_t> rgb_of_inks(const std::vector<std::uint8_t>& cmyk) {
  std::vector<std::uint8_t> rgb(cmyk.size() / 4 * 3);
  for (std::size_t i = 0; i < cmyk.size() / 4; ++i)
    for (std::size_t c = 0; c < 3; ++c) rgb[3 * i + c] = static_cast<std::uint8_t>((cmyk[4 * i + c] * cmyk[4 * i + 3] + 127) / 255);
  return rgb;
}

}  // namespace

Image decode_jpeg(std::string_view bytes, const std::string& name, int& orientation,
                  const std::function<void(std::uint64_t, std::uint64_t, const std::string&)>& check_size) {
  Decoder decoder;
  const auto check = [&](bool good) {
    ATTEND_CHECK(good, kData, "{}: the JPEG picture cannot be read ({}); get the file again or convert it to PNG", name, decoder.message);
  };
  check(read_header(decoder, bytes));
  check_size(decoder.state.image_width, decoder.state.image_height, name);
  orientation = orientation_of(decoder.state);
  const int channels = decoder.state.out_color_space == JCS_GRAYSCALE ? 1 : decoder.state.out_color_space == JCS_CMYK ? 4 : 3;
  Image image{static_cast<int>(decoder.state.image_width), static_cast<int>(decoder.state.image_height), channels, {}};
  const auto stride = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.channels);
  image.pixels.resize(stride * static_cast<std::size_t>(image.height));
  check(read_rows(decoder, image.pixels.data(), stride));
  if (channels == 4) {
    image.pixels = rgb_of_inks(image.pixels);
    image.channels = 3;
  }
  return image;
}

}  // namespace attend
