#include "attend/text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "attend/core/error.h"
#include "attend/text/sniff.h"

namespace attend {
namespace {

const utf8proc_uint8_t* as_bytes(const char* p) { return reinterpret_cast<const utf8proc_uint8_t*>(p); }

std::size_t ascii_length(std::string_view text, std::size_t from) {
  std::size_t i = from;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    if (word & 0x8080808080808080ULL) break;
  }
  while (i < text.size() && static_cast<unsigned char>(text[i]) < 0x80) ++i;
  return i - from;
}

// Characters that NFC neither changes nor joins to a neighbour: NFC_Quick_Check=Yes and combining class 0. The list covers
// most text in Latin, Greek, Cyrillic, Chinese and Japanese; what is outside it takes the slower road by clusters.
bool is_inert(char32_t c) {
  if (c < 0x300) return true;
  if (c < 0x370) return false;
  if (c < 0x530) return c != 0x374 && c != 0x37e && c != 0x387 && !(c >= 0x483 && c <= 0x487);
  if (c >= 0x2010 && c <= 0x205e) return true;
  if (c >= 0x3000 && c <= 0x30ff) return !(c >= 0x302a && c <= 0x302f) && c != 0x3099 && c != 0x309a;
  return (c >= 0x3400 && c <= 0x9fff) || (c >= 0xff01 && c <= 0xff9d);
}

char32_t transformed(char32_t c, const Normalisation& how) {
  if (how.fold_width) {
    if (c >= 0xff01 && c <= 0xff5e) c -= 0xff01 - 0x21;
    if (c == 0x3000) c = ' ';
  }
  if (how.lowercase) {
    if (c < 0x80) {
      if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
    } else {
      c = static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
    }
  }
  if (how.plain_spaces) {
    if (c == 0) return 0xfffd;
    if (is_white_space(c)) return ' ';
  }
  return c;
}

std::string transformed(std::string_view text, const Normalisation& how) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) append_utf8(out, transformed(next_character(text, at), how));
  return out;
}

std::string nfc(std::string_view text) {
  utf8proc_uint8_t* raw = nullptr;
  const auto size = utf8proc_map(as_bytes(text.data()), static_cast<utf8proc_ssize_t>(text.size()), &raw,
                                 static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  ATTEND_ASSERT(size >= 0);
  std::string out(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size));
  std::free(raw);
  return out;
}

}  // namespace

std::size_t first_broken_byte(std::string_view text) {
  for (std::size_t at = 0;;) {
    at += ascii_length(text, at);
    if (at == text.size()) return std::string_view::npos;
    utf8proc_int32_t c;
    const auto n = utf8proc_iterate(as_bytes(text.data() + at), static_cast<utf8proc_ssize_t>(text.size() - at), &c);
    if (n < 1) return at;
    at += static_cast<std::size_t>(n);
  }
}

char32_t next_character(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[at + i])); };
  const char32_t first = byte(0);
  const std::size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  char32_t c = n == 1 ? first : first & (0x7fU >> n);
  for (std::size_t i = 1; i < n; ++i) c = (c << 6) | (byte(i) & 0x3f);
  at += n;
  return c;
}

void append_utf8(std::string& text, char32_t character) {
  if (character < 0x80) {
    text.push_back(static_cast<char>(character));
    return;
  }
  utf8proc_uint8_t buffer[4];
  const auto n = utf8proc_encode_char(static_cast<utf8proc_int32_t>(character), buffer);
  text.append(reinterpret_cast<const char*>(buffer), static_cast<std::size_t>(n));
}

bool is_white_space(char32_t c) {
  if (c <= 0x20) return c == ' ' || (c >= 9 && c <= 13);
  if (c < 0x2000) return c == 0x85 || c == 0xa0 || c == 0x1680;
  return c <= 0x200a || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool is_ignorable(char32_t c) {
  if (c < 0x34f) return c == 0xad;
  if (c < 0x2000) {
    return c == 0x34f || c == 0x61c || c == 0x115f || c == 0x1160 || c == 0x17b4 || c == 0x17b5 || (c >= 0x180b && c <= 0x180f);
  }
  if (c < 0x2070) return (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) || c >= 0x2060;
  if (c < 0x10000) return c == 0x3164 || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff || c == 0xffa0 || (c >= 0xfff0 && c <= 0xfff8);
  return (c >= 0x1bca0 && c <= 0x1bca3) || (c >= 0x1d173 && c <= 0x1d17a) || (c >= 0xe0000 && c <= 0xe0fff);
}

bool is_blank(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto c = next_character(text, at);
    if (!is_white_space(c) && !is_ignorable(c)) return false;
  }
  return true;
}

bool is_unspaced(char32_t c) {
  return (c >= 0x2e80 && c <= 0x9fff) || (c >= 0xe00 && c <= 0xfff) || (c >= 0x1000 && c <= 0x109f) || (c >= 0x1780 && c <= 0x17ff) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff);
}

std::vector<std::uint32_t> grapheme_ends(std::string_view text) {
  std::vector<std::uint32_t> ends;
  if (text.empty()) return ends;
  ends.reserve(text.size() / 2 + 1);
  utf8proc_int32_t state = 0;
  std::size_t at = 0;
  char32_t before = next_character(text, at);
  while (at < text.size()) {
    const std::size_t start = at;
    const char32_t c = next_character(text, at);
    // Before CJK ideographs and between printable ASCII characters there is always a border; the state restarts behind it.
    const bool plain =
        (c >= 0x3400 && c <= 0x9fff && before >= 0x3001 && before <= 0x9fff) || (c >= 0x20 && c < 0x7f && before >= 0x20 && before < 0x7f);
    if (plain) state = 0;
    if (plain || utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(before), static_cast<utf8proc_int32_t>(c), &state)) {
      ends.push_back(static_cast<std::uint32_t>(start));
    }
    before = c;
  }
  ends.push_back(static_cast<std::uint32_t>(text.size()));
  return ends;
}

