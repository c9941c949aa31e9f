#include <gtest/gtest.h>

#include "attend/core/archive.h"
#include "attend/core/files.h"
#include "core/byte_order.h"
#include "core/safetensors.h"
#include "core/sample_arrays.h"
#include "support/expect_error.h"
#include "support/temp_folder.h"

namespace attend {
namespace {

TEST(Safetensors, RoundTrip) {
  const TempFolder folder;
  write_safetensors(folder / "x", kSample, {{"format", "attend"}, {"quote", "\"\n"}});
  const SafetensorsFile file(folder / "x");
  ASSERT_EQ(file.tensors().size(), kSample.size());
  for (std::size_t i = 0; i < kSample.size(); ++i) {
    EXPECT_EQ(file.tensors()[i].first, kSample[i].first);
    expect_same(file.tensors()[i].second, kSample[i].second);
    expect_same(file.at(kSample[i].first), kSample[i].second);
  }
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"format", "attend"}, {"quote", "\"\n"}}));
  EXPECT_TRUE(file.contains("odd"));
  EXPECT_FALSE(file.contains("__metadata__"));
  EXPECT_ERROR(file.at("stesp"), kUnknownName, "'stesp' is not known, did you mean 'steps'?");
  EXPECT_EQ(get<std::uint64_t>(read_file(folder / "x"), 0) % 8, 0u);
}

TEST(Safetensors, EmptyFileOfNoTensors) {
  const TempFolder folder;
  write_safetensors(folder / "x", {});
  EXPECT_TRUE(SafetensorsFile(folder / "x").tensors().empty());
}

TEST(Safetensors, WriterRefusesBadNames) {
  const TempFolder folder;
  const ArrayView one{Dtype::kF32, {1}, kFloats.data()};
  EXPECT_ERROR(write_safetensors(folder / "x", {{"a", one}, {"a", one}}), kValue, "tensor name 'a' is given twice");
  EXPECT_ERROR(write_safetensors(folder / "x", {{"__metadata__", one}}), kValue, "'__metadata__' is reserved");
  EXPECT_ERROR(write_safetensors(folder / "x", {{"\xff", one}}), kValue, "must be UTF-8");
  EXPECT_TRUE(folder.names().empty());
}

std::string safetensors_of(const std::string& header, std::size_t data) {
  std::string bytes;
  put(bytes, std::uint64_t{header.size()});
  return bytes + header + std::string(data, '\1');
}

TEST(Safetensors, EachMistakeIsNamed) {
  const auto parse = [](const std::string& header, std::size_t data) { parse_safetensors(safetensors_of(header, data), "x.safetensors"); };
  const auto one = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"w":{"dtype":")" + dtype + R"(","shape":[)" + shape + R"(],"data_offsets":[)" + offsets + "]}}";
  };
  EXPECT_NO_THROW(parse(one("F32", "2", "0,8") + "   ", 8));
  EXPECT_ERROR(parse_safetensors("1234567", "x.safetensors"), kData, "x.safetensors: 7 bytes are too few");
  EXPECT_ERROR(parse_safetensors(safetensors_of("{}", 0).substr(0, 9), "x"), kData, "claims a header of 2 bytes in a file of 9");
  EXPECT_ERROR(parse_safetensors(std::string(20, '\xff'), "x"), kData, "claims a header of 18446744073709551615 bytes");
  EXPECT_ERROR(parse("{\"w\":", 0), kData, "not JSON");
  EXPECT_ERROR(parse("[]", 0), kData, "no JSON object");
  EXPECT_ERROR(parse(R"({"w":3})", 0), kData, "tensor 'w' needs dtype, shape and data_offsets");
  EXPECT_ERROR(parse(one("F32", "2", "0"), 8), kData, "two data_offsets");
  EXPECT_ERROR(parse(one("F8_E4M3", "2", "0,2"), 2), kData, "tensor 'w' has dtype F8_E4M3");
  EXPECT_ERROR(parse(one("F32", "2", "0,12"), 8), kData, "claims bytes [0, 12) of 8");
  EXPECT_ERROR(parse(one("F32", "2", "8,0"), 8), kData, "claims bytes [8, 0) of 8");
  EXPECT_ERROR(parse(one("F32", "3", "0,8"), 8), kData, "tensor 'w' of F32 [3] does not fill its 8 bytes");
  EXPECT_ERROR(parse(one("F32", "4611686018427387904,4", "0,8"), 8), kData, "does not fill its 8 bytes");
  EXPECT_ERROR(parse(one("F32", "18446744073709551615", "0,8"), 8), kData, "has a size of 18446744073709551615");
  EXPECT_ERROR(parse(one("F32", "-2", "0,8"), 8), kData, "sizes must be whole numbers from 0, got -2");
  EXPECT_ERROR(parse(one("F32", "2.0", "0,8"), 8), kData, "sizes must be whole numbers from 0, got 2.0");
  EXPECT_ERROR(parse(one("F32", "2", "0,8"), 9), kData, "1 bytes after the last tensor belong to none");
  EXPECT_ERROR(parse(one("F32", "2", "4,12"), 12), kData, "leave a gap at byte 0");
  const std::string a = R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})",
                    b = R"("b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]})";
  EXPECT_ERROR(parse("{" + a + "," + b + "}", 7), kData, "overlap at byte 3");
  EXPECT_ERROR(parse("{" + a + "," + a + "}", 4), kData, "names 'a' twice");
  EXPECT_ERROR(parse(R"({"a":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 4), kData, "names 'dtype' twice");
  EXPECT_ERROR(parse(R"({"__metadata__":{"x":1}})", 0), kData, "must hold texts only, 'x' is none");
  EXPECT_ERROR(parse("{\"w\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}", 0), kData, "nests deeper");
}

}  // namespace
}  // namespace attend
