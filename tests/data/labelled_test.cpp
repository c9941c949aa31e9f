// Texts with a class each, from CSV, TSV, JSON lines, arrays and lines, written as other programs write them.
#include "attend/data/labelled.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/text_folder.h"

namespace attend {
namespace {

using test::TextFolder;
using Words = std::vector<std::string>;

class Labelled : public ::testing::Test {
 protected:
  // "label: text" of every example that is read.
  Words read(const std::string& name, const std::string& bytes, const LabelledOptions& options = {}) {
    corpus_ = read_labelled(folder_.write(name, bytes), options);
    Words all;
    for (const auto& example : corpus_.examples) all.push_back(corpus_.classes[example.label] + ": " + example.text);
    return all;
  }
  static LabelledOptions columns(const std::string& text, const std::string& label, const std::string& format = "auto") {
    LabelledOptions options;
    options.form.text_column = text;
    options.form.label_column = label;
    options.form.format = format;
    return options;
  }
  TextFolder folder_;
  LabelledCorpus corpus_;
};

TEST_F(Labelled, CsvWithAHeader) {
  EXPECT_EQ(read("a.csv",
                 "\xef\xbb\xbf"
                 "id,review,sentiment\r\n1,\"Good, really \"\"good\"\"\",pos\r\n2,\"Two\r\nlines\",neg \r\n3,plain 5\" screen,pos\r\n"),
            (Words{"pos: Good, really \"good\"", "neg: Two lines", "pos: plain 5\" screen"}));
  EXPECT_EQ(corpus_.classes, (Words{"neg", "pos"}));
  EXPECT_EQ(corpus_.form, "CSV with commas and a header; the text is column 2 (review), the label column 3 (sentiment), 1 more not read");
  EXPECT_EQ(corpus_.examples[0].line, 2U);
  EXPECT_EQ(corpus_.examples[2].line, 5U);  // behind a text of two lines
  EXPECT_EQ(corpus_.report.left_out(), 0U);
}

TEST_F(Labelled, CsvWithoutAHeaderTellsItsColumnsByContent) {
  const Words expected{"3: a long story, it is", "4: another one here", "3: and a third"};
  EXPECT_EQ(read("a.csv", "3,\"a long story, it is\"\n4,another one here\n3,and a third\n"), expected);
  EXPECT_EQ(read("b.csv", "\"a long story, it is\",3\nanother one here,4\nand a third,3\n"), expected);
  // A constant column is no label, nor is a number that counts.
  EXPECT_EQ(read("c.csv", "1,x,\"a long story, it is\",3\n2,x,another one here,4\n3,x,and a third,3\n"), expected);
  EXPECT_EQ(corpus_.form, "CSV with commas; the text is column 3, the label column 4, 2 more not read");
}

TEST_F(Labelled, SeparatorsAreFound) {
  const Words expected{"a: one, two, three", "b: four", "a: five, six"};
  EXPECT_EQ(read("s.csv", "text;label\none, two, three;a\nfour;b\nfive, six;a\n"), expected);
  EXPECT_EQ(read("t.csv", "text\tlabel\none, two, three\ta\nfour\tb\nfive, six\ta\n"), expected);
  EXPECT_EQ(read("b.csv", "text|label\none, two, three|a\nfour|b\nfive, six|a\n"), expected);
  // One comma a row beside one semicolon a row: names decide.
  EXPECT_EQ(read("n.csv", "text;label\none, two;a\nthree, four;b\n"), (Words{"a: one, two", "b: three, four"}));
}

TEST_F(Labelled, LinesOfOldMacsEndWithTheirLastRow) {
  const Words expected{"a: one, two", "b: three", "a: four"};
  for (const std::string end : {"", "\r"}) {
    EXPECT_EQ(read("c.csv", "text,label\r\"one, two\",a\rthree,b\rfour,a" + end), expected);
    EXPECT_EQ(read("s.csv", "text;label\rone, two;a\rthree;b\rfour;a" + end), expected);
  }
  std::string long_one = "text;label\r";
  while (long_one.size() < std::size_t{600} << 10) long_one += "one, two, three;a\rfour;b\r";
  EXPECT_EQ(read("l.csv", long_one)[0], "a: one, two, three");  // the separator is told by the beginning
}

TEST_F(Labelled, HeadersWithUnusualNames) {
  std::string rows = "what they said,stars given\n";
  for (int i = 0; i < 8; ++i) rows += "it was number " + std::to_string(i) + "," + std::to_string(i % 2 + 1) + "\n";
  EXPECT_EQ(read("a.csv", rows).size(), 8U);
  EXPECT_EQ(corpus_.classes, (Words{"1", "2"}));
  // The columns by number say nothing of a header.
  EXPECT_EQ(read("a.csv", rows, columns("1", "2")).size(), 9U);
  auto with_header = columns("1", "2");
  with_header.header = true;
  EXPECT_EQ(read("a.csv", rows, with_header).size(), 8U);
  // A first row whose label comes again is an example.
  EXPECT_EQ(read("b.csv", rows.substr(rows.find('\n') + 1)).size(), 8U);
}

TEST_F(Labelled, ColumnsByNameAndNumber) {
  const std::string rows = "title,body,kind,mood\nA,long body one,x,good\nB,long body two,y,bad\n";
  EXPECT_EQ(read("a.csv", rows, columns("title", "MOOD")), (Words{"good: A", "bad: B"}));
  EXPECT_EQ(read("a.csv", rows, columns("body", "3")), (Words{"x: long body one", "y: long body two"}));
  EXPECT_ERROR(read("a.csv", rows, columns("titel", "mood")), kUnknownName,
               "text_column: 'titel' is not known, did you mean 'title'?; valid: title");
  EXPECT_ERROR(read("a.csv", rows, columns("5", "1")), kValue, "text_column 5 is not there; the file has columns 1 to 4");
  EXPECT_ERROR(read("a.csv", rows, columns("1", "1")), kData, "which column is the text and which the label cannot be told");
}

TEST_F(Labelled, ColumnsOfTheTrainingDataAreTakenWhereTheyAre) {
  LabelledOptions options;
  options.usual.text_column = "title";
  options.usual.label_column = "mood";
  EXPECT_EQ(read("a.csv", "text,title,label,mood\nlong body,A,x,good\nlong body,B,y,bad\n", options), (Words{"good: A", "bad: B"}));
  EXPECT_EQ(read("b.csv", "text,label\nlong body,x\nother body,y\n", options), (Words{"x: long body", "y: other body"}));
  options = {};
  options.classes = {"one two three four five", "six seven eight nine ten"};
  EXPECT_EQ(read("c.csv", "a b,one two three four five\nc d,six seven eight nine ten\ne f,one two three four five\n", options)[0],
            "one two three four five: a b");
}

TEST_F(Labelled, OfTwoColumnsThatCouldBeTheLabelNeitherIsTaken) {
  const std::vector<Words> rows{{"0", "1", "a long story, it is"}, {"1", "0", "another one here"}, {"0", "1", "and a third"}};
  const auto csv = [&](const std::vector<int>& order) {  // of each row: 0 and 1 are equal candidates, 2 is the text, 3 a worse candidate
    std::string text;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      for (const int c : order) text += (c == 3 ? std::to_string(r) : "\"" + rows[r][static_cast<std::size_t>(c)] + "\"") + ",";
      text.back() = '\n';
    }
    return text;
  };
  const std::string cure = "Set data.text_column and data.label_column (flags --text-column, --label-column) to a name or a number from 1";
  EXPECT_ERROR(read("a.csv", csv({0, 1, 2})), kData,
               folder_.path("a.csv") + ": which column is the text and which the label cannot be told; columns: 1 to 3. " + cure);
  for (const std::vector<int>& order : {std::vector{0, 3, 1, 2}, {3, 0, 1, 2}, {0, 1, 3, 2}, {2, 0, 3, 1}})
    EXPECT_ERROR(read("a.csv", csv(order)), kData, "cannot be told; columns: 1 to 4. " + cure);
  EXPECT_EQ(read("a.csv", csv({0, 1, 2}), columns("", "2"))[0], "1: a long story, it is");
  // Two bad ones are no reason to leave a better one that comes behind them.
  EXPECT_EQ(read("a.csv", csv({3, 3, 0, 2}))[1], "1: another one here");
}

TEST_F(Labelled, TsvWithAndWithoutQuotes) {
  EXPECT_EQ(read("a.tsv", "sentence\tlabel\n\"Hello\" she said\t1\nplain\t0\n\"Bye\t1\n"),
            (Words{"1: \"Hello\" she said", "0: plain", "1: \"Bye"}));
  EXPECT_EQ(read("b.tsv", "sentence\tlabel\n\"a tab\there\"\t1\n\"two\nlines\"\t0\n"), (Words{"1: a tab\there", "0: two lines"}));
  EXPECT_EQ(read("c.tsv", "1\ta first text\n0\ta second text\n1\ta third text\n"),
            (Words{"1: a first text", "0: a second text", "1: a third text"}));
  LabelledOptions options;
  options.form.format = "tsv";
  options.text_first = true;  // data.tsv: even where content speaks against it
  EXPECT_EQ(read("d.txt", "x\tlong label one\nx\tlong label two\n", options), (Words{"long label one: x", "long label two: x"}));
}

TEST_F(Labelled, JsonLines) {
  EXPECT_EQ(read("a.jsonl",
                 "{\"text\": \"Gr\\u00fc\\u00dfe\\n\\\"x\\\"\", \"label\": 1, \"meta\": {\"label\": [9, {}]}}\n\n"
                 "{\"label\": true, \"text\": \"b\"}\n{\"label\": 2.50, \"text\": \"c\", \"extra\": null}\n"),
            (Words{"1: Grüße \"x\"", "true: b", "2.50: c"}));
  EXPECT_EQ(corpus_.report.lines(), (Words{"blank lines: 1 left out (" + folder_.path("a.jsonl") + ":2)"}));
  EXPECT_EQ(read("b.txt", "{\"sentence\": \"a\", \"class\": \"x\"}\n{\"sentence\": \"b\", \"class\": \"y\"}\n"), (Words{"x: a", "y: b"}));
  EXPECT_EQ(read("c.json", "[{\"text\": \"a\", \"label\": \"x\"},\n {\"text\": \"b\", \"label\": \"y\"}]"), (Words{"x: a", "y: b"}));
  EXPECT_EQ(read("d.json", "{\"text\": \"a\", \"label\": \"x\"}\n{\"text\": \"b\", \"label\": \"y\"}\n"), (Words{"x: a", "y: b"}));
}

TEST_F(Labelled, FormatsOfOtherNamesByContentAndByWish) {
  EXPECT_EQ(read("a.txt", "text,label\none,x\ntwo,y\n"), (Words{"x: one", "y: two"}));
  EXPECT_EQ(read("b.txt", "label\ttext\nx\tone\ny\ttwo\n"), (Words{"x: one", "y: two"}));
  EXPECT_EQ(read("c.txt", "x one, two\ny three, four\n"), (Words{"x: one, two", "y: three, four"}));  // lines, as ever
  EXPECT_EQ(read("d.txt", "x,one\ny,two of them\n", columns("2", "1", "csv")), (Words{"x: one", "y: two of them"}));
  EXPECT_EQ(read("e.csv", "x one, two\ny three, four\n", columns("", "", "lines")), (Words{"x: one, two", "y: three, four"}));
}

TEST_F(Labelled, WhatIsLeftOutIsCounted) {
  EXPECT_EQ(read("a.csv", "text,label\none,x\n,y\n  ,y\ntwo,\n\nthree, x \n"), (Words{"x: one", "x: three"}));
  const auto at = [&](int line) { return folder_.path("a.csv") + ":" + std::to_string(line); };
  EXPECT_EQ(corpus_.report.lines(),
            (Words{"blank lines: 1 left out (" + at(6) + ")", "rows without a text: 2 left out (" + at(3) + ", " + at(4) + ")",
                   "rows without a label: 1 left out (" + at(5) + ")"}));
  read("b", "x a\n\n\n\n\ny b\n");
  EXPECT_EQ(corpus_.report.left_out("blank lines"), 4U);
  EXPECT_TRUE(corpus_.report.lines()[0].ends_with("b:4, ...)")) << corpus_.report.lines()[0];
  EXPECT_ERROR(read("c.csv", "text,label\n,x\n,y\n"), kData, "no text with a label is left; rows without a text: 2 left out");
}

// Two files of one set may write é in two ways, with spaces behind: it is one class.
TEST_F(Labelled, LabelsAreNormalised) {
  EXPECT_EQ(read("a.csv", "text,label\none,caf\xc3\xa9 noir\ntwo,cafe\xcc\x81  noir \nthree,\"caf\xc3\xa9\nnoir\"\n").size(), 3U);
  EXPECT_EQ(corpus_.classes, (Words{"caf\xc3\xa9 noir"}));
  EXPECT_EQ(plain_label(" a \t b\n"), "a b");
}

TEST_F(Labelled, BrokenFilesAreNamedByLine) {
  const auto at = [&](const std::string& name, int line) { return folder_.path(name) + ":" + std::to_string(line) + ": "; };
  EXPECT_ERROR(read("a.csv", "text,label\none,x\ntwo, or more,y\n"), kData, at("a.csv", 3) + "3 cells, the first row has 2");
  EXPECT_ERROR(read("a.csv", "text,label\n\"one\ntwo\n,y\n"), kData, at("a.csv", 2) + "the quote that opens in this row is never closed");
  EXPECT_ERROR(read("a.csv", "text,label\none,x\nt\xffo,y\n"), kData, at("a.csv", 3) + "byte 2 is not UTF-8");
  EXPECT_ERROR(read("a.csv", std::string("text,label\none,x\nt\0o,y\n", 24)), kData, at("a.csv", 3) + "byte 2 is NUL");
  EXPECT_ERROR(read("a.csv", "text,label\n"), kData, "holds nothing but a header");
  EXPECT_ERROR(read("a.csv", "\n\n"), kData, "holds no row");
  EXPECT_ERROR(read("a.csv", ""), kFile, "empty");
  EXPECT_ERROR(read("a.tsv", "a\t1\nb\t0\t7\n"), kData, at("a.tsv", 2) + "3 cells, the first row has 2");
  EXPECT_ERROR(read("a.jsonl", "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\", \n"), kData, at("a.jsonl", 2) + "not JSON");
  EXPECT_ERROR(read("a.jsonl", "{\"text\": \"a\", \"label\": 1}\n[1]\n"), kData, at("a.jsonl", 2) + "expected an object {...}, got a list");
  EXPECT_ERROR(read("a.jsonl", "{\"text\": \"a\", \"label\": 1}\n7\n"), kData,
               at("a.jsonl", 2) + "expected an object {...}, got a single value");
  EXPECT_ERROR(read("a.jsonl", "{\"text\": \"a\\u0000\", \"label\": 1}\n"), kData, at("a.jsonl", 1) + "a text holds NUL");
  EXPECT_ERROR(read("a.json", "[{\"text\": \"a\",\n \"label\" 1}]"), kData, at("a.json", 2) + "not JSON");
  EXPECT_ERROR(read("a.jsonl", "{\"a\": " + std::string(100000, '[') + "\n"), kData, "brackets lie more than 1000 deep");
  EXPECT_ERROR(read("a.csv", "a,a\nb,b\n"), kData, "data.label_column");
}

TEST_F(Labelled, TextsWithoutLabels) {
  const auto texts = [&](const std::string& name, const std::string& bytes) {
    Words all;
    for (const auto& text : read_texts(folder_.write(name, bytes))) all.push_back(std::to_string(text.line) + " " + text.text);
    return all;
  };
  EXPECT_EQ(texts("a.csv", "id,review\n1,\"a, b\"\n2,\n3,\"c\nd\"\n4,e\n"), (Words{"2 a, b", "3 ", "4 c d", "6 e"}));
  EXPECT_EQ(texts("b.csv", "one text\nanother text\n"), (Words{"1 one text", "2 another text"}));
  EXPECT_EQ(texts("c.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n"), (Words{"1 a", "2 b"}));
  EXPECT_EQ(texts("d.txt", "one, two\n\nthree\n"), (Words{"1 one, two", "2 ", "3 three"}));
  EXPECT_TRUE(has_columns(folder_.path("a.csv"), {}));
  EXPECT_FALSE(has_columns(folder_.path("d.txt"), {}));
  EXPECT_FALSE(has_columns(folder_.path(), {}));  // not a file: whoever reads it says so
}

}  // namespace
}  // namespace attend
