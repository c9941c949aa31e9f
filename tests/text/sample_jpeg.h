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

inline std::string sample_jpeg(unsigned width, unsigned height, std::array<std::uint8_t, 3> colour) {
  jpeg_compress_struct state{};
  jpeg_error_mgr errors{};
  state.err = jpeg_std_error(&errors);
  jpeg_create_compress(&state);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&state, &bytes, &size);
  state.image_width = width;
  state.image_height = height;
  state.input_components = 3;
  state.in_color_space = JCS_RGB;
  jpeg_set_defaults(&state);
  jpeg_set_quality(&state, 95, TRUE);
  jpeg_start_compress(&state, TRUE);
  std::vector<std::uint8_t> line;
  for (unsigned x = 0; x < width; ++x) line.insert(line.end(), colour.begin(), colour.end());
  JSAMPROW row = line.data();
  while (state.next_scanline < height) jpeg_write_scanlines(&state, &row, 1);
  jpeg_finish_compress(&state);
  std::string result(reinterpret_cast<char*>(bytes), size);
  jpeg_destroy_compress(&state);
  std::free(bytes);
  return result;
}

}  // namespace attend::test
