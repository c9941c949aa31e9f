#include "attend/data/corpus.h"

#include <gtest/gtest.h>

#include <string>

#include "attend/core/error.h"
#include "support/text_folder.h"

namespace attend {
namespace {

using test::error_of;
using test::TextFolder;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

ErrorKind kind_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.kind();
  }
  return ErrorKind::kInterrupted;  // none of the errors tested here
}

TEST(Corpus, PairsLinesOfTwoFiles) {
  TextFolder folder;
  const auto corpus =
      ParallelCorpus::from_files(folder.write("a.en", "one\ntwo\nthree\n"), folder.write("a.zh", "一\n二\n三"));  // no newline at the end
  ASSERT_EQ(corpus.size(), 3U);
  EXPECT_EQ(corpus.source(0), "one");
  EXPECT_EQ(corpus.target(0), "一");
  EXPECT_EQ(corpus.source(2), "three");
  EXPECT_EQ(corpus.target(2), "三");
  EXPECT_EQ(corpus.extra(1), "");
  EXPECT_EQ(corpus.place(2), folder.path("a.en") + ":3");
  EXPECT_EQ(corpus.report().pairs, 3U);
  EXPECT_TRUE(corpus.report().examples.empty());
}

TEST(Corpus, AHeaderIsNoPair) {
  TextFolder folder;
  CorpusOptions options;
  options.header = true;
  const auto corpus = ParallelCorpus::from_tsv(folder.write("a.tsv", "SRC\tTRG\na b\t1 2\n"), options);
  ASSERT_EQ(corpus.size(), 1U);
  EXPECT_EQ(corpus.source(0), "a b");
  EXPECT_EQ(corpus.place(0), folder.path("a.tsv") + ":2");
  const auto files = ParallelCorpus::from_files(folder.write("a", "SRC\none\n"), folder.write("b", "TRG\neins\n"), options);
  EXPECT_EQ(files.size(), 1U);
  EXPECT_TRUE(
      contains(error_of<Error>([&] { ParallelCorpus::from_tsv(folder.write("h.tsv", "SRC\tTRG\n"), options); }), "no sentence pair"));
}

TEST(Corpus, ReadsTsvWithFurtherColumns) {
  TextFolder folder;
  const auto corpus = ParallelCorpus::from_tsv(folder.write("a.tsv", "\xef\xbb\xbfone\t一\tCC-BY\t0-0\r\n\r\ntwo\t二\r\n"));
  ASSERT_EQ(corpus.size(), 2U);
  EXPECT_EQ(corpus.source(0), "one");
  EXPECT_EQ(corpus.target(0), "一");
  EXPECT_EQ(corpus.extra(0), "CC-BY\t0-0");
  EXPECT_EQ(corpus.target(1), "二");
  EXPECT_EQ(corpus.extra(1), "");
  EXPECT_EQ(corpus.place(1), folder.path("a.tsv") + ":3");
  EXPECT_EQ(corpus.report().blank, 1U);
}

TEST(Corpus, DropsCrlfAndByteOrderMark) {
  TextFolder folder;
  const auto corpus = ParallelCorpus::from_files(folder.write("a", "\xef\xbb\xbfone\r\ntab\there\r\n"), folder.write("b", "一\n二\r"));
  ASSERT_EQ(corpus.size(), 2U);
  EXPECT_EQ(corpus.source(0), "one");
  EXPECT_EQ(corpus.source(1), "tab\there");
  EXPECT_EQ(corpus.target(1), "二");
}

TEST(Corpus, SkipsAndCountsBlankLines) {
  TextFolder folder;
  const auto corpus = ParallelCorpus::from_files(folder.write("a", "\none\n \t\nfour\nfive\n"), folder.write("b", "\n1\n3\n4\n\u3000\n"));
  ASSERT_EQ(corpus.size(), 2U);
  EXPECT_EQ(corpus.source(0), "one");
  EXPECT_EQ(corpus.source(1), "four");
  EXPECT_EQ(corpus.target(1), "4");
  EXPECT_EQ(corpus.place(0), folder.path("a") + ":2");
  EXPECT_EQ(corpus.place(1), folder.path("a") + ":4");
  EXPECT_EQ(corpus.report().blank, 3U);
  ASSERT_EQ(corpus.report().examples.size(), 3U);
  EXPECT_EQ(corpus.report().examples[0], folder.path("a") + ":1: blank on both sides");
  EXPECT_EQ(corpus.report().examples[1], folder.path("a") + ":3: the source is blank");
  EXPECT_EQ(corpus.report().examples[2], folder.path("a") + ":5: the target is blank");
}

TEST(Corpus, PlacesStayRightHoweverManyLinesAreSkipped) {
  TextFolder folder;
  std::string source, target;
  std::vector<std::size_t> lines;
  for (std::size_t line = 1; line <= 500; ++line) {
    const bool blank = (line * line) % 7 < 3 || (line > 200 && line < 240);
    source += blank ? "\n" : std::to_string(line) + "\n";
    target += "x\n";
    if (!blank) lines.push_back(line);
  }
  const auto corpus = ParallelCorpus::from_files(folder.write("a", source), folder.write("b", target));
  ASSERT_EQ(corpus.size(), lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(corpus.source(i), std::to_string(lines[i]));
    EXPECT_EQ(corpus.place(i), folder.path("a") + ":" + std::to_string(lines[i]));
  }
  EXPECT_EQ(corpus.report().examples.size(), 3U);
}