std::size_t first_wrong_byte(std::string_view line) { return std::min(first_broken_byte(line), line.find('\0')); }

std::string describe_wrong_byte(std::string_view line, std::size_t at) {
  const auto byte = static_cast<unsigned char>(line[at]);
  return byte == 0 ? fmt::format("byte {} is NUL, which no text holds", at + 1)
                   : fmt::format("byte {} is not UTF-8 (0x{:02X})", at + 1, byte);
}

void check_is_text(std::string_view begin, const std::string& name, bool lines) {
  ATTEND_CHECK(!begin.starts_with("\xff\xfe") && !begin.starts_with("\xfe\xff"), kData,
               "{}:1: this is UTF-16, expected UTF-8; convert it with iconv -f UTF-16 -t UTF-8", name);
  if (begin.starts_with("\xef\xbb\xbf")) begin.remove_prefix(3);
  const auto foreign = foreign_file(begin, lines);
  ATTEND_CHECK(foreign.empty(), kData, "{}: {}", name, foreign);
}

void check_line_ends(std::string_view only_line, const std::string& name) {
  const auto at = only_line.find('\r');
  ATTEND_CHECK(at == only_line.npos || at + 1 == only_line.size(), kData,
               "{}: its lines end in carriage returns alone, as old Macs wrote them; convert it with tr '\\r' '\\n'", name);
}

std::string beginning(std::string_view line) {
  constexpr std::size_t kShown = 40, kBytes = 512;
  std::size_t end = std::min(line.size(), kBytes);
  while (end < line.size() && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;  // not inside a character
  const auto ends = grapheme_ends(line.substr(0, end));
  if (ends.size() > kShown) end = ends[kShown - 1];
  return std::string(line.substr(0, end)) + (end < line.size() ? "..." : "");
}

std::pair<std::uint32_t, std::uint32_t> NormalText::original(std::uint32_t begin, std::uint32_t end) const {
  ATTEND_ASSERT(begin <= end && end <= bytes_.size());
  if (begins_.empty()) return {begin, end};
  const auto first = begin < begins_.size() ? begins_[begin] : original_size_;
  return {first, begin == end ? first : ends_[end - 1]};
}

/// Fills a NormalText; the map is written only from the first offset that differs.
class NormalTextBuilder {
 public:
  explicit NormalTextBuilder(std::string_view original) {
    text_.original_size_ = static_cast<std::uint32_t>(original.size());
    text_.bytes_.reserve(original.size());
  }
  // Adds `bytes`, all of which stand for the original [begin, end).
  void add(std::string_view bytes, std::size_t begin, std::size_t end) {
    if (!mapped_ && (begin != text_.bytes_.size() || bytes.size() != end - begin)) start_map();
    text_.bytes_.append(bytes);
    if (!mapped_) return;
    text_.begins_.insert(text_.begins_.end(), bytes.size(), static_cast<std::uint32_t>(begin));
    text_.ends_.insert(text_.ends_.end(), bytes.size(), static_cast<std::uint32_t>(end));
  }
  void add_characters(std::string_view text, std::size_t offset, const Normalisation& how) {
    std::string one;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t start = at;
      one.clear();
      append_utf8(one, transformed(next_character(text, at), how));
      add(one, offset + start, offset + at);
    }
  }
  NormalText take() { return std::move(text_); }

 private:
  void start_map() {
    mapped_ = true;
    for (std::uint32_t i = 0; i < text_.bytes_.size(); ++i) {
      text_.begins_.push_back(i);
      text_.ends_.push_back(i + 1);
    }
  }
  NormalText text_;
  bool mapped_ = false;
};

NormalText normalise(std::string_view text, const Normalisation& how) {
  ATTEND_CHECK(text.size() < std::numeric_limits<std::uint32_t>::max(), kData,
               "text: expected less than 4 GiB in one piece, got {} bytes; split it into lines", text.size());
  const std::size_t broken = first_broken_byte(text);
  ATTEND_CHECK(broken == std::string_view::npos, kData, "text: byte {} (0x{:02X}) is not UTF-8; convert the text with iconv", broken + 1,
               static_cast<unsigned char>(text[broken]));
  NormalTextBuilder builder(text);
  bool inert = true;
  for (std::size_t at = ascii_length(text, 0); inert && at < text.size();) inert = is_inert(next_character(text, at));
  if (inert) {
    builder.add_characters(text, 0, how);
    return builder.take();
  }
  // Canonical composition and reordering never cross the border of a grapheme cluster (UAX #29), so each is done by itself.
  std::size_t begin = 0;
  for (const std::size_t end : grapheme_ends(text)) {
    const auto cluster = text.substr(begin, end - begin);
    const auto composed = nfc(cluster);
    const auto wanted = transformed(composed, how);
    const auto stable = nfc(wanted);
    if (composed == cluster && stable == wanted) {
      builder.add_characters(cluster, begin, how);
    } else {
      builder.add(stable, begin, end);
    }
    begin = end;
  }
  return builder.take();
}

std::string comparable(std::string_view text) {
  const auto normal = normalise(text, {.plain_spaces = true});
  std::string out;
  for (const char c : normal.bytes())
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out.push_back(c);
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace attend
