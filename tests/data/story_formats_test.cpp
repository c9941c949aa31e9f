// bAbI, cloze and labelled sentences: what is read from small files, and what broken ones are told.
#include <gtest/gtest.h>

#include "attend/data/babi.h"
#include "attend/data/cloze.h"
#include "attend/data/labelled.h"
#include "support/expect_error.h"
#include "support/text_folder.h"

namespace attend {
namespace {

using test::TextFolder;
using Words = std::vector<std::string>;

TEST(Babi, AQuestionSeesTheStatementsBeforeIt) {
  TextFolder folder;
  const auto corpus =
      read_babi(folder.write("a",
                             "\xef\xbb\xbf"
                             "1 Anna went to the shed.\r\n2 Otto took the kite.\r\n3 Where is Anna? \tshed\t1\r\n"
                             "4 Anna went home.\r\n5 Where is Anna?\thome\t4 1\r\n\r\n1 Otto slept.\r\n2 Who slept?\tOtto\r\n"));
  ASSERT_EQ(corpus.stories.size(), 2u);
  EXPECT_EQ(corpus.questions(), 3u);
  EXPECT_EQ(corpus.without_question, 0u);
  const auto& first = corpus.stories[0][0];
  EXPECT_EQ(first.statements, (std::vector<BabiStatement>{{"Anna went to the shed.", 1}, {"Otto took the kite.", 2}}));
  EXPECT_EQ(first.question, "Where is Anna?");
  EXPECT_EQ(first.answer, "shed");
  EXPECT_EQ(first.supporting, (std::vector<std::uint32_t>{0}));
  const auto& second = corpus.stories[0][1];
  ASSERT_EQ(second.statements.size(), 3u);
  EXPECT_EQ(second.statements[2], (BabiStatement{"Anna went home.", 4}));  // the question before it took number 3
  EXPECT_EQ(second.supporting, (std::vector<std::uint32_t>{2, 0}));        // in the file's order
  const auto& third = corpus.stories[1][0];
  EXPECT_EQ(third.statements, (std::vector<BabiStatement>{{"Otto slept.", 1}}));
  EXPECT_TRUE(third.supporting.empty());
}

TEST(Babi, StoriesWithoutAQuestionAreCounted) {
  TextFolder folder;
  const auto corpus = read_babi(folder.write("a", "1 A is red.\n1 B is blue.\n2 What is B?\tblue\t1\n1 C is red.\n2 D is red.\n"));
  EXPECT_EQ(corpus.stories.size(), 1u);
  EXPECT_EQ(corpus.without_question, 2u);
  EXPECT_ERROR(read_babi(folder.write("b", "1 A is red.\n2 B is red.\n")), kData, folder.path("b") + ": no question in 2 lines");
}

TEST(Babi, BrokenLinesAreNamed) {
  TextFolder folder;
  const auto broken = [&](const std::string& text) { return folder.write("a", text); };
  const auto at = [&](int line) { return folder.path("a") + ":" + std::to_string(line) + ": "; };
  EXPECT_ERROR(read_babi(broken("Anna slept.\n")), kData, at(1) + "expected a line number, a space and a sentence; got 'Anna slept.'");
  EXPECT_ERROR(read_babi(broken("1 A.\n\n3 B.\n")), kData, at(3) + "expected line number 2 or 1 (a new story), got 3");
  EXPECT_ERROR(read_babi(broken("2 A.\n")), kData, at(1) + "expected line number 1 (a new story), got 2");
  EXPECT_ERROR(read_babi(broken("1 A.\n2 Who?\t\t1\n")), kData, at(2) + "expected question, tab, answer");
  EXPECT_ERROR(read_babi(broken("1 A.\n2 Who?\tA\t2\n")), kData, at(2) + "supporting id '2' names no statement before the question");
  EXPECT_ERROR(read_babi(broken("1 A.\n2 Who?\tA\t1,\n")), kData, at(2) + "supporting id '1,'");
  EXPECT_ERROR(read_babi(broken("1 A.\n2 Who?\tA\t1\textra\n")), kData, at(2) + "expected question, tab");
  EXPECT_ERROR(read_babi(broken("1 A\xff.\n")), kData, at(1) + "byte 4 is not UTF-8 (0xFF)");
  EXPECT_ERROR(read_babi(broken("1 A.\n99999999999 B.\n")), kData, at(2) + "expected a line number");
  EXPECT_ERROR(read_babi(broken("")), kFile, "the file is empty; expected lines 'n sentence'");
  EXPECT_ERROR(read_babi(folder.path("none")), kFile, folder.path("none"));
}

TEST(Cloze, DocumentsQuestionsAndAnswers) {
  TextFolder folder;
  const auto questions = folder.write("q",
                                      "1 ||| 猫 XXXXX 鱼\n2 ||| 狗 喜欢 骨头\n<qid_0> ||| 猫 XXXXX 鱼\n<qid_1> ||| XXXXX 喜欢 骨头\n"
                                      "1 ||| 天 下 XXXXX 了\n<qid_2> ||| 天 下 XXXXX 了\n\n");
  const auto answers = folder.write("a", "<qid_2> ||| 雨\n<qid_0> ||| 喜欢\n<qid_1> ||| 狗\n");
  const auto corpus = read_cloze(questions, answers);
  ASSERT_EQ(corpus.examples.size(), 3u);
  EXPECT_EQ(corpus.absent_answers, 1u);  // 雨 stands nowhere in its document
  EXPECT_EQ(corpus.examples[0].id, "<qid_0>");
  EXPECT_EQ(corpus.examples[0].document, (Words{"猫", "XXXXX", "鱼", "狗", "喜欢", "骨头"}));
  EXPECT_EQ(corpus.examples[0].question, (Words{"猫", "XXXXX", "鱼"}));
  EXPECT_EQ(corpus.examples[0].blank, 1u);
  EXPECT_EQ(corpus.examples[0].answer, "喜欢");
  EXPECT_EQ(corpus.examples[1].document, corpus.examples[0].document);  // two questions about one document
  EXPECT_EQ(corpus.examples[1].blank, 0u);
  EXPECT_EQ(corpus.examples[2].document, (Words{"天", "下", "XXXXX", "了"}));
  EXPECT_EQ(corpus.examples[2].answer, "雨");
}

TEST(Cloze, BrokenLinesAreNamed) {
  TextFolder folder;
  const auto answers = folder.write("a", "<qid_0> ||| b\n");
  const auto read = [&](const std::string& text) { return read_cloze(folder.write("q", text), answers); };
  const auto at = [&](int line) { return folder.path("q") + ":" + std::to_string(line) + ": "; };
  EXPECT_ERROR(read("1 a b\n"), kData, at(1) + "expected 'n ||| tokens' or '<qid_k> ||| tokens', got '1 a b'");
  EXPECT_ERROR(read("1 |||\n"), kData, at(1) + "nothing stands after '1 |||'");
  EXPECT_ERROR(read("1 ||| a\n3 ||| b\n"), kData, at(2) + "expected sentence 2 of a document or a question '<qid_k>', got '3'");
  EXPECT_ERROR(read("1 ||| a\n1 ||| b\n"), kData, at(2) + "expected sentence 2 of a document");
  EXPECT_ERROR(read("1 ||| a b\n<qid_0> ||| a b\n"), kData, at(2) + "expected exactly one XXXXX in the question, got 0");
  EXPECT_ERROR(read("1 ||| a b\n<qid_0> ||| XXXXX XXXXX\n"), kData, at(2) + "expected exactly one XXXXX in the question, got 2");
  EXPECT_ERROR(read("<qid_0> ||| a XXXXX\n"), kData, at(1) + "<qid_0> has no document before it");
  EXPECT_ERROR(read("1 ||| a b\n<qid_7> ||| a XXXXX\n"), kData, at(2) + "the file of answers has none for <qid_7>");
  EXPECT_ERROR(read("1 ||| a b\n<qid_0> ||| a XXXXX\n<qid_0> ||| XXXXX b\n"), kData, at(3) + "<qid_0> is a question already");
  EXPECT_ERROR(read("1 ||| a b\n"), kData, "the last document has no question");
  const auto good = folder.write("q", "1 ||| a b\n<qid_0> ||| a XXXXX\n");
  EXPECT_EQ(read_cloze(good, answers).examples.size(), 1u);
  EXPECT_ERROR(read_cloze(good, folder.write("b", "<qid_0> ||| b c\n")), kData,
               folder.path("b") + ":1: expected '<qid_k> ||| word', one word");
  EXPECT_ERROR(read_cloze(good, folder.write("b", "<qid_0> ||| b\n<qid_0> ||| c\n")), kData,
               folder.path("b") + ":2: <qid_0> has an answer");
  EXPECT_ERROR(read_cloze(good, folder.write("b", "<qid_0> ||| b\n<qid_1> ||| c\n")), kData,
               folder.path("b") + ":2: <qid_1> is no question");
}

TEST(LabelledLines, LabelsBecomeSortedClasses) {
  TextFolder folder;
  const auto corpus = read_labelled(folder.write("a", "pos a fine day \nneg  what\ta mess\n\npos good\n"));
  EXPECT_EQ(corpus.classes, (Words{"neg", "pos"}));
  ASSERT_EQ(corpus.examples.size(), 3u);
  EXPECT_EQ(corpus.examples[0].text, "a fine day");
  EXPECT_EQ(corpus.examples[0].label, 1u);
  EXPECT_EQ(corpus.examples[1].text, "what\ta mess");
  EXPECT_EQ(corpus.examples[1].label, 0u);
}

TEST(LabelledLines, BrokenLinesAreNamed) {
  TextFolder folder;
  const auto read = [&](const std::string& text) { return read_labelled(folder.write("a", text)); };
  const auto at = [&](int line) { return folder.path("a") + ":" + std::to_string(line) + ": "; };
  EXPECT_ERROR(read("1 good\n0\n"), kData, at(2) + "expected a label, a space and a sentence; got '0'");
  EXPECT_ERROR(read("1 good\n0  \n"), kData, at(2) + "expected a label");
  EXPECT_ERROR(read(" good\n"), kData, at(1) + "expected a label");
  EXPECT_ERROR(read("\n \n"), kData, "no text with a label is left; blank lines: 2 left out");
}

}  // namespace
}  // namespace attend
