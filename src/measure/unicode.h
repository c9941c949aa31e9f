#pragma once
// Text as code points, with the character classes the text metrics are defined on.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attend::scoring {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;
};
/// The code point that begins at byte `at`. Throws kData for broken UTF-8: "<what>: broken UTF-8 at byte 7 ...".
CodePoint code_point_at(std::string_view utf8, std::size_t at, std::string_view what);
/// All of them; throws the same.
std::u32string code_points(std::string_view utf8, std::string_view what);
std::string to_utf8(std::u32string_view text);

/// White space as Python's str.split() has it: Unicode White_Space and the separators U+001C to U+001F.
bool is_white_space(char32_t c);
bool is_punctuation(char32_t c);  ///< category P
bool is_symbol(char32_t c);       ///< category S
bool is_number(char32_t c);       ///< category N

/// Chinese, Japanese and Korean characters: ideographs, kana, bopomofo, hangul, full-width letters and digits; no punctuation.
bool is_cjk(char32_t c);

/// Full lower-casing without language rules: one code point to one, but İ to i and a combining dot, and Σ to ς where it
/// ends a word.
std::u32string lower_case(std::u32string_view text);

/// Bytes [begin, end) of a text.
struct Stretch {
  std::uint32_t begin = 0, end = 0;
};
/// Extended grapheme clusters that are not white space, in order. Throws as code_point_at.
std::vector<Stretch> visible_graphemes(std::string_view utf8, std::string_view what);

/// The stretches between white space.
std::vector<std::u32string_view> split(std::u32string_view text);

}  // namespace attend::scoring
