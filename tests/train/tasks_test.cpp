// Every task learns something small enough for seconds, and says what it misses.
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "attend/data/image.h"
#include "attend/models/captioner.h"
#include "attend/models/encoder_classifier.h"
#include "attend/models/patch_classifier.h"
#include "attend/models/reader.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/rnn_seq2seq.h"
#include "attend/run/answers.h"
#include "attend/run/translator.h"
#include "attend/train/captions.h"
#include "attend/train/data.h"
#include "attend/train/questions.h"
#include "support/expect_error.h"
#include "train/training.h"

namespace attend {
namespace {

namespace fs = std::filesystem;

// Whether every line of a metrics.jsonl has entropies of attention, and numbers all of them.
bool tells_entropies(const std::string& metrics) {
  std::istringstream lines(metrics);
  for (std::string line; std::getline(lines, line);) {
    const auto told = nlohmann::json::parse(line).value("attention_entropies", nlohmann::json::object());
    if (told.empty() || !std::all_of(told.begin(), told.end(), [](const auto& h) { return h.is_number(); })) return false;
  }
  return true;
}

// Some letters are too rare to be known, so all that can be learnt is where to copy from.
TEST_F(Training, LearnsToCopyWhatItDoesNotKnow) {
  const auto settings = [&](const std::string& name, const std::string& steps) {
    return config(name, {"model.pointer_generator=true", "text.target.minimum_count=50", "train.label_smoothing=0", "train.rate=0.02",
                         "train.steps=" + steps, "model.dropout=0"});
  };
  const auto loss = [&](const std::string& name) {
    const Translator translator(folder_.path() + "/" + name);
    const std::string source[] = {"a b c"}, target[] = {"c b a"};
    return translator.score(source, target)[0].best[0].log_prob;
  };
  train(settings("short", "1"));
  train(settings("long", "60"));
  EXPECT_LT(Translator(folder_.path() + "/long").model().target->size(), 4 + 6);
  EXPECT_GT(loss("long"), loss("short") + 2);
  EXPECT_ERROR(train(config("smoothed", {"model.pointer_generator=true", "train.label_smoothing=0.1"})), kValue,
               "must be 0 with model.pointer_generator");
}

// The second pass mends what is wrong in a draft and leaves what is right.
TEST_F(Training, LearnsToRevise) {
  train(config("run", {"model.revise=true", "train.draft_noise=0.15", "train.steps=400", "train.validate_every=400", "model.hidden=32",
                       "model.encoder_hidden=32", "model.embedding=16", "model.dropout=0", "train.label_smoothing=0"}));
  const Translator translator(folder_.path() + "/run");
  std::vector<std::string> sources, right, spoilt;
  for (const auto& pair : short_pairs({.task = "reverse", .pairs = 100, .shortest = 2, .longest = 4, .symbols = 6, .seed = 2})) {
    sources.push_back(pair.source);
    right.push_back(pair.target);
    spoilt.push_back(pair.target);
    if (spoilt.size() % 2 == 0) spoilt.back()[0] = spoilt.back()[0] == 'a' ? 'b' : 'a';  // 17 % of the letters
  }
  const auto exact = [&](const std::vector<std::string>& drafts) {
    int same = 0;
    const auto revised = translator.revise(sources, drafts, translator.search_options());
    for (std::size_t i = 0; i < right.size(); ++i) same += revised[i].text() == right[i];
    return same;
  };
  EXPECT_GE(exact(right), 90);
  EXPECT_GE(exact(spoilt), 75);  // from 50
}

// A language model of one text: lines, their ends, and what the figures are of.
TEST_F(Training, LearnsAText) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "abcab\n";
  write_file_atomic(folder_.path() + "/text.txt", text);
  for (const std::string type : {"rnn_lm", "transformer_lm"}) {
    auto c = config(type, {"task=generate", "model.type=" + type, type == "rnn_lm" ? "train.samples=5" : "model.attention=scaled_dot",
                           "text.target.kind=characters", "data.length=12", "train.steps=150", "train.validate_every=50", "model.dropout=0",
                           "train.batch_size=8", "train.label_smoothing=0", "data.text=" + folder_.path() + "/text.txt"});
    c.data.of<TableFiles>().tsv = "";
    const auto result = train(c);
    EXPECT_LT(result.best_figure, 0.2) << type;  // what follows is certain once two letters are known
    const auto model = Runner(folder_.path() + "/" + type).writer(Matter::kNothing);
    EXPECT_EQ(model.source, nullptr);
    EXPECT_EQ(model.target->size(), 4 + 3);
  }
  EXPECT_ERROR(train(config("other", {"task=generate"})), kValue, "data.text is missing");
  EXPECT_ERROR(train(config("other", {"task=translat"})), kUnknownName, "did you mean 'translate'");
}

// Characters are those that tokens spell: two spaces are one, as a tokenizer reads them.
TEST_F(Training, BitsPerCharacterCountWhatIsPredicted) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "ab  ab \n";
  write_file_atomic(folder_.path() + "/text.txt", text);
  auto c = config("run", {"task=generate", "model.type=rnn_lm", "text.target.kind=characters", "data.length=12", "train.steps=2",
                          "train.validate_every=2", "data.text=" + folder_.path() + "/text.txt"});
  c.data.of<TableFiles>().tsv = "";
  train(c);
  const auto metrics = nlohmann::json::parse(read_file(folder_.path() + "/run/metrics.jsonl"));
  EXPECT_NEAR(metrics.at("bits_per_character").get<double>(), metrics.at("loss").get<double>() / std::log(2.0), 1e-9);
}

