#pragma once
// The idx format of the MNIST files (LeCun, Cortes & Burges 1998), plain or gzip: big-endian header, then bytes.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace attend {

struct IdxImages {
  std::uint32_t count = 0, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  ///< [count, height, width], 0 background
  std::span<const std::uint8_t> image(std::size_t i) const;
};

/// Magic number 2051. Throws kData naming the file: another magic number (a file of labels is called that), sizes that the file's
/// bytes do not fit, damaged gzip. kFile for what cannot be read.
IdxImages read_idx_images(const std::string& path);
/// Magic number 2049; as above.
std::vector<std::uint8_t> read_idx_labels(const std::string& path);

struct IdxSet {
  IdxImages images;
  std::vector<std::uint8_t> labels;
};
/// Both files of a set; unequal counts are an error (kData).
IdxSet read_idx(const std::string& images, const std::string& labels);

/// The bytes of a gzip file that read_idx_images or read_idx_labels reads back. The same images give the same bytes with the same
/// version of zlib.
std::string to_idx_gz(const IdxImages& images);
std::string to_idx_gz(const std::vector<std::uint8_t>& labels);

}  // namespace attend
