#include "attend/data/idx.h"

#include <gtest/gtest.h>

#include "gzipped.h"
#include "support/expect_error.h"
#include "support/text_folder.h"

namespace attend {
namespace {

using test::TextFolder;

// Two pictures of 2 rows and 3 columns, and their labels, as the format's page has them.
const std::string kImages(
    "\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x03"
    "abcdefABCDEF",
    28);
const std::string kLabels("\0\0\x08\x01\0\0\0\x02\x07\x01", 10);

TEST(Idx, PlainFiles) {
  TextFolder folder;
  const auto set = read_idx(folder.write("i", kImages), folder.write("l", kLabels));
  EXPECT_EQ(set.images.count, 2u);
  EXPECT_EQ(set.images.height, 2u);
  EXPECT_EQ(set.images.width, 3u);
  const auto second = set.images.image(1);
  EXPECT_EQ(std::string(second.begin(), second.end()), "ABCDEF");
  EXPECT_EQ(set.labels, (std::vector<std::uint8_t>{7, 1}));
}

TEST(Idx, GzipFilesReadBack) {
  TextFolder folder;
  IdxImages images{300, 28, 28, {}};
  for (std::size_t i = 0; i < 300 * 784; ++i) images.pixels.push_back(static_cast<std::uint8_t>(i * i >> 4));
  const auto bytes = to_idx_gz(images);
  EXPECT_TRUE(bytes.starts_with("\x1f\x8b"));
  EXPECT_EQ(to_idx_gz(images), bytes);
  EXPECT_EQ(read_idx_images(folder.write("i.gz", bytes)).pixels, images.pixels);
  const std::vector<std::uint8_t> labels(300, 4);
  EXPECT_EQ(read_idx_labels(folder.write("l.gz", to_idx_gz(labels))), labels);
  for (const auto cut : {bytes.size() - 1, bytes.size() / 2, std::size_t{12}})
    EXPECT_ERROR(read_idx_images(folder.write("cut.gz", bytes.substr(0, cut))), kData, folder.path("cut.gz") + ": ");
  auto damaged = bytes;
  damaged[bytes.size() / 2] ^= 0x55;
  EXPECT_ERROR(read_idx_images(folder.write("bad.gz", damaged)), kData, folder.path("bad.gz") + ": ");
}

// gzip, pigz and split downloads leave several members, and tapes leave zeros behind.
TEST(Idx, GzipMembersBehindOneAnotherAreAllRead) {
  TextFolder folder;
  const auto expected = read_idx_images(folder.write("i", kImages)).pixels;
  for (const std::size_t cut : {std::size_t{3}, std::size_t{16}, std::size_t{20}, std::size_t{28}}) {
    const auto members = test::gzipped(kImages.substr(0, cut)) + test::gzipped(kImages.substr(cut));
    EXPECT_EQ(read_idx_images(folder.write("i.gz", members)).pixels, expected) << cut;
    EXPECT_EQ(read_idx_images(folder.write("i.gz", members + std::string(512, '\0'))).pixels, expected) << cut;
    EXPECT_ERROR(read_idx_images(folder.write("i.gz", members.substr(0, members.size() - 1))), kData, "i.gz: ");
    EXPECT_ERROR(read_idx_images(folder.write("i.gz", members + "more")), kData, "i.gz: ");
    EXPECT_ERROR(read_idx_images(folder.write("i.gz", members + test::gzipped("x"))), kData,
                 "the header says 12 bytes follow it, the file has more");
  }
}

TEST(Idx, SizesAreHeldAgainstTheFile) {
  TextFolder folder;
  const auto images = folder.write("i", kImages), labels = folder.write("l", kLabels);
  EXPECT_ERROR(read_idx_images(labels), kData, labels + ": expected magic number 2051 (images), got 2049 (a file of labels)");
  EXPECT_ERROR(read_idx_labels(images), kData, images + ": expected magic number 2049 (labels), got 2051 (a file of images)");
  EXPECT_ERROR(read_idx_images(folder.write("a", kImages.substr(0, 27))), kData, "the header says 12 bytes follow it, the file has 11");
  EXPECT_ERROR(read_idx_images(folder.write("a", kImages + "x")), kData, "the header says 12 bytes follow it, the file has more");
  EXPECT_ERROR(read_idx_images(folder.write("a", kImages.substr(0, 14))), kData, "ends inside its header");
  EXPECT_ERROR(read_idx_labels(folder.write("a", "")), kData, "ends inside its header");
  EXPECT_ERROR(read_idx_images(folder.write("a", std::string("\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16))), kData,
               "which cannot be");
  EXPECT_ERROR(read_idx(images, folder.write("a", std::string("\0\0\x08\x01\0\0\0\x01\x07", 9))), kData, "holds 2 images, yet");
  EXPECT_ERROR(read_idx_images(folder.path("none")), kFile, folder.path("none"));
  EXPECT_ERROR(read_idx_images(folder.path()), kFile, "directory");
}

}  // namespace
}  // namespace attend
