// Shapes and digits, read back and looked at.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <set>

#include "attend/data/captions.h"
#include "attend/data/idx.h"
#include "attend/data/image.h"
#include "generated_folder.h"

namespace attend {
namespace {

using test::GeneratedFolder;
using test::words_of;

/// The words "small red circle" that stand in a caption, in order.
std::vector<std::string> shapes_in(const std::string& caption) {
  const auto words = words_of(caption);
  std::vector<std::string> shapes;
  for (std::size_t i = 0; i + 2 < words.size(); ++i)
    if (words[i] == "small" || words[i] == "large") shapes.push_back(words[i] + " " + words[i + 1] + " " + words[i + 2]);
  return shapes;
}

/// What is not paper: how many pixels, where their middle is, and the colour there.
struct Blob {
  double pixels = 0, x = 0, y = 0;
  std::array<double, 3> rgb{};
};
Blob blob_of(const Image& image) {
  Blob blob;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const auto* pixel = image.pixels.data() + 3 * (y * image.width + x);
      if (std::abs(pixel[0] - image.pixels[0]) + std::abs(pixel[1] - image.pixels[1]) + std::abs(pixel[2] - image.pixels[2]) < 150)
        continue;
      blob.pixels += 1;
      blob.x += x + 0.5;
      blob.y += y + 0.5;
    }
  }
  blob.x /= blob.pixels;
  blob.y /= blob.pixels;
  const auto middle = static_cast<std::size_t>(3 * (static_cast<int>(blob.y) * image.width + static_cast<int>(blob.x)));
  for (std::size_t c = 0; c < 3; ++c) blob.rgb[c] = image.pixels[middle + c];
  return blob;
}

TEST(Shapes, CaptionsSayWhatIsDrawn) {
  const std::map<std::string, std::array<double, 3>> colours{{"red", {220, 40, 40}},     {"green", {40, 160, 60}},
                                                             {"blue", {50, 80, 220}},    {"yellow", {235, 215, 50}},
                                                             {"purple", {140, 50, 170}}, {"orange", {245, 140, 30}}};
  const GeneratedFolder folder(generate_shapes(1));
  const ImageStore store(folder.path("images"));
  const std::map<std::string, std::size_t> sizes{{"train", 4000}, {"dev", 200}, {"test", 300}};
  std::map<std::string, std::set<std::string>> known;
  for (const auto& [part, size] : sizes) {
    const auto images = read_captions(folder.path("captions.txt"), folder.path(part + ".txt"));
    ASSERT_EQ(images.size(), size);
    store.check_holds(images);
    for (const auto& image : images) {
      ASSERT_EQ(image.captions.size(), 5u);
      const auto shapes = shapes_in(image.captions[0]);
      for (const auto& caption : image.captions) {
        auto mentioned = shapes_in(caption), sorted = shapes;
        std::sort(mentioned.begin(), mentioned.end());
        std::sort(sorted.begin(), sorted.end());
        EXPECT_EQ(mentioned, sorted) << caption;
        EXPECT_TRUE(caption.ends_with(" ."));
      }
      known[part].insert(shapes.begin(), shapes.end());
      const auto picture = decode_image(store.bytes(image.name), image.name, Channels::kRgb);
      ASSERT_EQ(picture.width, 32);
      ASSERT_EQ(picture.height, 32);
      if (shapes.size() != 1) continue;
      const auto& caption = image.captions[0];
      const auto has = [&](const char* word) { return caption.find(word) != std::string::npos; };
      const auto blob = blob_of(picture);
      const double shape = has("triangle") ? 1.88 : 3.1;  // its surface, times the radius squared
      EXPECT_EQ(blob.pixels > 27 * shape, has("large")) << caption << ' ' << blob.pixels;
      EXPECT_NEAR(blob.x, has("left") ? 8 : has("right") ? 24 : 16, 3) << caption;
      EXPECT_NEAR(blob.y, has("top") ? 8 : has("bottom") ? 24 : 16, 4) << caption;  // a triangle's middle lies low
      const auto distance = [&](const std::array<double, 3>& rgb) {
        return std::hypot(rgb[0] - blob.rgb[0], rgb[1] - blob.rgb[1], rgb[2] - blob.rgb[2]);
      };
      const auto nearest = std::min_element(colours.begin(), colours.end(),
                                            [&](const auto& a, const auto& b) { return distance(a.second) < distance(b.second); });
      EXPECT_EQ(nearest->first, words_of(shapes[0])[1]) << caption;
    }
  }
  for (const auto& [part, shapes] : known) EXPECT_EQ(shapes.size(), 36u) << part;  // three kinds, six colours, two sizes
}

TEST(Digits, LookLikeThemselves) {
  const GeneratedFolder folder(generate_digits(1));
  const auto train = read_idx(folder.path("train-images-idx3-ubyte.gz"), folder.path("train-labels-idx1-ubyte.gz"));
  const auto test = read_idx(folder.path("t10k-images-idx3-ubyte.gz"), folder.path("t10k-labels-idx1-ubyte.gz"));
  ASSERT_EQ(train.images.count, 5000u);
  ASSERT_EQ(test.images.count, 1000u);
  EXPECT_EQ(train.images.height, 28u);
  EXPECT_EQ(train.images.width, 28u);
  for (int digit = 0; digit < 10; ++digit) {
    EXPECT_EQ(std::count(train.labels.begin(), train.labels.end(), digit), 500);
    EXPECT_EQ(std::count(test.labels.begin(), test.labels.end(), digit), 100);
  }
  // The nearest mean picture is right for most: drawn digits are alike, and not the same.
  std::array<std::array<double, 784>, 10> means{};
  for (std::size_t i = 0; i < 5000; ++i)
    for (std::size_t p = 0; p < 784; ++p) means[train.labels[i]][p] += train.images.image(i)[p] / 500.0;
  int right = 0;
  std::set<std::vector<std::uint8_t>> different;
  for (std::size_t i = 0; i < 1000; ++i) {
    const auto image = test.images.image(i);
    different.insert({image.begin(), image.end()});
    std::array<double, 10> distances{};
    for (std::size_t d = 0; d < 10; ++d)
      for (std::size_t p = 0; p < 784; ++p) distances[d] += (means[d][p] - image[p]) * (means[d][p] - image[p]);
    right += std::min_element(distances.begin(), distances.end()) - distances.begin() == test.labels[i];
    double edge = 0;
    for (std::size_t p = 0; p < 28; ++p) edge += image[p] + image[756 + p];
    EXPECT_EQ(edge, 0) << i;  // nothing is cut off above or below
  }
  EXPECT_GT(right, 700);
  EXPECT_LT(right, 990);
  EXPECT_EQ(different.size(), 1000u);
}

TEST(Pictures, SeedsDecide) {
  EXPECT_TRUE(test::same_files(generate_shapes(1), generate_shapes(1)));
  EXPECT_FALSE(test::same_files(generate_shapes(1), generate_shapes(2)));
  EXPECT_TRUE(test::same_files(generate_digits(1), generate_digits(1)));
  EXPECT_FALSE(test::same_files(generate_digits(1), generate_digits(2)));
}

}  // namespace
}  // namespace attend
