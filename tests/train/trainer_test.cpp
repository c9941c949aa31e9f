// The training loop: what a run leaves on disk, going on bit for bit, and what it does when something is wrong.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "attend/core/files.h"
#include "attend/decode/translator.h"
#include "attend/ops/cross_entropy.h"
#include "attend/text/generate.h"
#include "attend/text/image.h"
#include "attend/train/optimiser.h"
#include "attend/train/trainer.h"
#include "support/expect_error.h"
#include "support/temp_folder.h"
#include "support/tensors.h"

namespace attend {
namespace {

namespace fs = std::filesystem;
const std::atomic<bool> kGoOn{false};

// A run so small that an update takes milliseconds: reversing three letters.
class Training : public ::testing::Test {
 protected:
  void SetUp() override {
    SequenceOptions sequences;
    sequences.task = "reverse";
    sequences.pairs = 120;
    sequences.minimum_length = 2;
    sequences.maximum_length = 4;
    sequences.symbols = 6;
    std::string text;
    for (const auto& pair : generate_sequences(sequences)) text += to_tsv_line(pair) + "\n";
    write_file_atomic(folder_.path() + "/data.tsv", text);
  }

  Config config(const std::string& name, const std::vector<std::string>& changes = {}) const {
    GivenValues given;
    for (const char* base : {"text.source.kind=words", "text.target.kind=words", "model.embedding=8", "model.encoder_hidden=8",
                             "model.hidden=12", "model.heads=2", "model.feed_forward=16", "model.dropout=0.2", "train.batch_by=sentences",
                             "train.batch_size=16", "train.epochs=0", "train.steps=20", "train.validate_every=5", "train.validate_pairs=10",
                             "data.dev_pairs=20", "train.metric=loss", "train.rate=0.01"})
      set_given(given, base, "test");
    set_given(given, "data.tsv=" + folder_.path() + "/data.tsv", "test");
    set_given(given, "train.out=" + folder_.path() + "/" + name, "test");
    for (const auto& change : changes) set_given(given, change, "test");
    Config c;
    assign(c, given);
    return c;
  }

  TrainResult train(const Config& c, bool resume = false, TrainEvents events = {}, const std::atomic<bool>& stop = kGoOn) const {
    Trainer::Start start;
    start.config = c;
    start.resume = resume;
    return Trainer(start, std::move(events)).run(stop);
  }
  std::string weights(const std::string& run) const { return checksum_file(folder_.path() + "/" + run + "/last/weights.safetensors"); }
  std::string optimiser(const std::string& run) const { return checksum_file(folder_.path() + "/" + run + "/last/optimiser.safetensors"); }

