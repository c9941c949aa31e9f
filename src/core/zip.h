#pragma once
// The records of a zip archive (APPNOTE 6.3), reduced to stored members.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attend {

struct ZipMember {
  std::string name;
  std::uint32_t crc = 0;
  std::uint64_t size = 0;    // bytes of the content
  std::uint64_t header = 0;  // where the local header stands
  std::uint64_t data = 0;    // where the content stands
};

/// CRC-32 of `bytes`, continued from `before`.
std::uint32_t crc_of(std::string_view bytes, std::uint32_t before = 0);

/// The local header, padded so that the content after it starts at a multiple of 64: a mapped array is then aligned.
std::string zip_local_header(const ZipMember& member);
/// The member's entry in the directory at the end.
std::string zip_directory_entry(const ZipMember& member);
/// What stands after the directory of `count` members that begins at byte `offset` and has `size` bytes.
std::string zip_end(std::uint64_t count, std::uint64_t offset, std::uint64_t size);

/// Parses the directory of a whole archive and checks every member's place; contents are not read. `who` begins every error.
std::vector<ZipMember> parse_zip(std::string_view bytes, const std::string& who);

/// One entry of the directory, which starts with its signature at `at`; moves `at` past it. A part of parse_zip.
ZipMember parse_zip_entry(std::string_view directory, std::size_t& at, const std::string& who);

}  // namespace attend
