// Bombs: small texts that unfold to much, nest without end or never come to one, and what a terminal may be shown of them.
#include <gtest/gtest.h>

#include "attend/core/files.h"
#include "attend/core/json.h"
#include "attend/core/memory.h"
#include "attend/core/options.h"
#include "attend/core/printable.h"
#include "attend/core/yaml.h"
#include "support/expect_error.h"
#include "support/temp_folder.h"

namespace attend {
namespace {

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(BoundedYaml, TextBehindAFlowCollectionEnds) {
  // yaml-cpp 0.7 reports one empty document after another here and never moves on.
  EXPECT_ERROR(parse_config("{}\n,", "c.yaml"), kValue, "c.yaml:2: expected one YAML document, but more follows");
  EXPECT_ERROR(parse_config("{task: translate},\n", "c.yaml"), kValue, "c.yaml:1: expected one YAML document, but more follows");
  EXPECT_ERROR(parse_config("[]: 1\n]\n", "c.yaml"), kValue, "c.yaml:");
  EXPECT_ERROR(parse_config("{a: 1}}", "c.yaml"), kValue, "c.yaml:1:");
  EXPECT_ERROR(parse_config("a: 1\n--- \nb: 2\n", "c.yaml"), kValue, "c.yaml:2: expected one YAML document");
}

TEST(BoundedYaml, AliasesAreWrittenOutAndCounted) {
  const auto plain = parse_config("a: &x 7\nb: *x\n", "c.yaml");
  EXPECT_EQ(plain.at("b").texts, std::vector<std::string>{"7"});
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) laughs += (k ? ", *a" : "*a") + std::to_string(i - 1);
    laughs += "]\n";
  }
  EXPECT_ERROR(parse_yaml(laughs, "c.yaml"), kValue, "c.yaml:5: the YAML holds more than 100000 values, aliases written out");
  EXPECT_ERROR(parse_yaml("a: &x [*x]\n", "c.yaml"), kValue, "c.yaml:1: an alias stands inside what it names");
}

TEST(BoundedYaml, DepthSizeAndBytesAreBounded) {
  EXPECT_ERROR(parse_yaml(repeated("[", 1000), "c.yaml"), kValue, "c.yaml:1: the YAML nests deeper than 32 levels");
  EXPECT_ERROR(parse_yaml(repeated("[", 200000), "c.yaml"), kValue, "c.yaml:1: ");
  EXPECT_ERROR(parse_yaml("a: [" + repeated("1,", 100000) + "]", "c.yaml"), kValue, "more than 100000 values");
  EXPECT_ERROR(parse_yaml(std::string(1 << 21, 'a'), "c.yaml"), kValue, "2097152 bytes of YAML are more than");
  const TempFolder folder;
  write_file_atomic(folder / "large.yaml", std::string(1 << 21, '#'));
  EXPECT_ERROR(read_config(folder / "large.yaml"), kFile, "large.yaml: holds more than");
}

TEST(BoundedJson, DepthSizeAndTwins) {
  EXPECT_EQ(parse_json("{\"b\": [1, {\"a\": \"}]\"}], \"a\": null}", "x.json").dump(), "{\"a\":null,\"b\":[1,{\"a\":\"}]\"}]}");
  EXPECT_ERROR(parse_json("\n\n" + repeated("[", 100000), "x.json"), kData, "x.json:3: the JSON nests deeper than 64 levels");
  EXPECT_ERROR(parse_json(repeated("{\"a\":", 100000), "x.json"), kData, "x.json:1: the JSON nests deeper");
  EXPECT_ERROR(parse_json("[" + repeated("0,", 5'000'000) + "0]", "x.json"), kData, "more than 4000000 values");
  EXPECT_ERROR(parse_json("[1, 2, 3]", "x.json", {.bytes = 8}), kData, "9 bytes of JSON are more than the 8 that are read");
  EXPECT_ERROR(parse_json("{\"a\": 1, \"a\": 2}", "x.json"), kData, "names 'a' twice");
  EXPECT_ERROR(parse_json("{\n\"a\": 1,\n}", "x.json"), kData, "x.json:3: not JSON");
  EXPECT_ERROR(parse_json("1e999", "x.json"), kData, "not JSON");
  EXPECT_EQ(parse_json(repeated("[", 64) + repeated("]", 64), "x.json").size(), 1U);
}

TEST(Printable, ControlsAreWrittenOut) {
  EXPECT_EQ(printable("plain, ä 我 \t and\n"), "plain, ä 我 \t and\n");
  EXPECT_EQ(printable("\x1b[2Ja\rb\x07"), "\\x1b[2Ja\\x0db\\x07");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\u009b31m");  // CSI as one character
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b"),
            "a\\u202eb");  // turns what follows around
  EXPECT_EQ(printable("\xff\xc0\xaf\xed\xa0\x80"), "\\xff\\xc0\\xaf\\xed\\xa0\\x80");
  EXPECT_EQ(printable(std::string(10, 'a'), 4), "aaaa... (6 bytes more)");
}

TEST(FailUnknownName, LongNamesCostNothing) {
  // The edit distance of two such names alone would take an hour.
  const std::vector<std::string> names(60, std::string(1 << 21, 'n'));
  EXPECT_ERROR(fail_unknown_name("member", std::string(1 << 21, 'm'), names), kUnknownName, "is not known");
}

TEST(Memory, WhatCannotBeHadIsRefusedWithFigures) {
  EXPECT_GT(available_memory(), 1U << 20);
  check_memory(1 << 20, "a little");
  EXPECT_ERROR(check_memory(std::uint64_t{1} << 60, "a model"), kValue, "out of memory: a model needs 1152921504.6 GB, of which");
  EXPECT_EQ(size_text(6'440'960'000), "6.4 GB");
  EXPECT_EQ(size_text(20'480), "20 kB");
}

}  // namespace
}  // namespace attend
