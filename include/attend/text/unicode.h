#pragma once
// UTF-8 and Unicode as tokenizers need them: validation, one normal form, and the way back to the text as given.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace attend {

/// Position of the first byte that is not well-formed UTF-8 (overlong forms, surrogates and values above U+10FFFF
/// included), or `std::string_view::npos`. ASCII is read eight bytes at a time.
std::size_t first_broken_byte(std::string_view text);
/// The same, or the first NUL, which no text holds; and what is wrong with the byte there, for messages.
std::size_t first_wrong_byte(std::string_view text);
std::string describe_wrong_byte(std::string_view text, std::size_t at);
/// Throws kData when a file called `name` that begins with these bytes is no text in UTF-8: UTF-16, a packed file, a picture, ...; where
/// `lines` are expected, also a text of another form (a page of HTML, the vocabulary of another program).
void check_is_text(std::string_view begin, const std::string& name, bool lines);
/// Throws kData when all of a file's text, which has no line feed, holds carriage returns: lines of old Macs.
void check_line_ends(std::string_view only_line, const std::string& name);

/// The character at `at`, which moves behind it. `text` must be valid UTF-8 and `at` the start of a character.
char32_t next_character(std::string_view text, std::size_t& at);
void append_utf8(std::string& text, char32_t character);

/// Unicode property White_Space.
bool is_white_space(char32_t character);
/// Unicode property Default_Ignorable_Code_Point: zero-width spaces and joiners, U+FEFF, direction marks, variation selectors, fillers.
bool is_ignorable(char32_t character);
/// True when `text` (valid UTF-8) shows nothing: white space and ignorable characters alone.
bool is_blank(std::string_view text);
/// Scripts written without spaces between words: Chinese, Japanese, Thai, Lao, Myanmar, Khmer, Tibetan.
bool is_unspaced(char32_t character);

/// Ends of the extended grapheme clusters of `text` (valid UTF-8), in bytes, ascending; the last one is the text's size.
std::vector<std::uint32_t> grapheme_ends(std::string_view text);
/// The first 40 clusters of `line` (valid UTF-8), for messages; "..." follows when there are more.
std::string beginning(std::string_view line);

/// What `normalise` does beside NFC, in this order.
struct Normalisation {
  bool fold_width = false;    ///< U+FF01 to U+FF5E become ASCII, U+3000 a space
  bool lowercase = false;     ///< simple lower case of every character; the result is brought to NFC again
  bool plain_spaces = false;  ///< every White_Space character becomes U+0020, and U+0000 becomes U+FFFD
};

/// Normalised text with a map to the original. Where NFC rewrote a grapheme cluster ("e" and U+0301 to "é"), each byte of
/// the result stands for the whole cluster; elsewhere for its own character. Threads may share one: its members only read.
class NormalText {
 public:
  const std::string& bytes() const { return bytes_; }
  /// Original bytes [begin, end) of the normalised bytes [begin, end), which must lie on character borders.
  std::pair<std::uint32_t, std::uint32_t> original(std::uint32_t begin, std::uint32_t end) const;

 private:
  friend class NormalTextBuilder;
  std::string bytes_;
  std::vector<std::uint32_t> begins_, ends_;  // one a byte; both empty when every offset is unchanged
  std::uint32_t original_size_ = 0;
};

/// Throws kData naming the byte when `text` is not UTF-8, or when it has 4 GiB or more.
NormalText normalise(std::string_view text, const Normalisation& how = {});

/// Text as measures compare it: NFC, every run of white space one U+0020, none at either end. Tokenizers give back no other form, so
/// a reference in another one could never be met. Throws as normalise.
std::string comparable(std::string_view text);

}  // namespace attend
