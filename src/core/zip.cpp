#include "core/zip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <unordered_set>

#include "attend/core/error.h"
#include "core/byte_order.h"

namespace attend {
namespace {

constexpr std::uint32_t kLocal = 0x04034b50, kEntry = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr std::size_t kLocalSize = 30, kEntrySize = 46, kEndSize = 22, kEnd64Size = 56, kLocator64Size = 20;
constexpr std::uint32_t kIn64 = 0xffffffff;  // "see the zip64 record"
constexpr std::uint16_t kIn64Count = 0xffff;
constexpr std::uint16_t kExtra64 = 0x0001;       // zip64 sizes and offset
constexpr std::uint16_t kExtraPadding = 0xd935;  // alignment padding, as Android's zipalign marks it
constexpr std::uint16_t kUtf8Name = 0x0800, kEncrypted = 0x0001;
constexpr std::uint16_t kDate = 0x0021;  // 1 January 1980, the format's earliest: members carry no time
constexpr std::size_t kMemberAlignment = 64;

bool needs64(std::uint64_t value) { return value >= kIn64; }
std::uint32_t low32(std::uint64_t value) { return needs64(value) ? kIn64 : static_cast<std::uint32_t>(value); }
std::uint16_t version_for(bool zip64) { return zip64 ? 45 : 20; }

/// The fields that local header and directory entry share, from "version needed" to the length of the extra field.
void put_common(std::string& out, const ZipMember& member, bool zip64, std::size_t extra) {
  put(out, version_for(zip64));
  put(out, kUtf8Name);
  put(out, std::uint16_t{0});  // stored
  put(out, std::uint16_t{0});  // time
  put(out, kDate);
  put(out, member.crc);
  put(out, low32(member.size));
  put(out, low32(member.size));
  put(out, static_cast<std::uint16_t>(member.name.size()));
  put(out, static_cast<std::uint16_t>(extra));
}

struct Directory {
  std::uint64_t count, offset, size;
};

/// The end record stands last, followed only by a comment of the length it states.
std::size_t find_end(std::string_view bytes, const std::string& who) {
  ATTEND_CHECK(bytes.size() >= kEndSize, kData, "{}: {} bytes are too few for a zip archive; the file is cut short", who, bytes.size());
  const std::size_t last = bytes.size() - kEndSize;
  const std::size_t first = last - std::min<std::size_t>(last, 0xffff);
  for (std::size_t at = last + 1; at-- > first;)
    if (get<std::uint32_t>(bytes, at) == kEnd && at + kEndSize + get<std::uint16_t>(bytes, at + 20) == bytes.size()) return at;
  fail(ErrorKind::kData, "{}: has no zip directory; it is cut short or no zip archive", who);
}

Directory parse_end(std::string_view bytes, const std::string& who) {
  const auto end = find_end(bytes, who);
  Directory directory{get<std::uint16_t>(bytes, end + 10), get<std::uint32_t>(bytes, end + 16), get<std::uint32_t>(bytes, end + 12)};
  std::uint64_t limit = end;  // where the directory has to end
  ATTEND_CHECK(get<std::uint16_t>(bytes, end + 4) == 0 && get<std::uint16_t>(bytes, end + 6) == 0, kData,
               "{}: is one part of several disks; join the parts", who);
  if (end >= kLocator64Size && get<std::uint32_t>(bytes, end - kLocator64Size) == kLocator64) {
    const auto at = get<std::uint64_t>(bytes, end - kLocator64Size + 8);
    ATTEND_CHECK(end - kLocator64Size >= kEnd64Size && at <= end - kLocator64Size - kEnd64Size && get<std::uint32_t>(bytes, at) == kEnd64,
                 kData, "{}: the zip64 end record is not where the archive says; it is damaged", who);
    directory = {get<std::uint64_t>(bytes, at + 32), get<std::uint64_t>(bytes, at + 48), get<std::uint64_t>(bytes, at + 40)};
    limit = at;
  }
  ATTEND_CHECK(directory.offset <= limit && directory.size == limit - directory.offset && directory.count <= directory.size / kEntrySize,
               kData, "{}: the zip directory (byte {}, {} bytes, {} members) does not fit the file; it is damaged", who, directory.offset,
               directory.size, directory.count);
  return directory;
}

/// Replaces the values that stand in the zip64 extra field, in the format's order.
void parse_extra64(std::string_view extra, ZipMember& member, std::uint64_t& stored_size, const std::string& who) {
  while (extra.size() >= 4) {
    const auto id = get<std::uint16_t>(extra, 0);
    const std::size_t size = get<std::uint16_t>(extra, 2);
    ATTEND_CHECK(size <= extra.size() - 4, kData, "{}: an extra field of '{}' is longer than its room; the archive is damaged", who,
                 member.name);
    auto field = extra.substr(4, size);
    extra.remove_prefix(4 + size);
    if (id != kExtra64) continue;
    for (auto* value : {&member.size, &stored_size, &member.header}) {
      if (*value != kIn64) continue;
      ATTEND_CHECK(field.size() >= 8, kData, "{}: the zip64 field of '{}' is too short; the archive is damaged", who, member.name);
      *value = get<std::uint64_t>(field, 0);
      field.remove_prefix(8);
    }
    return;
  }
}

/// Follows the entry to its local header and from there to the content.
void locate(std::string_view bytes, std::uint64_t directory, ZipMember& member, const std::string& who) {
  ATTEND_CHECK(member.header <= directory && directory - member.header >= kLocalSize && get<std::uint32_t>(bytes, member.header) == kLocal,
               kData, "{}: member '{}' is not at byte {}, where the directory says; the archive is damaged", who, member.name,
               member.header);
  const std::size_t name = get<std::uint16_t>(bytes, member.header + 26), extra = get<std::uint16_t>(bytes, member.header + 28);
  const std::uint64_t room = directory - member.header - kLocalSize;
  ATTEND_CHECK(name + extra <= room && member.size <= room - name - extra, kData,
               "{}: member '{}' of {} bytes reaches beyond the data; the archive is cut short or damaged", who, member.name, member.size);
  ATTEND_CHECK(bytes.substr(member.header + kLocalSize, name) == member.name, kData,
               "{}: member '{}' has another name in its own header; the archive is damaged", who, member.name);
  member.data = member.header + kLocalSize + name + extra;
}

}  // namespace

std::uint32_t crc_of(std::string_view bytes, std::uint32_t before) {
  if (bytes.empty()) return before;  // zlib takes a null pointer as a wish to start anew
  return static_cast<std::uint32_t>(crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string zip_local_header(const ZipMember& member) {
  const bool zip64 = needs64(member.size);
  const std::size_t unpadded = kLocalSize + member.name.size() + (zip64 ? 20 : 0);
  std::size_t padding = (kMemberAlignment - (member.header + unpadded) % kMemberAlignment) % kMemberAlignment;
  if (padding > 0 && padding < 6) padding += kMemberAlignment;  // the padding field needs 6 bytes for itself
  std::string out;
  put(out, kLocal);
  put_common(out, member, zip64, (zip64 ? 20 : 0) + padding);
  out += member.name;
  if (zip64) {
    put(out, kExtra64);
    put(out, std::uint16_t{16});
    put(out, member.size);
    put(out, member.size);
  }
  if (padding > 0) {
    put(out, kExtraPadding);
    put(out, static_cast<std::uint16_t>(padding - 4));
    put(out, static_cast<std::uint16_t>(kMemberAlignment));
    out.append(padding - 6, '\0');
  }
  return out;
}

std::string zip_directory_entry(const ZipMember& member) {
  std::string fields;
  if (needs64(member.size)) {
    put(fields, member.size);
    put(fields, member.size);
  }
  if (needs64(member.header)) put(fields, member.header);
  const bool zip64 = !fields.empty();
  std::string out;
  put(out, kEntry);
  put(out, version_for(zip64));  // made by
  put_common(out, member, zip64, zip64 ? fields.size() + 4 : 0);
  put(out, std::uint16_t{0});  // comment
  put(out, std::uint16_t{0});  // disk
  put(out, std::uint16_t{0});  // internal attributes
  put(out, std::uint32_t{0});  // external attributes
  put(out, low32(member.header));
  out += member.name;
  if (zip64) {
    put(out, kExtra64);
    put(out, static_cast<std::uint16_t>(fields.size()));
    out += fields;
  }
  return out;
}

std::string zip_end(std::uint64_t count, std::uint64_t offset, std::uint64_t size) {
  const bool zip64 = count >= kIn64Count || needs64(offset) || needs64(size);
  std::string out;
  if (zip64) {
    put(out, kEnd64);
    put(out, std::uint64_t{kEnd64Size - 12});  // the rest of this record
    put(out, version_for(true));
    put(out, version_for(true));
    put(out, std::uint64_t{0});  // disks
    put(out, count);
    put(out, count);
    put(out, size);
    put(out, offset);
    put(out, kLocator64);
    put(out, std::uint32_t{0});
    put(out, offset + size);
    put(out, std::uint32_t{1});
  }
  const auto count16 = count >= kIn64Count ? kIn64Count : static_cast<std::uint16_t>(count);
  put(out, kEnd);
  put(out, std::uint32_t{0});  // disks
  put(out, count16);
  put(out, count16);
  put(out, low32(size));
  put(out, low32(offset));
  put(out, std::uint16_t{0});  // comment
  return out;
}

ZipMember parse_zip_entry(std::string_view directory, std::size_t& at, const std::string& who) {
  ATTEND_CHECK(directory.size() - at >= kEntrySize && get<std::uint32_t>(directory, at) == kEntry, kData,
               "{}: the zip directory breaks off at its byte {}; the archive is damaged", who, at);
  const auto flags = get<std::uint16_t>(directory, at + 8), method = get<std::uint16_t>(directory, at + 10);
  const std::size_t name = get<std::uint16_t>(directory, at + 28), extra = get<std::uint16_t>(directory, at + 30),
                    comment = get<std::uint16_t>(directory, at + 32);
  ATTEND_CHECK(name + extra + comment <= directory.size() - at - kEntrySize, kData,
               "{}: the zip directory breaks off at its byte {}; the archive is damaged", who, at);
  ZipMember member;
  member.name = directory.substr(at + kEntrySize, name);
  member.crc = get<std::uint32_t>(directory, at + 16);
  std::uint64_t stored_size = get<std::uint32_t>(directory, at + 20);
  member.size = get<std::uint32_t>(directory, at + 24);
  member.header = get<std::uint32_t>(directory, at + 42);
  ATTEND_CHECK(!(flags & kEncrypted), kData, "{}: member '{}' is encrypted; write it again without a password", who, member.name);
  ATTEND_CHECK(method == 0, kData, "{}: member '{}' is compressed (method {}); store it instead (numpy.savez, not savez_compressed)", who,
               member.name, method);
  parse_extra64(directory.substr(at + kEntrySize + name, extra), member, stored_size, who);
  ATTEND_CHECK(stored_size == member.size, kData, "{}: member '{}' states two sizes, {} and {}; the archive is damaged", who, member.name,
               stored_size, member.size);
  at += kEntrySize + name + extra + comment;
  return member;
}

std::vector<ZipMember> parse_zip(std::string_view bytes, const std::string& who) {
  const auto directory = parse_end(bytes, who);
  const auto entries = bytes.substr(directory.offset, directory.size);
  std::vector<ZipMember> members;
  std::unordered_set<std::string> names;
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < directory.count; ++i) {
    members.push_back(parse_zip_entry(entries, at, who));
    auto& member = members.back();
    ATTEND_CHECK(names.insert(member.name).second, kData, "{}: two members are called '{}'; the archive is damaged", who, member.name);
    locate(bytes, directory.offset, member, who);
  }
  ATTEND_CHECK(at == entries.size(), kData, "{}: the zip directory holds more than its {} members; the archive is damaged", who,
               directory.count);
  std::vector<const ZipMember*> by_place;
  for (const auto& member : members) by_place.push_back(&member);
  std::sort(by_place.begin(), by_place.end(), [](const auto* a, const auto* b) { return a->header < b->header; });
  for (std::size_t i = 1; i < by_place.size(); ++i)
    ATTEND_CHECK(by_place[i - 1]->data + by_place[i - 1]->size <= by_place[i]->header, kData,
                 "{}: members '{}' and '{}' overlap; the archive is damaged", who, by_place[i - 1]->name, by_place[i]->name);
  return members;
}

}  // namespace attend
