// Quizzes from files, and what comes back: answers in order, probabilities, records, figures.
#include "attend/run/answers.h"
#include "attend/attention/attention_pooling.h"
#include "attend/models/encoder_classifier.h"
#include "attend/models/memory_hops.h"
#include "attend/models/patch_classifier.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/transformer_options.h"

#include "attend/core/files.h"
#include "attend/data/idx.h"
#include "support/temp_folder.h"
#include "support/tensors.h"

namespace attend::testing {
namespace {

std::shared_ptr<Tokenizer> symbols(const std::string& lines, const char* kind = "symbols") {
  TokenizerOptions o;
  o.kind = kind;
  return train_tokenizer(o, [&](const std::function<void(std::string_view)>& take) { take(lines); });
}

AnswerModel answer_model(ModelOptions o, std::shared_ptr<Tokenizer> source, std::shared_ptr<Tokenizer> answers) {
  o.embedding = 8;
  o.of<ReadingOptions>().encoder_hidden = 4;
  o.of<CellOptions>().cell = "gru";
  AnswerModel model;
  model.model = o;
  model.source = std::move(source);
  model.target = std::move(answers);
  at::manual_seed(3);
  model.network = std::dynamic_pointer_cast<Answerer>(make_network(o, model.source.get(), model.target.get()));
  model.network->eval();
  return model;
}

std::vector<Answered> answer_all(const AnswerModel& model, Quiz& quiz, const AnswerOptions& options) {
  quiz.prepare(any_model(model));
  std::vector<Answered> all;
  Runner(model).answer(quiz, options, [&](std::size_t item, Answered answered) {
    EXPECT_EQ(item, all.size());
    all.push_back(std::move(answered));
  });
  return all;
}

ModelOptions of_type(const std::string& type) {
  ModelOptions o;
  o.type = type;
  return o;
}

TEST(Answers, OfTextsComeInOrderWhateverTheBatch) {
  const auto model = answer_model(of_type("encoder_classifier"), symbols("a b c d"), symbols("bad good so-so"));
  const auto quiz = text_quiz({"a b", "c", "a b c d d d", "", "b b zzz"});
  const auto together = answer_all(model, *quiz, {.best = 3});
  const auto single = answer_all(model, *quiz, {.best = 3, .batch = 1});
  ASSERT_EQ(together.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    ASSERT_EQ(together[i].best.size(), 3U);
    double sum = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      sum += together[i].best[k].probability;
      EXPECT_EQ(together[i].best[k].text, single[i].best[k].text);
      EXPECT_NEAR(together[i].best[k].probability, single[i].best[k].probability, 1e-6);
    }
    EXPECT_NEAR(sum, 1, 1e-6);
    EXPECT_FALSE(together[i].correct);
  }
}

TEST(Answers, ABrokenTextIsNamedByFileAndLine) {
  expect_error(ErrorKind::kData, {"a.txt:12", "byte 3", "iconv"}, [] { text_quiz({"fine", "a \xff"}, "a.txt", 11); });
}

TEST(Answers, OfTextsFillTheRecord) {
  auto o = of_type("encoder_classifier");
  o.of<PoolingOptions>().rows = 2;
  const auto model = answer_model(o, symbols("a b c d"), symbols("bad good"));
  const auto quiz = text_quiz({"c", "a b c d"});
  const auto record = answer_all(model, *quiz, {.record = true})[0].record;
  const auto& pool = record->find_map("pool", 0);
  EXPECT_EQ(pool.heads, 2U);
  EXPECT_EQ(pool.rows, 1U);
  EXPECT_EQ(pool.cols, 1U);
  EXPECT_FLOAT_EQ(pool.weights[0], 1);
  EXPECT_EQ(record->data().source.utf8, "c");
}

// A model that takes a text as one vector ponders over one token, as long as it needs.
TEST(Answers, OfATextTakenWholeKnowTheirSteps) {
  auto o = of_type("encoder_classifier");
  o.of<ClassifierOptions>().encoder = "adaptive";
  o.of<WholeOptions>().whole = true;
  o.of<LongestOptions>().longest = 4;
  o.of<PoolingChoiceOptions>().pooling = "first";
  const auto model = answer_model(o, symbols("a b c d"), symbols("bad good"));
  const auto quiz = text_quiz({"a b c d", "c"});
  const auto all = answer_all(model, *quiz, {.record = true});
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(all[i].record->data().source.tokens.size(), 1U);
    const auto& steps = all[i].record->find_map("act.steps", 0);
    EXPECT_EQ(steps.cols, 1U);
    EXPECT_GE(steps.weights[0], 1);
  }
}

