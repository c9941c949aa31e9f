#include "attend/data/image.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "sample_jpeg.h"
#include "support/expect_error.h"
#include "support/text_folder.h"

namespace attend {
namespace {

using test::sample_jpeg;
using test::TextFolder;

Image sample(int width, int height, int channels) {
  Image image{width, height, channels, {}};
  for (int i = 0; i < width * height * channels; ++i) image.pixels.push_back(static_cast<std::uint8_t>(127.5 + 127 * std::cos(i)));
  return image;
}

TEST(Image, PngReadsBack) {
  for (const auto& image : {sample(7, 5, 3), sample(1, 1, 3)}) EXPECT_EQ(decode_image(to_png(image), "a", Channels::kRgb), image);
  EXPECT_EQ(decode_image(to_png(sample(7, 5, 1)), "a", Channels::kGrey), sample(7, 5, 1));
  const auto grey = sample(3, 2, 1);
  const auto colour = decode_image(to_png(grey), "a", Channels::kRgb);
  for (std::size_t i = 0; i < 18; ++i) EXPECT_EQ(colour.pixels[i], grey.pixels[i / 3]);
}

TEST(Image, GreyIsLuma) {
  const Image image{4, 1, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255}};
  EXPECT_EQ(decode_image(to_png(image), "a", Channels::kGrey), (Image{4, 1, 1, {76, 150, 29, 255}}));
}

TEST(Image, JpegIsNearWhatWasPacked) {
  TextFolder folder;
  const auto bytes = sample_jpeg(20, 12, {200, 40, 90});
  const auto image = read_image(folder.write("a.jpg", bytes), Channels::kRgb);
  EXPECT_EQ(image.width, 20);
  EXPECT_EQ(image.height, 12);
  ASSERT_EQ(image.pixels.size(), 720u);
  for (std::size_t i = 0; i < 720; ++i) EXPECT_LE(std::abs(image.pixels[i] - (i % 3 == 0 ? 200 : i % 3 == 1 ? 40 : 90)), 4);
  const auto grey = decode_image(bytes, "a", Channels::kGrey);
  ASSERT_EQ(grey.pixels.size(), 240u);
  EXPECT_LE(std::abs(grey.pixels[17] - 94), 3);  // 0.299 * 200 + 0.587 * 40 + 0.114 * 90
}

TEST(Image, BrokenPicturesNameTheFile) {
  TextFolder folder;
  const auto png = to_png(sample(30, 30, 3)), jpeg = sample_jpeg(64, 64, {1, 2, 3});
  const auto read = [&](const std::string& bytes) { return read_image(folder.write("a", bytes), Channels::kRgb); };
  EXPECT_ERROR(read("GIF89a"), kData, folder.path("a") + ": expected a PNG or JPEG picture");
  EXPECT_ERROR(read(""), kData, folder.path("a") + ": expected a PNG or JPEG picture");
  EXPECT_ERROR(read(png.substr(0, png.size() / 2)), kData, folder.path("a") + ": the PNG picture is damaged");
  EXPECT_ERROR(read(png.substr(0, 20)), kData, folder.path("a") + ": the PNG picture is damaged");
  auto damaged = png;
  damaged[png.size() / 2] ^= 0x20;
  EXPECT_ERROR(read(damaged), kData, folder.path("a") + ": the PNG picture is damaged");
  EXPECT_ERROR(read(jpeg.substr(0, jpeg.size() - 20)), kData, folder.path("a") + ": the JPEG picture cannot be read (Premature end");
  EXPECT_ERROR(read(jpeg.substr(0, 30)), kData, folder.path("a") + ": the JPEG picture cannot be read");
  EXPECT_ERROR(read_image(folder.path("none"), Channels::kRgb), kFile, "none");
}

TEST(Image, ResizeAveragesAreas) {
  const Image image{4, 2, 1, {0, 10, 20, 30, 40, 50, 60, 70}};
  EXPECT_EQ(resize_image(image, 2, 1), (Image{2, 1, 1, {25, 45}}));
  EXPECT_EQ(resize_image(image, 1, 1), (Image{1, 1, 1, {35}}));
  EXPECT_EQ(resize_image(image, 4, 2), image);
  // 3 columns to 2: each new one covers one and a half.
  EXPECT_EQ(resize_image({3, 1, 1, {0, 90, 210}}, 2, 1), (Image{2, 1, 1, {30, 170}}));
  EXPECT_EQ(resize_image({2, 1, 1, {10, 20}}, 4, 2), (Image{4, 2, 1, {10, 10, 20, 20, 10, 10, 20, 20}}));
  EXPECT_EQ(resize_image({2, 1, 3, {0, 100, 200, 20, 50, 250}}, 1, 1), (Image{1, 1, 3, {10, 75, 225}}));
  EXPECT_ERROR(resize_image(image, 0, 1), kValue, "sizes must be at least 1, got 0 x 1");
}

TEST(Image, ResizeKeepsTheMeanOfAnySize) {
  for (const int size : {1, 2, 3, 5, 7, 11, 13}) {
    Image flat{17, 19, 3, std::vector<std::uint8_t>(17 * 19 * 3, 201)};
    for (const auto pixel : resize_image(flat, size, 14 - size).pixels) EXPECT_EQ(pixel, 201);
  }
}

}  // namespace
}  // namespace attend