TEST_F(Training, LearnsClassesOfTexts) {
  std::string text;
  for (const auto* word : {"tea", "rain", "snow", "song", "road"})
    for (int i = 0; i < 4; ++i) text += fmt::format("good the {} was fine\nbad the {} was dull\n", word, word);
  write_file_atomic(folder_.path() + "/labelled.txt", text);
  for (const std::string encoder : {"recurrent", "adaptive", "universal"}) {
    std::vector<std::string> changes{"task=classify",
                                     "model.type=encoder_classifier",
                                     "model.encoder=" + encoder,
                                     "data.text=" + folder_.path() + "/labelled.txt",
                                     "data.dev_share=0.2",
                                     "train.steps=60",
                                     "train.metric=accuracy",
                                     "train.label_smoothing=0.1",
                                     "data.unknown_share=0.1"};
    if (encoder != "recurrent") changes.emplace_back("model.act_max_steps=3");
    if (encoder == "universal") changes.emplace_back("model.attention=multi_head");
    auto c = config(encoder, changes);
    c.data.of<TableFiles>().tsv = "";
    EXPECT_EQ(train(c).best_figure, 1) << encoder;
    const auto model = Runner(folder_.path() + "/" + encoder).answerer();
    EXPECT_EQ(model.target->size(), 4 + 2);
    EXPECT_EQ(model.text.target.kind, "lines");
  }
  EXPECT_ERROR(train(config("other", {"task=classify", "model.type=rnn_seq2seq"})), kValue, "encoder_classifier, patch_classifier");
  EXPECT_ERROR(train(config("other", {"task=translate", "model.type=reader"})), kValue, "rnn_seq2seq, transformer");
}

// The rows of a pool are pushed apart by train.rows_weight, and by nothing else.
TEST_F(Training, RowsOfAPoolCanBeKeptApart) {
  std::string text;
  for (int i = 0; i < 12; ++i) text += "good so fine a day\nbad so dull a day\n";
  write_file_atomic(at("labelled.txt"), text);
  const auto overlap = [&](const std::string& name, const std::string& weight) {
    auto c = config(name, {"task=classify", "model.type=encoder_classifier", "model.pooling_rows=2", "data.text=" + at("labelled.txt"),
                           "data.dev_share=0.2", "train.steps=60", "train.validate_every=60", "train.metric=accuracy", "model.dropout=0",
                           "train.rate=0.02", "train.rows_weight=" + weight});
    c.data.of<TableFiles>().tsv = "";
    train(c);
    const Runner runner(at(name));
    const auto quiz = text_quiz({"so fine a day"});
    quiz->prepare(runner.model());
    double shared = 0;
    runner.answer(*quiz, {.record = true}, [&](std::size_t, const Answered& answered) {
      const auto& map = answered.record->find_map("pool", 0);  // rows of the pool are heads
      EXPECT_EQ(map.heads, 2u);
      for (std::uint32_t s = 0; s < map.cols; ++s) shared += answered.record->map(map, 0).at(0, s) * answered.record->map(map, 1).at(0, s);
    });
    return shared;
  };
  EXPECT_LT(overlap("apart", "1"), 0.5 * overlap("free", "0"));
}

TEST_F(Training, LearnsAnswersAboutStories) {
  std::string text;
  for (const auto* place : {"hall", "park", "shed", "yard"})
    for (const auto* other : {"hall", "park", "shed", "yard"})
      text += fmt::format("1 Ann went to the {}.\n2 Tom went to the {}.\n3 Where is Ann?\t{}\t1\n4 Where is Tom?\t{}\t2\n", place, other,
                          place, other);
  write_file_atomic(folder_.path() + "/stories.txt", text);
  auto c = config(
      "run", {"task=answer", "model.type=memory_hops", "data.text=" + folder_.path() + "/stories.txt",
              "data.dev_text=" + folder_.path() + "/stories.txt", "train.steps=300", "train.validate_every=100", "train.metric=accuracy",
              "train.label_smoothing=0", "train.linear_start=20", "train.rate=0.02", "train.attention_entropy=0.001"});
  c.data.of<TableFiles>().tsv = "";
  EXPECT_EQ(train(c).best_figure, 1);
  EXPECT_TRUE(tells_entropies(read_file(at("run/metrics.jsonl"))));
}

