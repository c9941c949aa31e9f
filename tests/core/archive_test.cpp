#include "attend/core/archive.h"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "attend/core/files.h"
#include "attend/core/random.h"
#include "core/byte_order.h"
#include "core/npy.h"
#include "core/safetensors.h"
#include "core/zip.h"
#include "support/expect_error.h"
#include "support/temp_folder.h"

namespace attend {
namespace {

using Tensors = std::vector<std::pair<std::string, ArrayView>>;

void put_file(const std::string& path, const std::string& content) { std::ofstream(path, std::ios::binary) << content; }

const std::vector<float> kFloats = {1.5f, -2.0f, 0.0f, 1e-30f, 3e30f, 0.1f};
const std::vector<std::int64_t> kLongs = {1, -2, std::int64_t{1} << 62};
const std::vector<std::uint8_t> kBytes = {0, 1, 255};

const Tensors kSample = {{"encoder.weight", {Dtype::kF32, {2, 3}, kFloats.data()}},
                         {"odd", {Dtype::kU8, {3}, kBytes.data()}},  // what follows is not aligned
                         {"steps", {Dtype::kI64, {3}, kLongs.data()}},
                         {"scalar", {Dtype::kF32, {}, kFloats.data()}},
                         {"none", {Dtype::kF32, {0, 5}, nullptr}},
                         {"我", {Dtype::kBF16, {2}, kFloats.data()}}};

std::string bytes_of(const ArrayView& view) {
  return view.bytes() == 0 ? std::string() : std::string(static_cast<const char*>(view.data), view.bytes());
}

void expect_same(const ArrayView& got, const ArrayView& expected) {
  EXPECT_EQ(name_of(got.dtype), name_of(expected.dtype));
  EXPECT_EQ(got.shape, expected.shape);
  EXPECT_EQ(got.bytes(), expected.bytes());
  EXPECT_EQ(bytes_of(got), bytes_of(expected));
}

/// Adds up every byte, so that the address sanitizer sees each one read.
unsigned touch(std::string_view bytes) { return std::accumulate(bytes.begin(), bytes.end(), 0u); }

TEST(ArrayView, CountsWithoutOverflow) {
  EXPECT_EQ((ArrayView{Dtype::kF64, {2, 3}, nullptr}.bytes()), 48u);
  EXPECT_EQ((ArrayView{Dtype::kF64, {}, nullptr}.elements()), 1u);
  EXPECT_EQ((ArrayView{Dtype::kF64, {std::int64_t{1} << 62, 8, 0}, nullptr}.bytes()), 0u);
  EXPECT_ERROR((ArrayView{Dtype::kF64, {std::int64_t{1} << 32, std::int64_t{1} << 32}, nullptr}.bytes()), kValue,
               "more elements than memory");
  EXPECT_ERROR((ArrayView{Dtype::kF64, {std::int64_t{1} << 60}, nullptr}.bytes()), kValue, "more elements than memory");
  EXPECT_ERROR((ArrayView{Dtype::kF32, {-1}, nullptr}.bytes()), kValue, "expected sizes from 0, got [-1]");
}

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
  EXPECT_ERROR(parse("{\"w\":", 0), kData, "is not JSON");
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

/// A small archive as bytes: members a and b with their contents.
std::string small_archive() {
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

/// Damages a file the way disks, networks and attackers do.
std::string mutate(std::string bytes, RandomStream& random) {
  for (auto n = 1 + random.below(3); n > 0 && !bytes.empty(); --n) {
    const auto at = random.below(bytes.size());
    switch (random.below(8)) {
      case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8))); break;
      case 1: bytes[at] = static_cast<char>(random()); break;
      case 2: bytes.resize(at); break;
      case 3: bytes.insert(at, bytes.substr(random.below(bytes.size()), random.below(40))); break;
      case 4: bytes.erase(at, random.below(20)); break;
      case 5: bytes[at] = "\0\xff\x7f\x80"[random.below(4)]; break;
      case 6:  // a number at its limits
        if (at + 8 <= bytes.size()) {
          const std::uint64_t edge[] = {
              0, 1, 0xffff, 0xffffffff, ~std::uint64_t{0}, std::uint64_t{1} << 63, bytes.size(), bytes.size() - at};
          std::memcpy(bytes.data() + at, &edge[random.below(8)], std::size_t{1} << random.below(4));
        }
        break;
      default:  // another digit or sign in a text header
        for (auto i = at; i < bytes.size(); ++i)
          if (bytes[i] >= '0' && bytes[i] <= '9') {
            bytes[i] = "0123456789-,e.]"[random.below(15)];
            break;
          }
    }
  }
  return bytes;
}

