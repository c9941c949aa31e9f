// Files of other programs where text is expected: what they are, and what to do.
#include <gtest/gtest.h>

#include "attend/data/babi.h"
#include "attend/data/corpus.h"
#include "attend/data/labelled.h"
#include "attend/data/text_stream.h"
#include "support/expect_error.h"
#include "support/text_folder.h"

namespace attend {
namespace {

using namespace std::string_literals;
using test::TextFolder;

class ForeignFiles : public ::testing::Test {
 protected:
  void expect_named(const std::string& bytes, const std::string& part) {
    const auto path = folder_.write("a", bytes);
    EXPECT_ERROR(read_labelled(path), kData, path + ": this is " + part);
    EXPECT_ERROR(ParallelCorpus::from_files(path, path), kData, path + ": this is " + part);
    EXPECT_ERROR(read_babi(path), kData, path + ": this is " + part);
  }
  TextFolder folder_;
};

TEST_F(ForeignFiles, PackedAndBinary) {
  expect_named("\x1f\x8b\x08\0\0\0\0\0\0\x03"s, "a gzip file; unpack it with gunzip");
  expect_named("PK\x03\x04\x14\0\0\0\x08\0 xl/workbook.xml"s, "an Excel or Word document (a zip archive); export it as CSV or text");
  expect_named("PK\x03\x04\x14\0\0\0\x08\0 texts.txt"s, "a zip archive; unpack it");
  expect_named("PAR1\x15\x04\x15\x10\0\0"s, "a Parquet file; export it as CSV or text");
  expect_named("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj"s, "a PDF document");
  expect_named("SQLite format 3\0\x10\0"s, "an SQLite database");
  expect_named("\x89PNG\r\n\x1a\n\0\0"s, "a PNG picture");
  expect_named("\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02\x0a"s, "a SentencePiece model; it is not read; give text");
  expect_named("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS");
}

TEST_F(ForeignFiles, DocumentsThatAreNoLines) {
  expect_named("{\"version\": \"1.1\", \"data\": [{\"title\": \"x\", \"paragraphs\": [{\"context\": \"c\", \"qas\": []}]}]}",
               "questions in the form of SQuAD");
  expect_named("\n<!DOCTYPE html>\n<html><body>404</body></html>\n", "a web page (HTML)");
  expect_named("#version: 0.2\ne s\nt h\n", "a list of BPE merges");
  expect_named("<unk>\t0\n<s>\t0\n</s>\t0\n\xe2\x96\x81the\t-3.2\n", "a list of SentencePiece pieces");
  expect_named("{\"<unk>\": 0, \"<s>\": 1}", "the vocabulary of another program");
  EXPECT_EQ(read_text(folder_.path("a")), "{\"<unk>\": 0, \"<s>\": 1}");  // a language model may read it
}

// Words that a signature happens to be are words.
TEST_F(ForeignFiles, TextThatBeginsLikeOneIsText) {
  for (const std::string text : {"PAR1 is a word\n", "GIF87 and more\n", "%PDF-1 is written so\n", "BZhang said so\n", "{\"a\": 1}\n",
                                 "PK is no archive\n", "<unk>\tis unknown\n<s>\tbegins\n", "#version: one\n", "BM 1234 5678 and so on\n"})
    EXPECT_EQ(ParallelCorpus::from_files(folder_.write("a", text), folder_.path("a")).size(),
              static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')))
        << text;
}

}  // namespace
}  // namespace attend
