#include "attend/core/archive.h"

#include <gtest/gtest.h>

#include "attend/core/files.h"
#include "core/byte_order.h"
#include "core/npy.h"
#include "core/sample_arrays.h"
#include "core/zip.h"
#include "support/expect_error.h"
#include "support/temp_folder.h"

namespace attend {
namespace {

TEST(ArrayView, CountsWithoutOverflow) {
  EXPECT_EQ((ArrayView{Dtype::kF64, {2, 3}, nullptr}.bytes()), 48u);
  EXPECT_EQ((ArrayView{Dtype::kF64, {}, nullptr}.elements()), 1u);
  EXPECT_EQ((ArrayView{Dtype::kF64, {std::int64_t{1} << 62, 8, 0}, nullptr}.bytes()), 0u);
  EXPECT_ERROR((ArrayView{Dtype::kF64, {std::int64_t{1} << 32, std::int64_t{1} << 32}, nullptr}.bytes()), kValue,
               "more elements than memory");
  EXPECT_ERROR((ArrayView{Dtype::kF64, {std::int64_t{1} << 60}, nullptr}.bytes()), kValue, "more elements than memory");
  EXPECT_ERROR((ArrayView{Dtype::kF32, {-1}, nullptr}.bytes()), kValue, "expected sizes from 0, got [-1]");
}

TEST(Archive, RoundTrip) {
  const TempFolder folder;
  {
    ArchiveWriter writer(folder / "x.npz");
    writer.add("record.json", "{}");
    writer.add("empty", "");
    writer.add("日本/語", "deep");
    for (const auto& [name, view] : kSample)
      if (view.dtype != Dtype::kBF16) writer.add_array(name, view);
    EXPECT_EQ(folder.names().size(), 1u);
    EXPECT_NE(folder.names()[0], "x.npz");
    writer.close();
  }
  const ArchiveFile file(folder / "x.npz");
  EXPECT_EQ(file.bytes("record.json"), "{}");
  EXPECT_EQ(file.bytes("empty"), "");
  EXPECT_EQ(file.bytes("日本/語"), "deep");
  EXPECT_EQ(file.names().at(3), "encoder.weight.npy");
  EXPECT_TRUE(file.contains("odd.npy"));
  EXPECT_FALSE(file.contains("odd"));
  for (const auto& [name, view] : kSample) {
    if (view.dtype == Dtype::kBF16) continue;
    expect_same(file.array(name), view);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.array(name).data) % 64, 0u) << name;  // aligned in the map
  }
  EXPECT_ERROR(file.bytes("recrod.json"), kUnknownName, "'recrod.json' is not known, did you mean 'record.json'?");
  EXPECT_ERROR(file.array("steqs"), kUnknownName, "did you mean 'steps.npy'?");
  EXPECT_ERROR(file.array("record"), kUnknownName, "'record.npy' is not known");
}

TEST(Archive, SameMembersGiveSameBytes) {
  const TempFolder folder;
  for (const auto* name : {"a", "b"}) {
    ArchiveWriter writer(folder / name);
    writer.add("x", "content");
    writer.add_array("w", kSample[0].second);
    writer.close();
  }
  EXPECT_TRUE(read_file(folder / "a") == read_file(folder / "b"));
}

TEST(Archive, WithoutCloseNothingRemains) {
  const TempFolder folder;
  {
    ArchiveWriter writer(folder / "x");
    writer.add("x", "content");
  }
  EXPECT_TRUE(folder.names().empty());
}