/// Runs `parse` on 4,000 damaged versions; each must be read or refused with an Error. The bytes lie in memory of exactly their size.
template <class Parse>
void survive(const std::string& valid, std::uint64_t seed, Parse&& parse) {
  int read = 0, refused = 0;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    RandomStream random(random_key(seed, {i}));
    const auto damaged = mutate(valid, random);
    const std::vector<char> exact(damaged.begin(), damaged.end());
    try {
      parse(std::string_view(exact.data(), exact.size()));
      ++read;
    } catch (const Error& e) {
      ASSERT_EQ(static_cast<int>(e.kind()), static_cast<int>(ErrorKind::kData)) << e.what();
      ++refused;
    }
  }
  EXPECT_GT(read, 10);  // else the mutations would never pass the first check
  EXPECT_GT(refused, 1000);
}

TEST(HostileBytes, Safetensors) {
  const TempFolder folder;
  write_safetensors(folder / "x", kSample, {{"key", "value"}});
  unsigned sum = 0;
  survive(read_file(folder / "x"), 1, [&](std::string_view bytes) {
    for (const auto& [name, view] : parse_safetensors(bytes, "x").tensors) {
      if (view.bytes() == 0) continue;
      const std::string_view content(static_cast<const char*>(view.data), view.bytes());
      ASSERT_TRUE(content.data() >= bytes.data() && content.data() + content.size() <= bytes.data() + bytes.size());
      sum += touch(content);
    }
  });
  EXPECT_GT(sum, 0u);
}

TEST(HostileBytes, Zip) {
  unsigned sum = 0;
  survive(small_archive(), 2, [&](std::string_view bytes) {
    for (const auto& member : parse_zip(bytes, "x")) {
      ASSERT_LE(member.data, bytes.size());
      ASSERT_LE(member.size, bytes.size() - member.data);
      sum += touch(bytes.substr(member.data, member.size));
    }
  });
  EXPECT_GT(sum, 0u);
}

TEST(HostileBytes, Zip64) {
  // Entries whose sizes and places all stand in zip64 fields, and a zip64 end record.
  std::string bytes, directory;
  for (const std::string name : {"a", "b"}) {
    const ZipMember member{name, crc_of("content"), 7, bytes.size(), 0};
    auto entry = zip_directory_entry(member);
    for (const int at : {20, 24, 42}) entry = patched(entry, at, std::uint32_t{0xffffffff});
    entry = patched(entry, 30, std::uint16_t{28});
    put(entry, std::uint16_t{1});
    put(entry, std::uint16_t{24});
    for (const std::uint64_t value : {std::uint64_t{7}, std::uint64_t{7}, member.header}) put(entry, value);
    directory += entry;
    bytes += zip_local_header(member) + "content";
  }
  // The end of an archive with too many members, its counts corrected.
  auto end = zip_end(0xffff, bytes.size(), directory.size());
  end = patched(patched(end, 24, std::uint64_t{2}), 32, std::uint64_t{2});
  bytes += directory + end;
  const auto members = parse_zip(bytes, "x");
  ASSERT_EQ(members.size(), 2u);
  EXPECT_EQ(bytes.substr(members[1].data, members[1].size), "content");
  unsigned sum = 0;
  survive(bytes, 3, [&](std::string_view damaged) {
    for (const auto& member : parse_zip(damaged, "x")) sum += touch(damaged.substr(member.data, member.size));
  });
  EXPECT_GT(sum, 0u);
}

TEST(HostileBytes, Npy) {
  unsigned sum = 0;
  const ArrayView array{Dtype::kF32, {2, 3}, kFloats.data()};
  survive(npy_header(array, "x") + bytes_of(array), 4, [&](std::string_view bytes) {
    const auto view = parse_npy(bytes, "x");
    sum += touch({static_cast<const char*>(view.data), view.bytes()});
  });
  EXPECT_GT(sum, 0u);
}

TEST(HostileBytes, FilesOnDisk) {
  const TempFolder folder;
  {
    ArchiveWriter writer(folder / "archive");
    writer.add("record.json", "{}");
    for (const auto& [name, view] : kSample)
      if (view.dtype != Dtype::kBF16) writer.add_array(name, view);
    writer.close();
  }
  const auto valid = read_file(folder / "archive");
  for (std::uint64_t i = 0; i < 1000; ++i) {
    RandomStream random(random_key(5, {i}));
    std::filesystem::remove(folder / "x");  // some file systems wait for the disk when a file is overwritten
    put_file(folder / "x", mutate(valid, random));
    try {
      const ArchiveFile file(folder / "x");
      for (const auto& name : file.names()) {
        const auto content = file.bytes(name);
        if (name.size() <= 4 || !name.ends_with(".npy")) continue;
        EXPECT_LE(file.array(name.substr(0, name.size() - 4)).bytes(), content.size());
      }
    } catch (const Error& e) {
      ASSERT_EQ(static_cast<int>(e.kind()), static_cast<int>(ErrorKind::kData)) << e.what();
    }
  }
}

}  // namespace
}  // namespace attend