TEST_F(Training, LearnsWordsOfDocuments) {
  std::string questions, answers;
  int number = 0;
  for (const auto* a : {"ball", "cup", "map"})
    for (const auto* b : {"ball", "cup", "map"}) {
      questions += fmt::format("1 ||| Ann took the {} .\n2 ||| Tom took the {} .\n<qid_{}> ||| Ann has the XXXXX .\n", a, b, number);
      answers += fmt::format("<qid_{}> ||| {}\n", number++, a);
    }
  write_file_atomic(folder_.path() + "/q", questions);
  write_file_atomic(folder_.path() + "/a", answers);
  for (const auto* reader : {"attention_over_attention", "question_to_doc", "doc_to_question"}) {
    auto c = config(
        reader, {"task=answer", "model.type=reader", std::string("model.reader=") + reader, "text.source.kind=symbols", "model.cell=gru",
                 "data.text=" + folder_.path() + "/q", "data.answers=" + folder_.path() + "/a", "data.dev_text=" + folder_.path() + "/q",
                 "data.dev_answers=" + folder_.path() + "/a", "train.steps=150", "train.validate_every=50", "train.metric=accuracy",
                 "model.dropout=0", "train.rate=0.02", "train.attention_entropy=0.001"});
    c.data.of<TableFiles>().tsv = "";
    EXPECT_EQ(train(c).best_figure, 1) << reader;
    EXPECT_TRUE(tells_entropies(read_file(at(reader) + "/metrics.jsonl"))) << reader;
  }
  auto c = config("other", {"task=answer", "model.type=reader", "data.text=" + folder_.path() + "/q"});
  EXPECT_ERROR(train(c), kValue, "data.answers is missing");
  c.data.of<AnswerFiles>().answers = folder_.path() + "/a";
  c.data.of<HeldOutOptions>().dev_share = 0;
  EXPECT_ERROR(train(c), kData, "dev_share");
  c.data.of<HeldOutOptions>().dev_share = 0.01;  // one at least is held out
  EXPECT_ERROR(train(c), kValue, "set symbols, not words");
  c.data.of<HeldOutOptions>().dev_share = 0.3;
  EXPECT_ERROR(train(c), kValue, "set symbols, not words");
}

// Every picture has captions of its own: read once for all of them, and never told another's.
TEST_F(Training, LearnsCaptions) {
  const std::vector<std::pair<std::string, std::array<std::uint8_t, 3>>> colours{
      {"red", {220, 30, 30}}, {"green", {30, 200, 30}}, {"blue", {30, 30, 220}}, {"white", {250, 250, 250}}};
  fs::create_directories(folder_.path() + "/pictures");
  std::string captions, list;
  for (const auto& [colour, rgb] : colours) {
    Image picture{8, 8, 3, {}};
    for (int i = 0; i < 64; ++i) picture.pixels.insert(picture.pixels.end(), rgb.begin(), rgb.end());
    write_file_atomic(folder_.path() + "/pictures/" + colour + ".png", to_png(picture));
    captions += fmt::format("{0}.png#0\tThis is {0} .\n{0}.png#1\tIt is {0}, all of it!\n", colour);
    list += colour + ".png\n";
  }
  write_file_atomic(folder_.path() + "/captions.txt", captions);
  write_file_atomic(folder_.path() + "/list.txt", list);
  auto c = config("run", {"task=caption",
                          "model.type=captioner",
                          "model.picture_width=8",
                          "model.picture_height=8",
                          "model.picture_channels=3",
                          "model.convolutions=2",
                          "model.filters=8",
                          "model.timing=before",
                          "model.context_gate=true",
                          "model.input_feeding=false",
                          "model.dropout=0",
                          "data.captions=" + folder_.path() + "/captions.txt",
                          "data.images=" + folder_.path() + "/pictures",
                          "data.list=" + folder_.path() + "/list.txt",
                          "data.dev_list=" + folder_.path() + "/list.txt",
                          "data.mirror=true",
                          "data.shift=1",
                          "train.steps=120",
                          "train.validate_every=40",
                          "train.metric=exact",
                          "train.batch_size=4",
                          "train.label_smoothing=0",
                          "train.attention_entropy=0.001",
                          "decode.max_length_ratio=0"});
  c.data.of<TableFiles>().tsv = "";
  EXPECT_EQ(train(c).best_figure, 1);
  EXPECT_TRUE(tells_entropies(read_file(at("run/metrics.jsonl"))));
  c.train.out += "2";
  c.data.of<CaptionFiles>().dev_list = "";
  c.data.of<PictureFiles>().dev_images = c.data.of<PictureFiles>().images;
  EXPECT_ERROR(train(c), kValue, "data.dev_list is missing");
  c.data.of<PictureFiles>().dev_images = "";
  c.data.of<HeldOutOptions>().dev_share = 0;
  EXPECT_ERROR(train(c), kData, "4 pictures cannot be parted into training and validation by data.dev_share = 0");
  c.model.type = "rnn_seq2seq";
  c.data.of<CaptionFiles>().dev_list = c.data.of<CaptionFiles>().list;
  EXPECT_ERROR(train(c), kValue, "captioner");
}

}  // namespace
}  // namespace attend