TEST(Corpus, BrokenUtf8IsAnErrorOrSkipped) {
  TextFolder folder;
  const auto source = folder.write("a", "one\ntwo\ncaf\xe9 noir\n"), target = folder.write("b", "1\n\xe4\xb8\n3\n");
  const auto text = error_of<Error>([&] { ParallelCorpus::from_files(source, target); });
  EXPECT_EQ(
      text,
      target + ":2: byte 1 is not UTF-8 (0xE4); convert the file with iconv (training can leave such lines out: data.skip_broken=true)");
  const auto corpus = ParallelCorpus::from_files(source, target, {.skip_broken = true});
  ASSERT_EQ(corpus.size(), 1U);
  EXPECT_EQ(corpus.report().broken, 2U);
  EXPECT_EQ(corpus.report().examples[1], source + ":3: byte 4 is not UTF-8 (0xE9)");
}

TEST(Corpus, NulBytesAreBroken) {
  TextFolder folder;
  const auto path = folder.write("a.tsv", std::string("one\t1\nt\0wo\t2\n", 13));
  const auto text = error_of<Error>([&] { ParallelCorpus::from_tsv(path); });
  EXPECT_TRUE(contains(text, path + ":2: byte 2 is NUL")) << text;
  EXPECT_EQ(ParallelCorpus::from_tsv(path, {.skip_broken = true}).report().broken, 1U);
}

TEST(Corpus, Utf16IsNamed) {
  TextFolder folder;
  const auto path = folder.write("a.tsv", std::string("\xff\xfe"
                                                      "a\0\t\0b\0\n\0",
                                                      10));
  EXPECT_TRUE(contains(error_of<Error>([&] { ParallelCorpus::from_tsv(path); }), "UTF-16"));
}

TEST(Corpus, UnequalLineCounts) {
  TextFolder folder;
  const auto longer = folder.write("a", "1\n2\n3\n4\n"), shorter = folder.write("b", "1\n2");
  for (const bool swapped : {false, true}) {
    const auto open = [&] { ParallelCorpus::from_files(swapped ? shorter : longer, swapped ? longer : shorter); };
    EXPECT_TRUE(contains(error_of<Error>(open), longer + ":3: no line of " + shorter + " goes with it: 4 lines against 2"))
        << error_of<Error>(open);
    EXPECT_EQ(kind_of(open), ErrorKind::kData);
  }
}

TEST(Corpus, LongLinesAreSkippedAndCounted) {
  TextFolder folder;
  const std::string long_line(1 << 20, 'x');
  const auto source = folder.write("a", "one\n" + long_line + "\nthree\n"), target = folder.write("b", "1\n2\n3\n");
  const auto corpus = ParallelCorpus::from_files(source, target);
  ASSERT_EQ(corpus.size(), 2U);
  EXPECT_EQ(corpus.source(1), "three");
  EXPECT_EQ(corpus.target(1), "3");
  EXPECT_EQ(corpus.report().too_long, 1U);
  EXPECT_EQ(corpus.report().examples[0], source + ":2: 1048576 bytes, more than 65536");
  EXPECT_EQ(ParallelCorpus::from_files(source, target, {.max_line_bytes = 1 << 20}).size(), 3U);
}

TEST(Corpus, TsvLineWithoutTab) {
  TextFolder folder;
  const auto path = folder.write("a.tsv", "one\t1\ntwo 2\n");
  const auto text = error_of<Error>([&] { ParallelCorpus::from_tsv(path); });
  EXPECT_TRUE(contains(text, path + ":2: expected source, tab, target; got a line without a tab: 'two 2'")) << text;
}

TEST(Corpus, FilesThatCannotBeRead) {
  TextFolder folder;
  const auto good = folder.write("good", "1\n"), empty = folder.write("empty", ""), mark = folder.write("mark", "\xef\xbb\xbf");
  for (const auto& bad : {folder.path("missing"), folder.path(), empty, mark}) {
    EXPECT_EQ(kind_of([&] { ParallelCorpus::from_files(good, bad); }), ErrorKind::kFile) << bad;
    EXPECT_EQ(kind_of([&] { ParallelCorpus::from_tsv(bad); }), ErrorKind::kFile) << bad;
    EXPECT_TRUE(contains(error_of<Error>([&] { ParallelCorpus::from_tsv(bad); }), bad));
  }
}

TEST(Corpus, OnlyBlankLines) {
  TextFolder folder;
  const auto blank = folder.write("a", "\n \r\n\n");
  const auto open = [&] { ParallelCorpus::from_files(blank, blank); };
  EXPECT_EQ(kind_of(open), ErrorKind::kData);
  EXPECT_TRUE(contains(error_of<Error>(open), "no sentence pair is left of 3 lines: 3 blank"));
  EXPECT_EQ(kind_of([&] { ParallelCorpus::from_tsv(blank); }), ErrorKind::kData);
}

TEST(Corpus, MayBeMoved) {
  TextFolder folder;
  auto first = ParallelCorpus::from_tsv(folder.write("a.tsv", "one\t1\n"));
  const auto view = first.source(0);
  const ParallelCorpus second = std::move(first);
  EXPECT_EQ(second.source(0).data(), view.data());
}

}  // namespace
}  // namespace attend
