#include "attend/data/text_stream.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/text_folder.h"

namespace attend {
namespace {

using test::TextFolder;

TEST(TextStream, LinesStayAsTheyAreInNfc) {
  TextFolder folder;
  EXPECT_EQ(read_text(folder.write("a",
                                   "\xef\xbb\xbf"
                                   "one  two \r\n\r\ncafe\u0301\n")),
            "one  two \n\ncaf\u00e9\n");
  EXPECT_EQ(read_text(folder.write("b", "no end")), "no end");  // none is made up
  EXPECT_ERROR(read_text(folder.write("c", "one\ntw\xff\n")), kData, folder.path("c") + ":2: byte 3 is not UTF-8 (0xFF)");
  EXPECT_ERROR(read_text(folder.write("d", "")), kFile, "empty");
}

TEST(TextStream, PartsAreCutAtTheNearestLineEnd) {
  std::string text;
  for (int i = 0; i < 10; ++i) text += "line " + std::to_string(i) + "...\n";  // 10 bytes each
  const auto parts = split_text(text, {.dev = 0.2, .test = 0.1}, "t");
  EXPECT_EQ(parts.train + parts.dev + parts.test, text);
  EXPECT_EQ(parts.train.size(), 70u);
  EXPECT_EQ(parts.dev.size(), 20u);
  EXPECT_EQ(parts.test, "line 9...\n");
  EXPECT_EQ(split_text(text, {.dev = 0.0, .test = 0.16}, "t").test.size(), 20u);  // 84 is nearer to 80
  EXPECT_EQ(split_text(text, {.dev = 0.0, .test = 0.14}, "t").test.size(), 10u);  // 86 is nearer to 90
  EXPECT_TRUE(split_text(text, {.dev = 0.0, .test = 0.16}, "t").dev.empty());
  EXPECT_EQ(split_text(text, {.dev = 0.0, .test = 0.0}, "t").train, text);
}

TEST(TextStream, SharesThatCannotBeHad) {
  EXPECT_ERROR(split_text("a\nb\n", {.dev = 0.5, .test = 0.5}, "t"), kValue, "t: the shares of dev and test");
  EXPECT_ERROR(split_text("a\nb\n", {.dev = -0.1, .test = 0.5}, "t"), kValue, "got -0.1 and 0.5");
  EXPECT_ERROR(split_text("one line without an end", {}, "t"), kData, "t: 23 bytes cannot be cut at line ends");
}

}  // namespace
}  // namespace attend