  TempFolder folder_;
};

TEST_F(Training, LeavesARunThatLoadsAndVerifies) {
  const auto result = train(config("run"));
  EXPECT_EQ(result.end, TrainEnd::kFinished);
  EXPECT_EQ(result.steps, 20);
  const auto run = folder_.path() + "/run";
  for (const auto& check : verify_model(run + "/last")) EXPECT_TRUE(check.sound) << check.name << " " << check.problem;
  const Translator translator(run);
  const std::string source[] = {"a b"}, target[] = {"b a"};
  EXPECT_LT(translator.score(source, target)[0].best[0].log_prob, 0);
  std::ifstream metrics(run + "/metrics.jsonl");
  std::vector<std::int64_t> steps;
  for (std::string line; std::getline(metrics, line);) steps.push_back(nlohmann::json::parse(line).at("step").get<std::int64_t>());
  EXPECT_EQ(steps, (std::vector<std::int64_t>{5, 10, 15, 20}));
  EXPECT_TRUE(fs::exists(run + "/samples/step-20.txt"));
  EXPECT_TRUE(fs::is_symlink(run + "/best"));
}

TEST_F(Training, LearnsToReverse) {
  const auto result = train(config("run", {"train.steps=400", "train.validate_every=100", "model.hidden=32", "model.encoder_hidden=32",
                                           "model.embedding=16", "model.dropout=0", "train.metric=exact", "train.label_smoothing=0"}));
  EXPECT_GE(result.best_figure, 0.8);
}

TEST_F(Training, ResumingContinuesBitForBit) {
  for (const std::string type : {"rnn_seq2seq", "transformer"}) {
    const std::vector<std::string> changes{"model.type=" + type,     "model.attention=scaled_dot", "model.encoder_hidden=6",
                                           "train.schedule=plateau", "train.accumulate=2",         "train.save_every=7"};
    train(config(type + "-whole", changes));
    std::atomic<bool> stop{false};
    TrainEvents events;
    events.step = [&](const StepReport& r) {
      if (r.step == 13) stop = true;  // in the middle of an epoch, between checkpoints
    };
    auto c = config(type + "-parts", changes);
    EXPECT_EQ(train(c, false, events, stop).end, TrainEnd::kInterrupted);
    EXPECT_NE(weights(type + "-parts"), weights(type + "-whole"));
    EXPECT_EQ(train(c, true).steps, 20);
    EXPECT_EQ(weights(type + "-parts"), weights(type + "-whole"));
    EXPECT_EQ(optimiser(type + "-parts"), optimiser(type + "-whole"));
  }
}

TEST_F(Training, KeepsTheBestAndTheLast) {
  train(config("run", {"train.keep=1"}));
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder_.path() + "/run"))
    if (entry.is_directory() && !entry.is_symlink() && entry.path().filename() != "samples") names.insert(entry.path().filename());
  EXPECT_LE(names.size(), 2u);
  EXPECT_TRUE(names.contains("step-20"));
}

TEST_F(Training, RefusesToOverwriteARun) {
  train(config("run", {"train.steps=1"}));
  EXPECT_ERROR(train(config("run")), kFile, "already holds a training run; continue it with --resume");
  EXPECT_ERROR(train(config("other"), true), kFile, "nothing to resume");
}

TEST_F(Training, StopsAtALossThatIsNoNumber) {
  train(config("first", {"train.steps=1"}));
  const auto path = folder_.path() + "/first/last/weights.safetensors";
  auto bytes = read_file(path);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(bytes.data() + bytes.size() - sizeof nan, &nan, sizeof nan);
  write_file_atomic(path, bytes);
  EXPECT_ERROR(train(config("second", {"train.init_from=" + folder_.path() + "/first/last"})), kData, "data.tsv:");
}

TEST_F(Training, DiskFullKeepsThePreviousCheckpoint) {
  auto c = config("run", {"train.steps=5", "model.hidden=64"});
  train(c);
  const auto before = weights("run");
  c.train.steps = 10;
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  rlimit small{50000, old.rlim_max};  // enough for the configuration, not for the weights
  setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_ERROR(train(c, true), kFile, "weights.safetensors");
  setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_EQ(weights("run"), before);
  for (const auto& check : verify_model(folder_.path() + "/run/last")) EXPECT_TRUE(check.sound);
  for (const auto& entry : fs::directory_iterator(folder_.path() + "/run"))
    EXPECT_EQ(entry.path().string().find(".partial-"), std::string::npos) << entry.path();
}

TEST_F(Training, AveragingKeepsTheBetter) {
  const auto result = train(config("run", {"train.steps=60", "train.validate_every=10", "train.keep=4", "train.average=4"}));
  std::ifstream metrics(folder_.path() + "/run/metrics.jsonl");
  double single = std::numeric_limits<double>::infinity();
  for (std::string line; std::getline(metrics, line);) single = std::min(single, nlohmann::json::parse(line).at("loss").get<double>());
  EXPECT_LE(result.best_figure, single);
  const bool averaged = fs::read_symlink(folder_.path() + "/run/best").string().starts_with("average-");
  EXPECT_EQ(averaged, result.best_figure < single);
  for (const auto& check : verify_model(folder_.path() + "/run/best")) EXPECT_TRUE(check.sound);
}

