#pragma once
// A JPEG picture of one colour, for tests.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>
// libjpeg's header needs <cstdio> before it.
#include <jpeglib.h>

namespace attend::test {

/// `components` of each pixel, given as `given` and stored as `stored`.
inline std::string packed_jpeg(unsigned width, unsigned height, const std::vector<std::uint8_t>& components, J_COLOR_SPACE given,
                               J_COLOR_SPACE stored) {
  jpeg_compress_struct state{};
  jpeg_error_mgr errors{};
  state.err = jpeg_std_error(&errors);
  jpeg_create_compress(&state);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&state, &bytes, &size);
  state.image_width = width;
  state.image_height = height;
  state.input_components = static_cast<int>(components.size());
  state.in_color_space = given;
  jpeg_set_defaults(&state);
  jpeg_set_colorspace(&state, stored);
  jpeg_set_quality(&state, 95, TRUE);
  jpeg_start_compress(&state, TRUE);
  std::vector<std::uint8_t> line;
  for (unsigned x = 0; x < width; ++x) line.insert(line.end(), components.begin(), components.end());
  JSAMPROW row = line.data();
  while (state.next_scanline < height) jpeg_write_scanlines(&state, &row, 1);
  jpeg_finish_compress(&state);
  std::string result(reinterpret_cast<char*>(bytes), size);
  jpeg_destroy_compress(&state);
  std::free(bytes);
  return result;
}

inline std::string sample_jpeg(unsigned width, unsigned height, std::array<std::uint8_t, 3> colour) {
  return packed_jpeg(width, height, {colour.begin(), colour.end()}, JCS_RGB, JCS_YCbCr);
}
inline std::string sample_ycck(unsigned width, unsigned height, std::array<std::uint8_t, 4> inks) {
  return packed_jpeg(width, height, {inks.begin(), inks.end()}, JCS_CMYK, JCS_YCCK);
}

}  // namespace attend::test
