#include "attend/draw/width.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

namespace attend {
namespace {

struct Case {
  const char* text;
  int narrow, wide;
};

TEST(Width, CountsColumnsPerGraphemeCluster) {
  const Case cases[] = {
      {"", 0, 0},
      {"a", 1, 1},
      {"我", 2, 2},
      {"我爱你", 6, 6},
      {"e\xcc\x81", 1, 1},           // e + combining acute
      {"👩‍👩‍👧", 2, 2},  // joined by U+200D
      {"👍🏽", 2, 2},            // with a skin tone
      {"🇬🇧", 2, 2},                  // two regional indicators
      {"🇬🇧🇨🇳", 4, 4},
      {"\xe2\x98\x82\xef\xb8\x8f", 2, 2},  // umbrella + VS16
      {"ﾊ", 1, 1},
      {"Ａ", 2, 2},
      {"한", 2, 2},
      {"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", 2, 2},  // the same from its three jamo
      {"…", 1, 2},
      {"α", 1, 2},
      {"→", 1, 2},
      {"é", 1, 2},
      {"مرحبا", 5, 5},
      {"␛", 1, 1},
      {"╱", 1, 2},
  };
  for (const auto& [text, narrow, wide] : cases) {
    EXPECT_EQ(display_width(text), narrow) << text;
    EXPECT_EQ(display_width(text, true), wide) << text;
  }
}

TEST(Width, ClustersKeepEveryByte) {
  const std::string text = "e\xcc\x81👩‍👩‍👧\xff我\xe4\xbd 🇬🇧x";
  std::string joined;
  for (const auto cluster : grapheme_clusters(text)) joined += cluster;
  EXPECT_EQ(joined, text);
  EXPECT_EQ(grapheme_clusters("e\xcc\x81👩‍👩‍👧🇬🇧🇨🇳").size(), 4u);
}

TEST(Width, ClipsBetweenClusters) {
  EXPECT_EQ(clip_text("abcdef", 6), "abcdef");
  EXPECT_EQ(clip_text("abcdef", 5), "abcd…");
  EXPECT_EQ(clip_text("我爱你们", 6), "我爱…");  // 5 columns: a half character does not fit the sixth
  EXPECT_EQ(clip_text("我爱你们", 6, true), "我爱…");
  EXPECT_EQ(clip_text("e\xcc\x81xyz", 2), "e\xcc\x81…");
  EXPECT_EQ(clip_text("abc", 0), "");
}

TEST(Width, ControlsAreShown) {
  EXPECT_EQ(visible_text("a\x1b[31mb"), "a␛[31mb");
  EXPECT_EQ(visible_text(std::string("\0\n\t\x7f", 4)), "␀␊␉␡");
  EXPECT_EQ(visible_text("\xc2\x9b"
                         "2J"),
            "\\u009b2J");  // the one-character CSI
  EXPECT_EQ(visible_text("\xe2\x80\xae"), "\\u202e");
  EXPECT_EQ(visible_text("\xe4\xbd"), "\\xe4\\xbd");
  EXPECT_EQ(visible_text("👩‍👩‍👧 我"), "👩‍👩‍👧 我");  // the joiner stays
}

TEST(Width, ShownTextNeverHoldsAControl) {
  for (std::int32_t code = 0; code < 0x3000; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    utf8proc_uint8_t bytes[4];
    const auto size = utf8proc_encode_char(code, bytes);
    const std::string shown = visible_text(std::string(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size)));
    for (std::size_t i = 0; i < shown.size();) {
      utf8proc_int32_t got = 0;
      const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(shown.data()) + i, -1, &got);
      ASSERT_GT(length, 0) << code;
      EXPECT_NE(utf8proc_category(got), UTF8PROC_CATEGORY_CC) << code;
      i += static_cast<std::size_t>(length);
    }
  }
}

TEST(Width, SteadyTextHasNoFormsThatTerminalsMeasureDifferently) {
  EXPECT_EQ(steady_text("👍🏽!"), "👍!");
  EXPECT_EQ(steady_text("1️⃣"), "1");
  EXPECT_EQ(steady_text("❤️ you"), "❤ you");
  EXPECT_EQ(steady_text("👩‍👩‍👧"), "👩");
  EXPECT_EQ(steady_text("🏽"), "🏽");  // by itself it is a patch of colour
  for (const char* same : {"e\xcc\x81", "🇬🇧", "नमस्ते", "क्‍ष", "مرحبا", "我", "한국", "\xff", ""})
    EXPECT_EQ(steady_text(same), same);
}

}  // namespace
}  // namespace attend