TEST(Archive, WriterRefusesBadNamesAndBfloat16) {
  const TempFolder folder;
  ArchiveWriter writer(folder / "x");
  writer.add("a.npy", "");
  EXPECT_ERROR(writer.add("a.npy", ""), kValue, "member 'a.npy' is there already");
  EXPECT_ERROR(writer.add_array("a", kSample[0].second), kValue, "member 'a.npy' is there already");
  EXPECT_ERROR(writer.add("", ""), kValue, "1 to 65535 bytes, got 0");
  EXPECT_ERROR(writer.add(std::string(65'536, 'x'), ""), kValue, "1 to 65535 bytes, got 65536");
  EXPECT_ERROR(writer.add_array("b", kSample.back().second), kUnsupported, "array 'b': numpy has no bfloat16; convert to float32");
  writer.close();  // a refused member leaves the archive whole
  EXPECT_EQ(ArchiveFile(folder / "x").names(), std::vector<std::string>{"a.npy"});
}

TEST(Archive, ManyMembersUseZip64) {
  const TempFolder folder;
  constexpr int kMembers = 66'000;  // the plain end record counts to 65,534
  {
    ArchiveWriter writer(folder / "x");
    for (int i = 0; i < kMembers; ++i) writer.add(std::to_string(i), std::to_string(i * 7));
    writer.close();
  }
  const ArchiveFile file(folder / "x");
  EXPECT_EQ(file.names().size(), std::size_t{kMembers});
  EXPECT_EQ(file.bytes("65999"), std::to_string(65'999 * 7));
}

TEST(Zip, LargeSizesAndOffsetsUseZip64) {
  for (const std::uint64_t size : {std::uint64_t{0xfffffffe}, std::uint64_t{0xffffffff}, std::uint64_t{1} << 40}) {
    for (const std::uint64_t offset : {std::uint64_t{5}, std::uint64_t{0xffffffff}, std::uint64_t{1} << 41}) {
      const ZipMember member{"weights.npy", 0x12345678, size, offset, 0};
      const auto entry = zip_directory_entry(member);
      std::size_t at = 0;
      const auto parsed = parse_zip_entry(entry, at, "x.zip");
      EXPECT_EQ(at, entry.size());
      EXPECT_EQ(parsed.name, member.name);
      EXPECT_EQ(parsed.crc, member.crc);
      EXPECT_EQ(parsed.size, size);
      EXPECT_EQ(parsed.header, offset);
      const auto header = zip_local_header(member);
      EXPECT_EQ((offset + header.size()) % 64, 0u);
      EXPECT_EQ(header.size(), std::size_t{30} + get<std::uint16_t>(header, 26) + get<std::uint16_t>(header, 28));
      if (size >= 0xffffffff) {
        EXPECT_EQ(get<std::uint32_t>(header, 22), 0xffffffffu);
        EXPECT_EQ(get<std::uint16_t>(header, 30 + 11), 1);  // the zip64 field comes first
        EXPECT_EQ(get<std::uint64_t>(header, 30 + 11 + 4), size);
      } else {
        EXPECT_EQ(get<std::uint32_t>(header, 22), size);
      }
    }
  }
}

TEST(Zip, EachMistakeIsNamed) {
  const auto whole = small_archive();
  const auto parse = [](const std::string& bytes) { return parse_zip(bytes, "x.zip"); };
  ASSERT_EQ(parse(whole).size(), 2u);
  const auto entry = static_cast<std::ptrdiff_t>(whole.find("PK\1\2"));
  EXPECT_ERROR(parse("PK"), kData, "x.zip: 2 bytes are too few for a zip archive");
  EXPECT_ERROR(parse(whole.substr(0, whole.size() - 1)), kData, "has no zip directory");
  EXPECT_ERROR(parse(std::string(70'000, 'P')), kData, "has no zip directory");
  EXPECT_EQ(parse(patched(whole, -2, std::uint16_t{3}) + "abc").size(), 2u);  // a comment is allowed
  EXPECT_ERROR(parse(patched(whole, -18, std::uint16_t{1})), kData, "several disks");
  EXPECT_ERROR(parse(patched(whole, -12, std::uint16_t{3})), kData, "3 members) does not fit the file");
  EXPECT_ERROR(parse(patched(whole, entry, 'Q')), kData, "breaks off at its byte 0");
  EXPECT_ERROR(parse(patched(whole, entry + 28, std::uint16_t{999})), kData, "breaks off at its byte 0");
  EXPECT_ERROR(parse(patched(whole, -12, std::uint16_t{1})), kData, "holds more than its 1 members");
  EXPECT_ERROR(parse(patched(whole, -6, std::uint32_t{0x7fffffff})), kData, "zip directory (byte 2147483647");
  EXPECT_ERROR(parse(patched(whole, entry + 8, std::uint16_t{1})), kData, "member 'a' is encrypted");
  EXPECT_ERROR(parse(patched(whole, entry + 10, std::uint16_t{8})), kData, "member 'a' is compressed (method 8); store it instead");
  EXPECT_ERROR(parse(patched(whole, entry + 20, std::uint32_t{4})), kData, "member 'a' states two sizes, 4 and 5");
  EXPECT_ERROR(parse(patched(whole, entry + 42, std::uint32_t{1})), kData, "member 'a' is not at byte 1");
  EXPECT_ERROR(parse(patched(whole, entry + 46, 'b')), kData, "member 'b' has another name in its own header");
  EXPECT_ERROR(parse(patched(patched(whole, entry + 20, std::uint32_t{9999}), entry + 24, std::uint32_t{9999})), kData,
               "member 'a' of 9999 bytes reaches beyond the data");
  EXPECT_ERROR(parse(patched(patched(whole, entry + 20, std::uint32_t{50}), entry + 24, std::uint32_t{50})), kData,
               "members 'a' and 'b' overlap");
  EXPECT_ERROR(parse(patched(patched(whole, entry + 46, 'b'), 30, 'b')), kData, "two members are called 'b'");
}

TEST(Archive, BadChecksumIsFoundWhenTheMemberIsRead) {
  const TempFolder folder;
  auto bytes = small_archive();
  bytes[bytes.find("second")] ^= 1;
  put_file(folder / "x", bytes);
  const ArchiveFile file(folder / "x");
  EXPECT_EQ(file.bytes("a"), "first");
  EXPECT_ERROR(file.bytes("b"), kData, "member 'b' does not have its checksum");
  EXPECT_ERROR(file.bytes("b"), kData, "member 'b' does not have its checksum");
}

std::string npy_of(const std::string& dict, std::size_t data, char version = 1) {
  std::string bytes = std::string("\x93NUMPY") + version + '\0';
  if (version == 1) put(bytes, static_cast<std::uint16_t>(dict.size()));
  if (version != 1) put(bytes, static_cast<std::uint32_t>(dict.size()));
  return bytes + dict + std::string(data, '\1');
}

TEST(Npy, HeaderIsNumpys) {
  const ArrayView array{Dtype::kF32, {2, 3}, kFloats.data()};
  const auto header = npy_header(array, "x");
  EXPECT_EQ(header.size() % 64, 0u);
  EXPECT_EQ(header.substr(10, 59), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
  EXPECT_EQ(header.back(), '\n');
  expect_same(parse_npy(header + bytes_of(array), "x"), array);
}

TEST(Npy, ReadsOtherWritersForms) {
  const auto view = parse_npy(npy_of("{\"shape\":(2,),\"fortran_order\":True,\"descr\":\"<u1\"}\n", 2, 3), "x");
  EXPECT_EQ(view.shape, std::vector<std::int64_t>{2});
  EXPECT_EQ(name_of(view.dtype), "uint8");
  EXPECT_EQ(parse_npy(npy_of("{'descr':'|b1','fortran_order':False,'shape':()}", 1, 2), "x").elements(), 1u);
}

TEST(Npy, EachMistakeIsNamed) {
  const auto parse = [](const std::string& dict, std::size_t data) { parse_npy(npy_of(dict, data), "w"); };
  const auto dict = [](const std::string& descr, const std::string& fortran, const std::string& shape) {
    return "{'descr': " + descr + ", 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
  };
  EXPECT_NO_THROW(parse(dict("'<f4'", "False", "(2,)"), 8));
  EXPECT_ERROR(parse_npy("\x93NUMPX\1", "w"), kData, "w: is no .npy array");
  EXPECT_ERROR(parse_npy(npy_of("{}", 0, 4), "w"), kData, ".npy version 4 is not known");
  EXPECT_ERROR(parse_npy(npy_of(dict("'<f4'", "False", "(2,)"), 0).substr(0, 30), "w"), kData, "header is cut short");
  EXPECT_ERROR(parse(dict("'|O'", "False", "(2,)"), 8), kData, "w: holds pickled Python objects");
  EXPECT_ERROR(parse(dict("'>f4'", "False", "(2,)"), 8), kData, "w: holds big-endian numbers (>f4)");
  EXPECT_ERROR(parse(dict("'<c8'", "False", "(1,)"), 8), kData, "w: dtype '<c8' is not supported");
  EXPECT_ERROR(parse(dict("[('a', '<f4')]", "False", "(2,)"), 8), kData, "w: expected '\"' in the array's header");
  EXPECT_ERROR(parse(dict("'<f4'", "True", "(2, 1)"), 8), kData, "w: is in Fortran order");
  EXPECT_ERROR(parse(dict("'<f4'", "maybe", "(2,)"), 8), kData, "expected 'False'");
  EXPECT_ERROR(parse(dict("'<f4'", "False", "(3,)"), 8), kData, "w: float32 [3] does not fit its 8 bytes");
  EXPECT_ERROR(parse(dict("'<f4'", "False", "(-2,)"), 8), kData, "expected a shape");
  EXPECT_ERROR(parse(dict("'<f4'", "False", "(99999999999999999999,)"), 8), kData, "expected a shape");
  EXPECT_ERROR(parse(dict("'<f4'", "False", "(4294967296, 4294967296)"), 8), kData, "does not fit its 8 bytes");
  EXPECT_ERROR(parse("{'descr': '<f4', 'shape': (2,)}", 8), kData, "needs descr, fortran_order and shape");
  EXPECT_ERROR(parse("{'descr': '<f4', 'descr': '<f4'}", 8), kData, "unknown or given twice");
  EXPECT_ERROR(parse(dict("'<f4", "False", "(2,)"), 8), kData, "in the array's header");
  EXPECT_ERROR(parse(dict("'<f4'", "False", "(2,)") + "x", 8), kData, "needs descr, fortran_order and shape");
}

}  // namespace
}  // namespace attend