TEST_F(Training, ResumingAFinishedRunChangesNothing) {
  train(config("run"));
  const auto before = weights("run");
  EXPECT_EQ(train(config("run"), true).steps, 20);
  EXPECT_EQ(weights("run"), before);
}

TEST_F(Training, StartsFromAnotherModel) {
  train(config("first", {"train.steps=5"}));
  auto c = config("second", {"train.steps=1", "train.rate=0", "train.init_from=" + folder_.path() + "/first"});
  train(c);
  EXPECT_EQ(weights("second"), weights("first"));
}

// Mechanisms that draw, remember or add losses of their own: a run goes through, and going on is bit for bit there too.
TEST_F(Training, EveryKindOfMechanismResumesBitForBit) {
  for (const std::string attention : {"hard", "gumbel_st", "coverage", "location_sensitive", "monotonic", "soft_psi", "local_rnn"}) {
    SCOPED_TRACE(attention);
    const std::vector<std::string> changes{"model.attention=" + attention, "model.score=additive", "model.local_size=4",
                                           "train.guided_weight=0.5", "train.steps=12"};
    train(config(attention + "-whole", changes));
    auto c = config(attention + "-parts", changes);
    c.train.steps = 7;
    train(c);
    c.train.steps = 12;
    EXPECT_EQ(train(c, true).steps, 12);
    EXPECT_EQ(weights(attention + "-parts"), weights(attention + "-whole"));
  }
}

// Nothing but drawn positions, no bridge and an encoder too small to say the whole source anywhere: where to look can only come from
// the reward. Adam takes the reward's size out of the attention's own updates; a small weight keeps its noise out of the others.
TEST_F(Training, HardAttentionLearnsFromItsReward) {
  SequenceOptions sequences;
  sequences.task = "copy";
  sequences.pairs = 400;
  sequences.minimum_length = 3;
  sequences.maximum_length = 4;
  sequences.symbols = 12;
  std::string text;
  for (const auto& pair : generate_sequences(sequences)) text += to_tsv_line(pair) + "\n";
  write_file_atomic(folder_.path() + "/data.tsv", text);
  const auto learned = [&](const std::string& name, double weight) {
    auto c = config(name, {"model.attention=hard", "model.score=location", "model.location_size=8", "model.bridge=zero", "model.cell=gru",
                           "model.hidden=32", "model.embedding=16", "model.dropout=0", "train.reward=to_go", "train.entropy_weight=0",
                           "train.steps=500", "train.validate_every=100", "data.dev_pairs=50", "train.metric=exact",
                           "train.validate_pairs=0", "train.label_smoothing=0"});
    c.train.reward_weight = weight;
    c.model.mechanism.hard_soft_share = 1e-12;  // above 0 for check_config alone
    return train(c).best_figure;
  };
  EXPECT_GE(learned("right", 1e-4), 0.6);    // ten seeds: 0.74 to 1.00
  EXPECT_LE(learned("wrong", -1e-4), 0.35);  // 0.10 to 0.24
}

TEST_F(Training, GuidanceNeedsLinksAndHardAttentionNeedsAGradient) {
  write_file_atomic(folder_.path() + "/a.en", "a b\nb a\n");
  auto c = config("run", {"train.guided_weight=1"});
  c.data.tsv = "";
  c.data.source = c.data.target = folder_.path() + "/a.en";
  EXPECT_ERROR(train(c), kValue, "third column of data.tsv");
  EXPECT_ERROR(train(config("run", {"model.attention=hard", "train.reward_weight=0", "model.hard_soft_share=0"})), kValue,
               "hard_st or gumbel");
  EXPECT_ERROR(train(config("run", {"model.type=transformer", "model.self_attention=hard"})), kValue, "the attention to the source alone");
}

// A language model of one text: lines, their ends, and what the figures are of.
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

