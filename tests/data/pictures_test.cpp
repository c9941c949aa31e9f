// Pictures of every kind that people have, against what Pillow reads in them (tests/data/pictures/make.py).
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "attend/data/image.h"
#include "sample_jpeg.h"
#include "support/expect_error.h"
#include "support/text_folder.h"

namespace attend {
namespace {

using test::TextFolder;

const std::string kFolder = std::string(ATTEND_SOURCE_DIR) + "/tests/data/pictures/";

std::map<std::string, Image> expected_pictures() {
  std::map<std::string, Image> pictures;
  std::ifstream file(kFolder + "expected.txt");
  for (std::string line; std::getline(file, line);) {
    std::istringstream parts(line);
    std::string name, pixels;
    Image image;
    image.channels = 3;
    parts >> name >> image.width >> image.height >> pixels;
    for (std::size_t i = 0; i + 1 < pixels.size(); i += 2)
      image.pixels.push_back(static_cast<std::uint8_t>(std::stoul(pixels.substr(i, 2), nullptr, 16)));
    pictures.emplace(name, std::move(image));
  }
  return pictures;
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Pillow cuts 16 bits off to 8 where they are rounded here, and rounds what shines through twice; decoders of JPEG differ a little more.
void expect_near(const Image& got, const Image& expected, int tolerance, const std::string& name) {
  ASSERT_EQ(got.width, expected.width) << name;
  ASSERT_EQ(got.height, expected.height) << name;
  ASSERT_EQ(got.channels, 3) << name;
  ASSERT_EQ(got.pixels.size(), expected.pixels.size()) << name;
  int furthest = 0;
  for (std::size_t i = 0; i < got.pixels.size(); ++i) furthest = std::max(furthest, std::abs(got.pixels[i] - expected.pixels[i]));
  EXPECT_LE(furthest, tolerance) << name;
}

TEST(Pictures, AreReadAsPillowReadsThem) {
  const auto pictures = expected_pictures();
  EXPECT_EQ(pictures.size(), 39U);
  for (const auto& [name, expected] : pictures) {
    const bool deep = name.find("16") != name.npos;
    const bool blended = name.find("alpha") != name.npos || name.find("rgba") != name.npos || name.find("see-through") != name.npos;
    const int tolerance = name.ends_with(".jpg") ? 4 : (deep ? 1 : 0) + (blended ? 1 : 0);
    expect_near(read_image(kFolder + name, Channels::kRgb), expected, tolerance, name);
  }
}

TEST(Pictures, GreyIsTheSameOfEveryKind) {
  for (const auto& [name, colour] : expected_pictures()) {
    const auto grey = read_image(kFolder + name, Channels::kGrey);
    ASSERT_EQ(grey.pixels.size() * 3, colour.pixels.size()) << name;
    for (std::size_t i = 0; i < grey.pixels.size(); ++i)
      EXPECT_NEAR(grey.pixels[i], 0.299 * colour.pixels[3 * i] + 0.587 * colour.pixels[3 * i + 1] + 0.114 * colour.pixels[3 * i + 2], 5)
          << name;
  }
}

TEST(Pictures, TheNameSaysNothingOfTheContent) {
  TextFolder folder;
  const auto png = folder.write("a.jpg", bytes_of(kFolder + "rgb8.png")), jpeg = folder.write("b.png", bytes_of(kFolder + "baseline.jpg"));
  EXPECT_EQ(read_image(png, Channels::kRgb), read_image(kFolder + "rgb8.png", Channels::kRgb));
  EXPECT_EQ(read_image(jpeg, Channels::kRgb), read_image(kFolder + "baseline.jpg", Channels::kRgb));
}

TEST(Pictures, ThoseOfOtherProgramsAreNamed) {
  using namespace std::string_literals;
  EXPECT_ERROR(decode_image("GIF89a\x01\x00\x01\x00 and more"s, "a.png", Channels::kRgb), kData,
               "a.png: expected a PNG or JPEG picture, got a GIF");
  EXPECT_ERROR(decode_image("RIFF\x24\x00\x00\x00WEBPVP8 more"s, "a.png", Channels::kRgb), kData, "got a WebP picture");
  EXPECT_ERROR(decode_image("II*\0\x08\0\0\0\0\0\0\0"s, "a.png", Channels::kRgb), kData, "got a TIFF picture");
  EXPECT_ERROR(decode_image("", "a.png", Channels::kRgb), kData, "got an empty file");
}

// A file that ends too early never becomes a grey lower half.
TEST(Pictures, CutShortTheySaySo) {
  for (const auto* name :
       {"rgb16.png", "grey1-interlaced.png", "palette4.png", "baseline.jpg", "progressive.jpg", "cmyk.jpg", "turned6.jpg"}) {
    const auto whole = bytes_of(kFolder + name);
    EXPECT_NO_THROW(decode_image(whole, name, Channels::kRgb)) << name;
    for (const auto size : {whole.size() - 2, whole.size() - 13, whole.size() / 2, std::size_t{12}})
      EXPECT_ERROR(decode_image(whole.substr(0, size), name, Channels::kRgb), kData, name) << name << " of " << size;
  }
}

// Inks stored as luma and chroma, as programs for print do.
TEST(Pictures, InksAsLumaAndChroma) {
  const std::array<std::uint8_t, 4> inks{200, 100, 50, 220};  // inverted: 255 is none
  const auto image = decode_image(test::sample_ycck(24, 16, inks), "a.jpg", Channels::kRgb);
  EXPECT_EQ(image.width, 24);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) EXPECT_NEAR(image.pixels[i], inks[i % 3] * 220 / 255, 4);
}

TEST(Pictures, DamagedExifIsNoOrientation) {
  auto bytes = bytes_of(kFolder + "turned6.jpg");
  const auto at = bytes.find("Exif") + 6;
  const auto stored = read_image(kFolder + "turned1.jpg", Channels::kRgb);
  for (const auto offset : {std::size_t{0}, std::size_t{4}, std::size_t{8}}) {  // byte order, place of the directory, its size
    auto damaged = bytes;
    damaged[at + offset] = '\x7f';
    EXPECT_EQ(decode_image(damaged, "a", Channels::kRgb).height, offset == 8 ? 20 : stored.height) << offset;
  }
}

}  // namespace
}  // namespace attend