class QuizFilesTest : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    write_file_atomic(folder_ / name, text);
    return folder_ / name;
  }
  TempFolder folder_;
};

TEST_F(QuizFilesTest, StoriesKnowTheirSupportingFacts) {
  const auto path = write("a.txt", "1 Mary went home.\n2 John slept.\n3 Where is Mary?\thome\t1\n4 Mary left.\n5 Who slept?\tJohn\t2\n");
  const auto quiz = read_quiz(Matter::kStory, {.text = path});
  auto o = of_type("memory_hops");
  o.of<MemoryHopsOptions>().statements = 2;
  const auto model = answer_model(o, symbols("Mary went home. John slept. Where is Mary? left. Who slept?"), symbols("home"));
  const auto all = answer_all(model, *quiz, {.record = true});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(quiz->supporting(0), (std::vector<std::uint32_t>{0}));
  EXPECT_EQ(quiz->supporting(1), (std::vector<std::uint32_t>{0}));  // of three statements the latest two are held
  EXPECT_EQ(quiz->columns(1), 2U);
  EXPECT_EQ(quiz->gold(0), 0);
  EXPECT_EQ(quiz->gold(1), -1);  // an answer that training did not have
  EXPECT_TRUE(all[0].correct);
  EXPECT_EQ(all[0].support.size(), 3U);
  const auto& record = *all[1].record;
  EXPECT_EQ(record.data().source.utf8, "John slept. Mary left. Who slept?");
  EXPECT_EQ(record.data().source.tokens.size(), 3U);
  const auto& hop = record.find_map("hops", 2);
  EXPECT_NEAR(hop.weights[0] + hop.weights[1], 1, 1e-5);
  EXPECT_EQ(hop.weights[2], 0);  // the question is no memory
  const auto figures = evaluate_answers(Runner(model), *quiz);
  EXPECT_EQ(figures.items, 2U);
  EXPECT_EQ(figures.unanswerable, 1U);
  EXPECT_DOUBLE_EQ(figures.metrics.value("accuracy").value(), 0.5);
}

TEST_F(QuizFilesTest, StoriesWithoutAnswersAskByTheirMark) {
  const auto path = write("a.txt", "1 Mary went home.\n2 Where is Mary?\n");
  EXPECT_THROW(read_quiz(Matter::kStory, {.text = path}), Error);
  const auto quiz = read_questions(Matter::kStory, {path});
  EXPECT_EQ(quiz->size(), 1U);
  EXPECT_EQ(quiz->asked(0), "Where is Mary?");
  EXPECT_EQ(quiz->right(0), "");
}

// Blank lines, stories that ask nothing and statements beyond the model's memory are told, not dropped.
TEST_F(QuizFilesTest, TellWhatIsLeftOut) {
  const auto path = write("a.txt", "1 Ann slept.\n\n1 Mary went home.\n2 John slept.\n3 Where is Mary?\thome\t1\n");
  const auto quiz = read_quiz(Matter::kStory, {.text = path});
  using Lines = std::vector<std::string>;
  const Lines read{path + ": blank lines: 1 left out (" + path + ":2)", path + ": stories without a question: 1 left out"};
  EXPECT_EQ(quiz->told(), read);
  auto o = of_type("memory_hops");
  o.of<MemoryHopsOptions>().statements = 1;
  quiz->prepare(any_model(answer_model(o, symbols("Mary went home. John slept. Where is Mary?"), symbols("home"))));
  ASSERT_EQ(quiz->told().size(), 3U);
  EXPECT_EQ(quiz->told()[2], path +
                                 ": 1 of 1 questions look back on more than 1 statements, of which the oldest are not read; "
                                 "model.statements=2 reads all");
}

