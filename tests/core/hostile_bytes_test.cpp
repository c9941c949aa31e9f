// Readers fed with damaged files: each is read or refused with an Error, and no byte outside it is touched.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <numeric>

#include "attend/core/archive.h"
#include "attend/core/files.h"
#include "attend/core/random.h"
#include "core/byte_order.h"
#include "core/npy.h"
#include "core/safetensors.h"
#include "core/sample_arrays.h"
#include "core/zip.h"
#include "support/expect_error.h"
#include "support/temp_folder.h"

namespace attend {
namespace {

/// Adds up every byte, so that the address sanitizer sees each one read.
unsigned touch(std::string_view bytes) { return std::accumulate(bytes.begin(), bytes.end(), 0u); }

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
