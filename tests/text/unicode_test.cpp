#include "attend/text/unicode.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "attend/core/error.h"

namespace attend {
namespace {

constexpr auto kSound = std::string_view::npos;

TEST(Utf8, FindsTheFirstBrokenByte) {
  EXPECT_EQ(first_broken_byte(""), kSound);
  EXPECT_EQ(first_broken_byte("plain text, longer than eight bytes"), kSound);
  EXPECT_EQ(first_broken_byte("naïve 你好 😀 \U0010ffff"), kSound);
  struct Case {
    std::string text;
    std::size_t at;
  };
  const std::vector<Case> cases = {
      {"caf\xe9", 3},            // Latin-1
      {"0123456789\x80", 10},    // a lone continuation byte behind the eight-byte path
      {"ab\xc0\xaf", 2},         // overlong
      {"\xed\xa0\x80", 0},       // surrogate
      {"x\xf4\x90\x80\x80", 1},  // above U+10FFFF
      {"你\xe5\xa5", 3},         // cut off
      {"\xff", 0},
  };
  for (const auto& [text, at] : cases) EXPECT_EQ(first_broken_byte(text), at) << testing::PrintToString(text);
}

TEST(Utf8, WhiteSpaceIsTheUnicodeProperty) {
  std::vector<char32_t> found;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (is_white_space(c)) found.push_back(c);
  }
  const std::vector<char32_t> expected = {9,      10,     11,     12,     13,     0x20,   0x85,   0xa0,   0x1680,
                                          0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008,
                                          0x2009, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000};
  EXPECT_EQ(found, expected);
  EXPECT_TRUE(is_blank(" \t\u3000\u00a0"));
}

// Default_Ignorable_Code_Point of the Unicode Character Database: what shows nothing, zero-width spaces and joiners and the rest.
TEST(Utf8, ALineThatShowsNothingIsBlank) {
  for (const char* nothing : {"\u200b", "\ufeff", "\u2060", " \u200d\u200e ", "\u00ad", "\u180e", "\u3164", "\ufe0f", "\U000e0001"})
    EXPECT_TRUE(is_blank(nothing)) << ::testing::PrintToString(nothing);
  for (const char* something : {"a\u200b", "\u200b\u0301", "\u0600", "\u2070", "\u2010", "\ufffd", "\uffa1"})
    EXPECT_FALSE(is_blank(something)) << ::testing::PrintToString(something);
  std::size_t ignorable = 0;
  for (char32_t c = 0; c < 0x110000; ++c) ignorable += is_ignorable(c) ? 1 : 0;
  EXPECT_EQ(ignorable, 4174U);  // the property's size in Unicode 15
}

TEST(Comparable, IsWhatATokenizerCanGiveBack) {
  EXPECT_EQ(comparable("cafe\u0301 \t cre\u0300me\u3000 "), "caf\u00e9 cr\u00e8me");
  EXPECT_EQ(comparable("\u00a0a  b"), "a b");
  EXPECT_EQ(comparable(" "), "");
  EXPECT_EQ(comparable("\uff21B"), "\uff21B");  // neither case nor width is touched
}

TEST(Graphemes, AreWhatAReaderSees) {
  const std::string family = "\U0001f468\u200d\U0001f469\u200d\U0001f467", flag = "\U0001f1e8\U0001f1f3", accented = "e\u0301";
  const std::string text = "a你" + family + flag + flag + accented + "\r\nb好";
  const std::vector<std::string> expected = {"a", "你", family, flag, flag, accented, "\r\n", "b", "好"};
  std::vector<std::string> clusters;
  std::size_t begin = 0;
  for (const auto end : grapheme_ends(text)) {
    clusters.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  EXPECT_EQ(clusters, expected);
  EXPECT_TRUE(grapheme_ends("").empty());
}

TEST(Beginning, IsOfFortyClustersAndSaysWhenThereAreMore) {
  const std::string accented = "e\u0301", forty(40, 'a');
  EXPECT_EQ(beginning(""), "");
  EXPECT_EQ(beginning("short, " + accented), "short, " + accented);
  EXPECT_EQ(beginning(forty), forty);
  EXPECT_EQ(beginning(forty + "b"), forty + "...");
  EXPECT_EQ(beginning(forty.substr(1) + accented), forty.substr(1) + accented);
  EXPECT_EQ(beginning(forty.substr(1) + accented + "b"), forty.substr(1) + accented + "...");
}

// One letter may carry as many marks as somebody likes.
TEST(Beginning, OfAClusterWithoutEndIsCutBetweenCharacters) {
  for (const std::string letter : {"a", "\u00e4"}) {  // marks of two bytes then begin at odd or at even bytes
    std::string line = letter;
    for (int i = 0; i < 1000; ++i) line += "\u0301";
    const auto shown = beginning(line);
    ASSERT_TRUE(shown.ends_with("..."));
    const auto kept = shown.substr(0, shown.size() - 3);
    EXPECT_TRUE(line.starts_with(kept));
    EXPECT_EQ(first_broken_byte(kept), kSound);
    EXPECT_GT(kept.size(), letter.size());
    EXPECT_LT(shown.size(), 600U);
  }
}

TEST(Normalise, LeavesNormalTextAlone) {
  for (const std::string text : {"", "plain", "naïve 你好，世界。「かが」 ￥", "Ελλάδα Привет"}) {
    const auto normal = normalise(text);
    EXPECT_EQ(normal.bytes(), text);
    EXPECT_EQ(normal.original(0, static_cast<std::uint32_t>(text.size())), std::make_pair(0U, static_cast<std::uint32_t>(text.size())));
  }
}

TEST(Normalise, ComposesAndMapsBack) {
  const std::string text = "ae\u0301x";  // a, e + acute, x: 1 + 3 + 1 bytes
  const auto normal = normalise(text);
  EXPECT_EQ(normal.bytes(), "a\u00e9x");
  EXPECT_EQ(normal.original(0, 1), std::make_pair(0U, 1U));
  EXPECT_EQ(normal.original(1, 3), std::make_pair(1U, 4U));
  EXPECT_EQ(normal.original(3, 4), std::make_pair(4U, 5U));
  EXPECT_EQ(normal.original(4, 4), std::make_pair(5U, 5U));
  EXPECT_EQ(normalise("\u1112\u1161\u11ab").bytes(), "\ud55c");  // Hangul jamo
  EXPECT_EQ(normalise("\uac00\u11a8").bytes(), "\uac01");        // syllable and final consonant
  EXPECT_EQ(normalise("か\u3099").bytes(), "が");
  EXPECT_EQ(normalise("q\u0307\u0323").bytes(), "q\u0323\u0307");  // reordered, not composed
  EXPECT_EQ(normalise("\u212b").bytes(), "\u00c5");                // singleton
}

TEST(Normalise, FoldsWidthAndMapsBack) {
  const auto normal = normalise("Ａ\u3000！你", {.fold_width = true});
  EXPECT_EQ(normal.bytes(), "A !你");
  EXPECT_EQ(normal.original(0, 1), std::make_pair(0U, 3U));
  EXPECT_EQ(normal.original(1, 2), std::make_pair(3U, 6U));
  EXPECT_EQ(normal.original(2, 6), std::make_pair(6U, 12U));
  EXPECT_EQ(normalise("Ａ！").bytes(), "Ａ！");
}

TEST(Normalise, LowersEveryScriptWhateverItsForm) {
  EXPECT_EQ(normalise("ÀÉ ΣΑΣ ЖЮ ＡＢ Z", {.lowercase = true}).bytes(), "àé σασ жю ａｂ z");
  // Lower case may change the number of bytes (Ⱥ has two, ⱥ three), and then offsets must still lead back.
  const auto grown = normalise("\u023ab", {.lowercase = true});
  EXPECT_EQ(grown.bytes(), "\u2c65b");
  EXPECT_EQ(grown.original(3, 4), std::make_pair(2U, 3U));
  // İ lowers to i, which then composes with the mark behind it: the result is NFC again.
  EXPECT_EQ(normalise("\u0130\u0301", {.lowercase = true}).bytes(), "\u00ed");
  EXPECT_EQ(normalise("E\u0301", {.lowercase = true}).bytes(), "é");
}

TEST(Normalise, PlainSpacesAlsoReplaceNul) {
  const auto normal = normalise(std::string("a\tb\u3000c\0d", 9), {.plain_spaces = true});
  EXPECT_EQ(normal.bytes(), "a b c\ufffdd");
  EXPECT_EQ(normal.original(3, 4), std::make_pair(3U, 6U));
}

TEST(Normalise, NamesTheBrokenByte) {
  try {
    normalise("caf\xe9 au lait");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    EXPECT_NE(std::string(error.what()).find("byte 4 (0xE9)"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace attend
