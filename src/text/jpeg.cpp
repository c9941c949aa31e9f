#include "jpeg.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>
// libjpeg's headers need <cstdio> before them.
#include <jerror.h>
#include <jpeglib.h>

#include "attend/core/error.h"

namespace attend {
namespace {

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
bool read_header(Decoder& decoder, std::string_view bytes, J_COLOR_SPACE colours) {
  if (setjmp(decoder.back)) return false;
  jpeg_create_decompress(&decoder.state);
  jpeg_mem_src(&decoder.state, reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&decoder.state, TRUE);
  decoder.state.out_color_space = colours;
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

}  // namespace

Image decode_jpeg(std::string_view bytes, const std::string& name, Channels channels,
                  const std::function<void(std::uint64_t, std::uint64_t, const std::string&)>& check_size) {
  Decoder decoder;
  const auto check = [&](bool good) {
    ATTEND_CHECK(good, kData, "{}: the JPEG picture cannot be read ({}); get the file again or convert it to an RGB JPEG or PNG", name,
                 decoder.message);
  };
  check(read_header(decoder, bytes, channels == Channels::kGrey ? JCS_GRAYSCALE : JCS_RGB));
  check_size(decoder.state.image_width, decoder.state.image_height, name);
  Image image{static_cast<int>(decoder.state.image_width), static_cast<int>(decoder.state.image_height), static_cast<int>(channels), {}};
  const auto stride = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.channels);
  image.pixels.resize(stride * static_cast<std::size_t>(image.height));
  check(read_rows(decoder, image.pixels.data(), stride));
  return image;
}

}  // namespace attend
