#pragma once
// Where words begin and end, and which gaps between them are spaces: the rules behind the `words` tokenizer.
#include <cstdint>
#include <string_view>
#include <vector>

namespace attend {

/// How a token stands among its neighbours when nothing is marked.
struct Manner {
  bool word = true;          ///< letters or digits, as opposed to punctuation and symbols
  bool glued_left = false;   ///< no space before it: "," ")" "'s" and Chinese characters
  bool glued_right = false;  ///< no space behind it: "(" "$" and Chinese characters
};

/// One token's bytes [begin, end) of the line, and whether white space stands before it.
struct WordCut {
  std::uint32_t begin = 0, end = 0;
  std::uint32_t word = 0;  ///< words end at white space
  Manner manner;
  bool space_before = false;
};

/// Cuts a line whose white space is U+0020. Runs of letters, marks and digits are words, with apostrophes between letters and
/// with . , : between digits ("3.50"); an English ending 's 'm 're 've 'll 'd or n't is a token of its own; each Chinese or
/// Japanese character is one too; so is each other character (grapheme cluster), where the same one repeated stays together ("...").
void cut_words(std::string_view line, std::vector<WordCut>& cuts);

/// The manner of a token by its bytes alone, the same as cut_words gives it.
Manner manner_of(std::string_view token);

/// Whether two tokens stand together without a space when nothing is marked.
inline bool glued_by_default(const Manner& left, const Manner& right) { return left.glued_right || right.glued_left; }

}  // namespace attend