TEST_F(Training, LearnsAText) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "abcab\n";
  write_file_atomic(folder_.path() + "/text.txt", text);
  for (const std::string type : {"rnn_lm", "transformer_lm"}) {
    auto c = config(type, {"task=generate", "model.type=" + type, type == "rnn_lm" ? "model.attention=none" : "model.attention=scaled_dot",
                           "text.target.kind=characters", "data.length=12", "train.steps=150", "train.validate_every=50", "model.dropout=0",
                           "train.batch_size=8", "train.label_smoothing=0", "data.text=" + folder_.path() + "/text.txt"});
    c.data.tsv = "";
    const auto result = train(c);
    EXPECT_LT(result.best_figure, 0.2) << type;  // what follows is certain once two letters are known
    const auto model = read_language_model(folder_.path() + "/" + type);
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
  auto c = config("run", {"task=generate", "model.type=rnn_lm", "model.attention=none", "text.target.kind=characters", "data.length=12",
                          "train.steps=2", "train.validate_every=2", "data.text=" + folder_.path() + "/text.txt"});
  c.data.tsv = "";
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
    auto c = config(encoder, {"task=classify", "model.type=encoder_classifier", "model.attention=multi_head", "model.encoder=" + encoder,
                              "data.text=" + folder_.path() + "/labelled.txt", "data.dev_share=0.2", "train.steps=60",
                              "train.metric=accuracy", "train.label_smoothing=0.1", "data.unknown_share=0.1", "model.act_max_steps=3"});
    c.data.tsv = "";
    EXPECT_EQ(train(c).best_figure, 1) << encoder;
    const auto model = read_answer_model(folder_.path() + "/" + encoder);
    EXPECT_EQ(model.target->size(), 4 + 2);
    EXPECT_EQ(model.text.target.kind, "symbols");
  }
  EXPECT_ERROR(train(config("other", {"task=classify"})), kValue, "encoder_classifier, patch_classifier");
  EXPECT_ERROR(train(config("other", {"task=translate", "model.type=reader"})), kValue, "rnn_seq2seq, transformer");
}

TEST_F(Training, LearnsAnswersAboutStories) {
  std::string text;
  for (const auto* place : {"hall", "park", "shed", "yard"})
    for (const auto* other : {"hall", "park", "shed", "yard"})
      text += fmt::format("1 Ann went to the {}.\n2 Tom went to the {}.\n3 Where is Ann?\t{}\t1\n4 Where is Tom?\t{}\t2\n", place, other,
                          place, other);
  write_file_atomic(folder_.path() + "/stories.txt", text);
  auto c = config("run", {"task=answer", "model.type=memory_hops", "data.text=" + folder_.path() + "/stories.txt",
                          "data.dev_text=" + folder_.path() + "/stories.txt", "train.steps=300", "train.validate_every=100",
                          "train.metric=accuracy", "train.label_smoothing=0", "train.linear_start=20", "train.rate=0.02"});
  c.data.tsv = "";
  EXPECT_EQ(train(c).best_figure, 1);
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
    auto c = config(reader, {"task=answer", "model.type=reader", std::string("model.reader=") + reader, "text.source.kind=symbols",
                             "model.cell=gru", "data.text=" + folder_.path() + "/q", "data.answers=" + folder_.path() + "/a",
                             "data.dev_text=" + folder_.path() + "/q", "data.dev_answers=" + folder_.path() + "/a", "train.steps=150",
                             "train.validate_every=50", "train.metric=accuracy", "model.dropout=0", "train.rate=0.02"});
    c.data.tsv = "";
    EXPECT_EQ(train(c).best_figure, 1) << reader;
  }
  auto c = config("other", {"task=answer", "model.type=reader", "data.text=" + folder_.path() + "/q"});
  EXPECT_ERROR(train(c), kValue, "answers is missing");
  c.data.answers = folder_.path() + "/a";
  EXPECT_ERROR(train(c), kData, "dev_share");
  c.data.dev_share = 0.3;
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
                          "decode.max_length_ratio=0"});
  c.data.tsv = "";
  EXPECT_EQ(train(c).best_figure, 1);
  c.train.out += "2";
  c.data.dev_list = "";
  EXPECT_ERROR(train(c), kValue, "data.dev_list is missing");
  c.model.type = "rnn_seq2seq";
  c.data.dev_list = c.data.list;
  EXPECT_ERROR(train(c), kValue, "captioner");
}

