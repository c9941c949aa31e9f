#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "attend/text/unicode.h"
#include "words.h"

namespace attend {
namespace {

enum class Sort : std::uint8_t { kSpace, kLetter, kDigit, kWide, kWidePunctuation, kOpening, kClosing, kOther };

bool is_wide_letter(char32_t c) {  // scripts written without spaces between words, one token a character
  return (c >= 0x3400 && c <= 0x9fff) || (c >= 0x3040 && c <= 0x30ff) || c == 0x3005 || c == 0x3007 || (c >= 0x31f0 && c <= 0x31ff) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff);
}

Sort sort_by_category(char32_t c) {
  if (is_wide_letter(c)) return Sort::kWide;
  if (c == 0x200c || c == 0x200d) return Sort::kLetter;  // joiners inside Persian and Indic words
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return Sort::kLetter;
    case UTF8PROC_CATEGORY_ND: return Sort::kDigit;
    default: break;
  }
  if ((c >= 0x3001 && c <= 0x303f) || (c >= 0xff01 && c <= 0xff65)) return Sort::kWidePunctuation;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_SC: return Sort::kOpening;
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PF: return Sort::kClosing;
    default: break;
  }
  const std::u32string_view closing = U",.?!;:%\u2026\u2030\u00bf\u00a1";
  if (closing.find(c) == closing.npos) return Sort::kOther;
  return c == 0xbf || c == 0xa1 ? Sort::kOpening : Sort::kClosing;  // the Spanish marks open
}

Sort sort_of(char32_t c) {
  static const auto ascii = [] {
    std::array<Sort, 128> table{};
    for (char32_t i = 0; i < 128; ++i) table[i] = i == ' ' ? Sort::kSpace : sort_by_category(i);
    return table;
  }();
  return c < 128 ? ascii[c] : sort_by_category(c);
}

Manner manner_of_sort(Sort sort) {
  switch (sort) {
    case Sort::kWide: return {true, true, true};
    case Sort::kWidePunctuation: return {false, true, true};
    case Sort::kOpening: return {false, false, true};
    case Sort::kClosing: return {false, true, false};
    case Sort::kOther: return {false, false, false};
    default: return {true, false, false};
  }
}

bool is_apostrophe(char32_t c) { return c == '\'' || c == 0x2019; }

// The end of a run of letters and digits that begins at `at`.
std::size_t word_end(std::string_view line, std::size_t at) {
  Sort before = Sort::kLetter;
  while (at < line.size()) {
    std::size_t behind = at;
    const char32_t c = next_character(line, behind);
    Sort sort = sort_of(c);
    if (sort != Sort::kLetter && sort != Sort::kDigit) {
      // A mark inside counts only between two of a kind: don't, 3.50, 10:30.
      const bool joins = (is_apostrophe(c) && before == Sort::kLetter) || ((c == '.' || c == ',' || c == ':') && before == Sort::kDigit);
      if (!joins || behind == line.size()) return at;
      std::size_t next = behind;
      sort = sort_of(next_character(line, next));
      if (sort != before) return at;
      behind = next;
    }
    before = sort;
    at = behind;
  }
  return at;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool ends_with(std::string_view word, std::string_view ending) {
  return word.size() >= ending.size() && std::equal(ending.begin(), ending.end(), word.end() - static_cast<std::ptrdiff_t>(ending.size()),
                                                    [](char e, char w) { return e == lower(w); });
}

// Bytes of the English ending of a word, 0 when it has none. The whole word may be the ending.
std::size_t ending_size(std::string_view word) {
  constexpr std::string_view kEndings[] = {"n't",      "n\u2019t", "'s",       "\u2019s", "'m",       "\u2019m", "'re",
                                           "\u2019re", "'ve",      "\u2019ve", "'ll",     "\u2019ll", "'d",      "\u2019d"};
  // Most words hold no apostrophe among their last bytes.
  const auto tail = word.substr(word.size() - std::min<std::size_t>(word.size(), 5));
  if (tail.find_first_of("'\x99") == tail.npos) return 0;
  for (const auto ending : kEndings) {
    if (ends_with(word, ending)) return ending.size();
  }
  return 0;
}

// The end of the symbol at `at`: its grapheme cluster (an emoji may have many characters), then the same again and again.
std::size_t symbol_end(std::string_view line, std::size_t at) {
  std::size_t behind = at;
  char32_t before = next_character(line, behind);
  utf8proc_int32_t state = 0;
  while (before >= 0x80 && behind < line.size()) {
    std::size_t next = behind;
    const char32_t c = next_character(line, next);
    if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(before), static_cast<utf8proc_int32_t>(c), &state)) break;
    before = c;
    behind = next;
  }
  const auto symbol = line.substr(at, behind - at);
  while (line.substr(behind, symbol.size()) == symbol) behind += symbol.size();
  return behind;
}

}  // namespace

void cut_words(std::string_view line, std::vector<WordCut>& cuts) {
  cuts.clear();
  bool space = false;
  std::uint32_t word = 0;
  const auto add = [&](std::size_t begin, std::size_t end, Manner manner) {
    if (space && !cuts.empty()) ++word;
    cuts.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), word, manner, space});
    space = false;
  };
  for (std::size_t at = 0; at < line.size();) {
    std::size_t behind = at;
    const Sort sort = sort_of(next_character(line, behind));
    if (sort == Sort::kSpace) {
      space = true;
    } else if (sort == Sort::kLetter || sort == Sort::kDigit) {
      behind = word_end(line, at);
      const std::size_t ending = ending_size(line.substr(at, behind - at));
      const std::size_t stem_end = behind - ending;
      if (stem_end > at) add(at, stem_end, manner_of_sort(sort));
      if (ending > 0) add(stem_end, behind, {true, true, false});
    } else {
      behind = sort == Sort::kWide ? behind : symbol_end(line, at);
      add(at, behind, manner_of_sort(sort));
    }
    at = behind;
  }
}

Manner manner_of(std::string_view token) {
  std::size_t at = 0;
  const Sort sort = sort_of(next_character(token, at));
  if (ending_size(token) == token.size()) return {true, true, false};
  return manner_of_sort(sort);
}

}  // namespace attend