// Two ways to write é are one answer.
TEST_F(QuizFilesTest, AnswersAreNormalised) {
  const auto text =
      write("a.doc_query", "1 ||| Tom saw caf\xc3\xa9 .\n<qid_0> ||| Tom saw XXXXX .\n1 ||| Tom left .\n<qid_1> ||| Tom saw XXXXX .\n");
  const auto answers = write("a.answer", "<qid_0> ||| cafe\xcc\x81\n<qid_1> ||| Ann\n");
  const auto quiz = read_quiz(Matter::kDocument, {.text = text, .answers = answers});
  EXPECT_EQ(quiz->gold(0), 2);
  EXPECT_EQ(quiz->gold(1), -1);
  ASSERT_EQ(quiz->told().size(), 1U);
  EXPECT_EQ(quiz->told()[0], text +
                                 ": the answers to 1 of 2 questions do not stand in their documents; such questions are not learned from "
                                 "and count as wrong");
}

TEST_F(QuizFilesTest, DocumentsAreShownWithTheirQuestion) {
  const auto text = write("a.doc_query", "1 ||| Tom saw XXXXX .\n2 ||| Ann saw Tom .\n<qid_0> ||| Tom saw XXXXX .\n");
  const auto answers = write("a.answer", "<qid_0> ||| Ann\n");
  const auto quiz = read_quiz(Matter::kDocument, {.text = text, .answers = answers});
  const auto model = answer_model(of_type("reader"), symbols("Tom saw XXXXX . Ann"), nullptr);
  const auto all = answer_all(model, *quiz, {.best = 10, .record = true});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].best.size(), 5U);  // Tom, saw, the blank, the stop, Ann: each once
  double sum = 0;
  for (const auto& choice : all[0].best) sum += choice.probability;
  EXPECT_NEAR(sum, 1, 1e-5);
  EXPECT_EQ(quiz->gold(0), 4);
  const auto& record = *all[0].record;
  EXPECT_EQ(record.data().source.tokens.size(), 12U);
  const auto alpha = record.map(record.find_map("reader.alpha", 0), 0), beta = record.map(record.find_map("reader.beta", 0), 0);
  double of_question = 0, of_document = 0, document_row = 0;
  for (std::uint32_t s = 0; s < 8; ++s) of_question += alpha.at(8, s);
  for (std::uint32_t s = 0; s < 12; ++s) document_row += alpha.at(0, s);
  for (std::uint32_t t = 8; t < 12; ++t) of_document += beta.at(0, t);
  EXPECT_NEAR(of_question, 1, 1e-5);  // a word of the question reads the document
  EXPECT_NEAR(of_document, 1, 1e-5);  // and the other way round
  EXPECT_EQ(document_row, 0);
}

TEST_F(QuizFilesTest, PicturesComeInTheModelsSize) {
  IdxImages images{3, 4, 4, std::vector<std::uint8_t>(48)};
  for (std::size_t i = 0; i < 48; ++i) images.pixels[i] = static_cast<std::uint8_t>(5 * i);
  const auto pictures = write("images.gz", to_idx_gz(images)), labels = write("labels.gz", to_idx_gz(std::vector<std::uint8_t>{1, 0, 1}));
  const auto quiz = read_quiz(Matter::kPicture, {.images = pictures, .labels = labels});
  auto o = of_type("patch_classifier");
  o.attention = "multi_head";
  o.of<PictureOptions>().picture_width = o.of<PictureOptions>().picture_height = 2;
  o.of<PatchOptions>().patch = 1;
  const auto model = answer_model(o, nullptr, symbols("0 1"));
  const auto all = answer_all(model, *quiz, {.record = true});
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(quiz->grid(), (std::pair<std::int64_t, std::int64_t>{2, 2}));
  const std::size_t first[] = {0};
  EXPECT_TRUE(close(quiz->batch(first).pictures[0][0][0][0], at::tensor((0 + 5 + 20 + 25) / 4.0F / 255).squeeze(), 0.01));
  EXPECT_EQ(all[0].record->find_map("encoder.self", 0).rows, 4U);
  ASSERT_TRUE(all[0].record->data().picture);
  const auto& shown = *all[0].record->data().picture;
  EXPECT_EQ(std::tie(shown.rows, shown.cols, shown.width, shown.height), std::make_tuple(2U, 2U, 2U, 2U));
  ASSERT_EQ(shown.rgb.size(), 12U);
  EXPECT_NEAR(shown.rgb[0], (0 + 5 + 20 + 25) / 4.0, 1);
  EXPECT_EQ(shown.rgb[0], shown.rgb[2]);  // grey
  EXPECT_GT(shown.rgb[11], shown.rgb[0]);
}

}  // namespace
}  // namespace attend::testing