TEST_F(Training, AnUnknownMetricIsHelped) {
  EXPECT_ERROR(train(config("run", {"train.metric=blue"})), kUnknownName, "did you mean 'bleu'");
}

TEST(Metrics, LossesAndErrorsAreBetterWhenSmaller) {
  for (const auto* name : {"bleu", "chrf", "exact", "accuracy"}) EXPECT_TRUE(larger_is_better(name)) << name;
  for (const auto* name : {"loss", "perplexity", "bits_per_character", "wer"}) EXPECT_FALSE(larger_is_better(name)) << name;
}

TEST(CrossEntropy, EqualsLibtorchInValueAndGradient) {
  const auto logits = at::cos(at::arange(35, at::kDouble)).view({5, 7}).mul(3);
  const auto targets = at::tensor({1, 0, 6, 3, 3}, at::kLong);
  for (const double smoothing : {0.0, 0.1, 0.5}) {
    auto ours = logits.clone().requires_grad_(true), theirs = logits.clone().requires_grad_(true);
    const auto entropy = cross_entropy(ours, targets, smoothing);
    const auto expected = at::cross_entropy_loss(theirs, targets, {}, at::Reduction::Sum, -100, smoothing);
    (entropy.loss * 0.7).backward();
    (expected * 0.7).backward();
    EXPECT_NEAR(entropy.loss.item<double>(), expected.item<double>(), 1e-12);
    EXPECT_TRUE(at::allclose(ours.grad(), theirs.grad(), 1e-12, 1e-12));
    const auto nll = at::cross_entropy_loss(logits, targets, {}, at::Reduction::Sum);
    EXPECT_NEAR(entropy.nll, nll.item<double>(), 1e-12);
  }
}

TEST(Schedules, FollowTheirFormulas) {
  TrainOptions o;
  o.rate = 2;
  o.warmup = 100;
  o.schedule = "noam";
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 50, 256), 2 / 16.0 * 50 * std::pow(100.0, -1.5));
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 400, 256), 2 / 16.0 / 20.0);
  o.schedule = "inverse_sqrt";
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 50, 256), 1.0);
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 400, 256), 1.0);
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 100, 256), 2.0);
  o.schedule = "cosine";
  o.steps = 300;
  o.minimum_rate = 0;
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 200, 256), 1.0);
  EXPECT_NEAR(scheduled_rate(o, 300, 256), 0.0, 1e-15);
  o.schedule = "constant";
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 25, 256), 0.5);
}

TEST(Optimiser, AdamFollowsItsPaper) {
  TrainOptions o;
  o.beta1 = 0.9;
  o.beta2 = 0.99;
  o.epsilon = 1e-8;
  auto p = at::tensor({1.0F, -2.0F}).requires_grad_(true);
  Optimiser optimiser(o, {{"p", p}});
  double m = 0, v = 0, x = 1.0;
  for (int t = 1; t <= 3; ++t) {
    p.mutable_grad() = at::tensor({0.5F * static_cast<float>(t), 1.0F});
    optimiser.step(0.1);
    const double g = 0.5 * t;
    m = 0.9 * m + 0.1 * g;
    v = 0.99 * v + 0.01 * g * g;
    x -= 0.1 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.99, t))) + 1e-8);
  }
  EXPECT_NEAR(p[0].item<double>(), x, 1e-5);
}

}  // namespace
}  // namespace attend
