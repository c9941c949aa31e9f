#include "measure/bleu_tokens.h"

#include <algorithm>

#include "attend/core/error.h"
#include "attend/measure/bleu.h"
#include "measure/unicode.h"

namespace attend::scoring {
namespace {

bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool is_period_or_comma(char32_t c) { return c == U'.' || c == U','; }

/// ASCII signs that always stand alone: all but ' , - .
bool is_plain_sign(char32_t c) {
  return (c >= U' ' && c <= U'&') || (c >= U'(' && c <= U'+') || c == U'/' || (c >= U':' && c <= U'@') || (c >= U'[' && c <= U'`') ||
         (c >= U'{' && c <= U'~');
}

template <class Test>
std::u32string set_apart(std::u32string_view text, Test alone) {
  std::u32string out;
  for (const char32_t c : text) {
    if (alone(c)) {
      out += U' ';
      out += c;
      out += U' ';
    } else {
      out += c;
    }
  }
  return out;
}

enum class Apart { kSecond, kFirst };  // which character of a matching pair gets a blank on both sides

/// One left-to-right pass over pairs of neighbours that do not overlap, as a regular-expression substitution works: after
/// a match the scan goes on behind the pair. Overlapping pairs would give other tokens ("...", "1.,2").
template <class First, class Second>
std::u32string separate_pairs(std::u32string_view text, First first, Second second, Apart apart) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i + 1 < text.size() && first(text[i]) && second(text[i + 1])) {
      if (apart == Apart::kFirst) out += U' ';
      out += text[i++];
      out += U' ';
      out += text[i];
      if (apart == Apart::kSecond) out += U' ';
    } else {
      out += text[i];
    }
  }
  return out;
}

/// The part of mteval-v13a for Western languages, shared by 13a and zh.
std::u32string separate_western(std::u32string_view text) {
  const auto no_digit = [](char32_t c) { return !is_digit(c); };
  const auto dash = [](char32_t c) { return c == U'-'; };
  std::u32string out = set_apart(text, is_plain_sign);
  out = separate_pairs(out, no_digit, is_period_or_comma, Apart::kSecond);
  out = separate_pairs(out, is_period_or_comma, no_digit, Apart::kFirst);
  return separate_pairs(out, is_digit, dash, Apart::kSecond);
}

void replace_all(std::u32string& text, std::u32string_view from, std::u32string_view to) {
  for (std::size_t at = text.find(from); at != std::u32string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::u32string separate_13a(std::u32string text) {
  replace_all(text, U"<skipped>", U"");
  replace_all(text, U"-\n", U"");
  replace_all(text, U"\n", U" ");
  // In this order: "&amp;lt;" ends as "<".
  replace_all(text, U"&quot;", U"\"");
  replace_all(text, U"&amp;", U"&");
  replace_all(text, U"&lt;", U"<");
  replace_all(text, U"&gt;", U">");
  return separate_western(U' ' + text + U' ');
}

/// What sacreBLEU's zh tokenizer splits off. Its table gives two five-digit ranges (extension B of the ideographs) as
/// four-digit escapes followed by a digit; what they cover is U+2001 to U+2A6D and U+2F81 to U+2FA1: curly quotes, dashes,
/// arrows and currency signs stand alone, ideographs beyond U+FFFF do not. The figures depend on it, so it is kept.
bool is_chinese(char32_t c) {
  struct Range {
    char32_t first, last;
  };
  static constexpr Range kRanges[] = {{0x2001, 0x2A6D}, {0x2E80, 0x2EFF}, {0x2F00, 0x2FDF}, {0x2FF0, 0x303F},
                                      {0x3100, 0x312F}, {0x31A0, 0x31BF}, {0x31C0, 0x31EF}, {0x3200, 0x33FF},
                                      {0x3400, 0x4DB5}, {0x4E00, 0x9FBB}, {0xF900, 0xFA2D}, {0xFA30, 0xFA6A},
                                      {0xFA70, 0xFAD9}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE4F}, {0xFF00, 0xFFEF}};
  for (const Range& range : kRanges)
    if (c >= range.first && c <= range.last) return true;
  return false;
}

std::u32string separate_intl(std::u32string_view text) {
  const auto no_number = [](char32_t c) { return !is_number(c); };
  std::u32string out = separate_pairs(text, no_number, is_punctuation, Apart::kSecond);
  out = separate_pairs(out, is_punctuation, no_number, Apart::kFirst);
  return set_apart(out, is_symbol);
}

}  // namespace

const std::vector<std::string>& bleu_tokenizer_names() {
  static const std::vector<std::string> names{"13a", "zh", "char", "intl", "none"};  // in the order of BleuTokenizer
  return names;
}

BleuTokenizer find_bleu_tokenizer(const std::string& name) {
  const auto& names = bleu_tokenizer_names();
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<BleuTokenizer>(i);
  fail_unknown_name("bleu tokenizer", name, names);
}

std::u32string separate(BleuTokenizer tokenizer, std::u32string_view given, bool lowercase) {
  std::u32string text = lowercase ? lower_case(given) : std::u32string(given);
  while (!text.empty() && is_white_space(text.back())) text.pop_back();
  switch (tokenizer) {
    case BleuTokenizer::k13a: return separate_13a(std::move(text));
    case BleuTokenizer::kZh: {
      // Without a blank around the text, which 13a adds: a final "3." keeps its period here. Hence leading blanks must go too.
      const std::size_t first =
          static_cast<std::size_t>(std::find_if(text.begin(), text.end(), [](char32_t c) { return !is_white_space(c); }) - text.begin());
      return separate_western(set_apart(std::u32string_view(text).substr(first), is_chinese));
    }
    case BleuTokenizer::kChar: return set_apart(text, [](char32_t) { return true; });
    case BleuTokenizer::kIntl: return separate_intl(text);
    case BleuTokenizer::kNone: break;
  }
  return text;
}

}  // namespace attend::scoring

namespace attend {

std::vector<std::string> bleu_tokenizer_names() { return scoring::bleu_tokenizer_names(); }

std::vector<std::string> bleu_tokens(std::string_view text, const std::string& tokenizer, bool lowercase) {
  const auto separated = scoring::separate(scoring::find_bleu_tokenizer(tokenizer), scoring::code_points(text, "bleu"), lowercase);
  std::vector<std::string> tokens;
  for (const auto word : scoring::split(separated)) tokens.push_back(scoring::to_utf8(word));
  return tokens;
}

}  // namespace attend
