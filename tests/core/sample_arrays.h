#pragma once
// Arrays and archives that the tests of both formats share.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "attend/core/archive.h"
#include "core/zip.h"
#include "support/temp_folder.h"

namespace attend {

using Tensors = std::vector<std::pair<std::string, ArrayView>>;

inline const std::vector<float> kFloats = {1.5f, -2.0f, 0.0f, 1e-30f, 3e30f, 0.1f};
inline const std::vector<std::int64_t> kLongs = {1, -2, std::int64_t{1} << 62};
inline const std::vector<std::uint8_t> kBytes = {0, 1, 255};

inline const Tensors kSample = {{"encoder.weight", {Dtype::kF32, {2, 3}, kFloats.data()}},
                                {"odd", {Dtype::kU8, {3}, kBytes.data()}},  // what follows is not aligned
                                {"steps", {Dtype::kI64, {3}, kLongs.data()}},
                                {"scalar", {Dtype::kF32, {}, kFloats.data()}},
                                {"none", {Dtype::kF32, {0, 5}, nullptr}},
                                {"我", {Dtype::kBF16, {2}, kFloats.data()}}};

inline std::string bytes_of(const ArrayView& view) {
  return view.bytes() == 0 ? std::string() : std::string(static_cast<const char*>(view.data), view.bytes());
}

inline void expect_same(const ArrayView& got, const ArrayView& expected) {
  EXPECT_EQ(name_of(got.dtype), name_of(expected.dtype));
  EXPECT_EQ(got.shape, expected.shape);
  EXPECT_EQ(got.bytes(), expected.bytes());
  EXPECT_EQ(bytes_of(got), bytes_of(expected));
}

/// A small archive as bytes: members a and b with their contents.
inline std::string small_archive() {
  std::string bytes, directory;
  for (const auto& [name, content] : {std::pair<std::string, std::string>{"a", "first"}, {"b", "second"}}) {
    const ZipMember member{name, crc_of(content), content.size(), bytes.size(), 0};
    bytes += zip_local_header(member) + content;
    directory += zip_directory_entry(member);
  }
  return bytes + directory + zip_end(2, bytes.size(), directory.size());
}

/// The archive with `value` put over what stands at `at` (from the end when negative).
template <class Number>
std::string patched(std::string bytes, std::ptrdiff_t at, Number value) {
  std::memcpy(bytes.data() + (at < 0 ? static_cast<std::ptrdiff_t>(bytes.size()) + at : at), &value, sizeof value);
  return bytes;
}

}  // namespace attend
