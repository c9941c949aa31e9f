// Changes to inputs, as disks, networks and attackers make them.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "attend/core/error.h"
#include "core/zip.h"
#include "fuzz.h"

namespace attend::fuzz {
namespace {

constexpr std::size_t kLongest = 1 << 16;

/// What means something to one reader or another.
constexpr std::array<std::string_view, 40> kWords = {"{",
                                                     "}",
                                                     "[",
                                                     "]",
                                                     ",",
                                                     ":",
                                                     "\"",
                                                     "\\u0000",
                                                     "1e999",
                                                     "-1",
                                                     "4294967295",
                                                     "18446744073709551615",
                                                     "0",
                                                     "null",
                                                     "true",
                                                     "&a ",
                                                     "*a",
                                                     "---\n",
                                                     "- ",
                                                     "? ",
                                                     "!!binary ",
                                                     "%YAML 1.2\n",
                                                     "\n",
                                                     "\t",
                                                     "\r\n",
                                                     " ",
                                                     "\xff",
                                                     "\xc3",
                                                     "\xcc\x88",
                                                     "\xe2\x80\xae",
                                                     "\xf0\x9f\x91\xa8\xe2\x80\x8d",
                                                     "\x1b[2J",
                                                     "\xe2\x96\x81",
                                                     "\xe1\x84\x80\xe1\x85\xa1",
                                                     "|||",
                                                     "0-0",
                                                     "1p2",
                                                     "<unk>",
                                                     "</s>",
                                                     "\xef\xbb\xbf"};

void change_once(std::string& bytes, RandomStream& random) {
  const auto at = random.below(bytes.size() + 1);
  const bool inside = at < bytes.size();
  switch (random.below(10)) {
    case 0:
      if (inside) bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
      break;
    case 1:
      if (inside) bytes[at] = static_cast<char>(random());
      break;
    case 2: bytes.resize(at); break;
    case 3:
      if (inside) bytes.insert(at, bytes.substr(random.below(bytes.size()), random.below(40)));
      break;
    case 4: bytes.erase(at, random.below(20)); break;
    case 5: {  // a number at its limits
      const std::uint64_t edges[] = {0,           1, 0x7f, 0x80, 0xffff, 0x7fffffff, 0xffffffff, ~std::uint64_t{0}, std::uint64_t{1} << 63,
                                     bytes.size()};
      const auto size = std::size_t{1} << random.below(4);
      if (at + size <= bytes.size()) std::memcpy(bytes.data() + at, &edges[random.below(std::size(edges))], size);
      break;
    }
    case 6:  // another digit
      for (auto i = at; i < bytes.size(); ++i)
        if (bytes[i] >= '0' && bytes[i] <= '9') {
          bytes[i] = "0123456789-,e.]"[random.below(15)];
          break;
        }
      break;
    case 7: {  // one thing many times
      const auto word = kWords[random.below(kWords.size())];
      std::string many;
      for (auto n = std::size_t{1} << random.below(12); n > 0 && many.size() < kLongest / 4; --n) many += word;
      bytes.insert(at, many);
      break;
    }
    default: bytes.insert(at, kWords[random.below(kWords.size())]);
  }
}

struct Member {
  std::string name, content;
};

std::string zip_of(const std::vector<Member>& members) {
  std::string bytes, directory;
  for (const auto& [name, content] : members) {
    const ZipMember member{name, crc_of(content), content.size(), bytes.size(), 0};
    bytes += zip_local_header(member) + content;
    directory += zip_directory_entry(member);
  }
  const auto offset = bytes.size();
  return bytes + directory + zip_end(members.size(), offset, directory.size());
}

}  // namespace

std::string mutated(std::string bytes, RandomStream& random) {
  for (auto n = 1 + random.below(4); n > 0; --n) change_once(bytes, random);
  if (bytes.size() > kLongest) bytes.resize(kLongest);
  return bytes;
}

std::string mutated_zip(const std::string& bytes, RandomStream& random) {
  if (random.below(10) == 0) return mutated(bytes, random);
  std::vector<Member> members;
  try {
    for (const auto& member : parse_zip(bytes, "")) members.push_back({member.name, bytes.substr(member.data, member.size)});
  } catch (const Error&) {
    return mutated(bytes, random);
  }
  if (members.empty()) return mutated(bytes, random);
  for (auto n = 1 + random.below(3); n > 0; --n) {
    auto& chosen = members[random.below(members.size())];
    switch (random.below(12)) {
      case 0: members.push_back({chosen.name + "x", chosen.content}); break;
      case 1: chosen.content = members[random.below(members.size())].content; break;
      default: change_once(chosen.content, random);
    }
  }
  return zip_of(members);
}

}  // namespace attend::fuzz
