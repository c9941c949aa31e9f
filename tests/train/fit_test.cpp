// What a corpus looks like, and the configuration that is chosen for it.
#include "attend/train/fit.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/rnn_seq2seq.h"

#include <algorithm>
#include <cmath>

#include "attend/synthetic/generate_files.h"
#include "attend/train/optimiser.h"
#include "support/expect_error.h"
#include "train/training.h"

namespace attend {
namespace {

SideProfile profile_of(const std::vector<std::string>& lines) {
  SideCounter counter;
  for (const auto& line : lines) counter.add(line);
  return counter.finish();
}

CorpusProfile profile_of(const std::vector<GeneratedPair>& pairs) {
  SideCounter source, target;
  for (const auto& pair : pairs) {
    source.add(pair.source);
    target.add(pair.target);
  }
  return {.pairs = pairs.size(), .source = source.finish(), .target = target.finish()};
}

// Running text of 200 common words, and one in ten that comes once: as prose is, most types are rare.
std::vector<GeneratedPair> prose(std::size_t pairs) {
  std::vector<GeneratedPair> all(pairs);
  for (std::size_t i = 0; i < pairs; ++i) {
    for (std::size_t w = 0; w < 10; ++w) {
      const auto word = w == 4 ? fmt::format("rare{}", i) : fmt::format("word{}", (7 * i + 13 * w) % 200);
      all[i].source += (w ? " " : "") + word;
      all[i].target += (w ? " " : "") + word + "en";
    }
    all[i].source += '.';
    all[i].target += '.';
  }
  return all;
}

struct Fitted {
  Config config;
  std::vector<std::string> said;
};

Fitted fitted(const CorpusProfile& corpus, const std::vector<std::string>& given = {}) {
  GivenValues values;
  for (const auto& one : given) set_given(values, one, "test");
  Fitted f;
  assign(f.config, values);
  complete_config(f.config, values);
  f.said = fit_to_corpus(f.config, values, corpus);
  return f;
}

bool says(const std::vector<std::string>& lines, const std::string& part) {
  return std::any_of(lines.begin(), lines.end(), [&](const auto& line) { return line.find(part) != line.npos; });
}

TEST(Profiles, CountWordsWithoutTheirPunctuation) {
  const auto p = profile_of(std::vector<std::string>{"The cat, the dog.", "the \"cat\" ran away", "so"});
  EXPECT_EQ(p.lines, 3u);
  EXPECT_EQ(p.words, 9u);
  EXPECT_EQ(p.types, 7u);  // The cat the dog ran away so
  EXPECT_EQ(p.once, 5u);   // The dog ran away so
  EXPECT_NEAR(p.attached, 1 / 3.0, 1e-12);
  EXPECT_EQ(p.most_words, 4);
  EXPECT_EQ(p.most_characters, 15);
  EXPECT_EQ(p.usual_words, 4);
  EXPECT_EQ(p.cjk, 0);
  EXPECT_FALSE(p.closed());
}

TEST(Profiles, KnowAScriptWithoutSpacesFromOneWithThem) {
  EXPECT_TRUE(profile_of(std::vector<std::string>{"我父母下个月会借两台电脑", "你好吗？我很好"}).unspaced());
  EXPECT_FALSE(profile_of(std::vector<std::string>{"阿 伦", "安 娜"}).unspaced());                        // characters apart
  EXPECT_FALSE(profile_of(std::vector<std::string>{"나는 너를 사랑한다", "오늘 날씨 좋다"}).unspaced());  // Korean has spaces
  EXPECT_TRUE(profile_of(std::vector<std::string>{"ฉันไม่รู้ว่าเขาอยู่ที่ไหน", "วันนี้อากาศดีมากๆเลยนะ"}).unspaced());
  EXPECT_FALSE(profile_of(std::vector<std::string>{"Donaudampfschifffahrtsgesellschaft ist ein langes Wort , sagt man"}).unspaced());
}

TEST(Profiles, AreClosedWhenNextToNothingIsNew) {
  const auto commands = profile_of(generate_commands(500, 1));
  EXPECT_TRUE(commands.source.closed());
  EXPECT_TRUE(commands.target.closed());
  EXPECT_FALSE(profile_of(prose(5000)).source.closed());
  EXPECT_TRUE(profile_of(std::vector<std::string>{"a", "ab", "cde"}).one_word());
  EXPECT_TRUE(profile_of(std::vector<std::string>{"a n n a", "b o b"}).letters_apart());
  EXPECT_FALSE(commands.source.letters_apart());
}

// Pieces would cut I_TURN_LEFT, and words would too.
TEST(Fitting, TakesCommandsForSymbols) {
  const auto f = fitted(profile_of(generate_commands(5000, 1)));
  EXPECT_EQ(f.config.text.source.kind, "symbols");
  EXPECT_EQ(f.config.text.target.kind, "symbols");
  EXPECT_FALSE(f.config.text.source.lowercase);
  EXPECT_EQ(f.config.train.metric, "exact");
  EXPECT_EQ(f.config.train.of<SearchedOptions>().bleu_tokenizer, "none");
  EXPECT_EQ(f.config.train.label_smoothing, 0);
  EXPECT_EQ(f.config.model.of<TiedOptions>().tied, "none");
  EXPECT_TRUE(says(f.said, "text.target.kind = symbols (6 symbols make up"));
}

TEST(Fitting, TakesAPhrasebookForWordsAndCharacters) {
  const auto f = fitted(profile_of(generate_phrasebook(1).train));
  EXPECT_EQ(f.config.text.source.kind, "words");
  EXPECT_TRUE(f.config.text.source.lowercase);
  EXPECT_EQ(f.config.text.target.kind, "characters");
  EXPECT_EQ(f.config.train.of<SearchedOptions>().bleu_tokenizer, "zh");
  EXPECT_EQ(f.config.model.of<BridgeOptions>().bridge, "zero");
  EXPECT_FALSE(f.config.text.source_end);
  EXPECT_FALSE(f.config.model.of<RecurrentDecoderOptions>().input_feeding);
  EXPECT_EQ(f.config.model.of<TiedOptions>().tied, "target");
}

TEST(Fitting, TakesProseForPiecesByItsSize) {
  const auto small = fitted(profile_of(prose(500))), larger = fitted(profile_of(prose(5000)));
  EXPECT_EQ(small.config.text.source.kind, "unigram");
  EXPECT_LT(small.config.text.source.vocabulary_size, larger.config.text.source.vocabulary_size);
  EXPECT_NEAR(static_cast<double>(larger.config.text.source.vocabulary_size), 6 * std::sqrt(50000.0), 100);
  EXPECT_TRUE(larger.config.text.source.lowercase);
  EXPECT_FALSE(larger.config.text.target.lowercase);
  EXPECT_EQ(small.config.train.batch_size, 16);
  EXPECT_EQ(larger.config.train.batch_size, 32);
  EXPECT_EQ(larger.config.train.schedule, "cosine");
  EXPECT_EQ(larger.config.train.epochs, 0);
  EXPECT_GT(larger.config.train.steps, 500);
  EXPECT_TRUE(says(larger.said, "of one processor"));
  // Bridge and feeding would let the decoder know the sentence without its attention.
  EXPECT_EQ(larger.config.model.of<BridgeOptions>().bridge, "zero");
  EXPECT_FALSE(larger.config.model.of<RecurrentDecoderOptions>().input_feeding);
  EXPECT_EQ(larger.config.model.of<TiedOptions>().tied, "target");
  EXPECT_EQ(larger.config.model.embedding, larger.config.model.of<HiddenOptions>().hidden);
}

TEST(Fitting, TiesOnlyWhatCanBeTied) {
  const auto corpus = profile_of(prose(500));
  for (const char* given : {"model.hidden=64", "model.embedding=64", "model.readout=linear"})
    EXPECT_EQ(fitted(corpus, {given}).config.model.of<TiedOptions>().tied, "none") << given;
  EXPECT_EQ(fitted(corpus, {"model.hidden=64", "model.embedding=64"}).config.model.of<TiedOptions>().tied, "target");
}

TEST(Fitting, SpellsWordsThatStandAlone) {
  auto pairs = generate_spelling(1).train;
  const auto f = fitted(profile_of(pairs));
  EXPECT_EQ(f.config.text.source.kind, "characters");
  EXPECT_EQ(f.config.text.target.kind, "symbols");
  EXPECT_TRUE(f.config.text.source_end);  // how a word ends matters to its sounds
  EXPECT_FALSE(f.config.model.of<RecurrentDecoderOptions>().input_feeding);
  pairs.resize(800);  // of few words it helps to know what was written
  EXPECT_TRUE(fitted(profile_of(pairs)).config.model.of<RecurrentDecoderOptions>().input_feeding);
  EXPECT_EQ(f.config.train.metric, "exact");
}

// Of a few names most characters come once, which is no reason to cut them into pieces.
TEST(Fitting, LeavesLettersApart) {
  std::vector<GeneratedPair> names;
  for (const char* name : {"k a r t m a n\t卡 特 曼", "h e i m b e r g e r\t亨 伯 格", "m a t h i a s e n\t马 赛 厄 森"}) {
    const std::string line = name;
    const auto tab = line.find('\t');
    names.push_back({line.substr(0, tab), line.substr(tab + 1), {}});
  }
  const auto f = fitted(profile_of(names));
  EXPECT_EQ(f.config.text.source.kind, "symbols");
  EXPECT_EQ(f.config.text.target.kind, "symbols");
  EXPECT_EQ(f.config.train.metric, "exact");
}

// A letter may be spelled in more than one way; of a command's symbols one is right.
TEST(Fitting, SmoothsLettersAndNoOtherSymbols) {
  std::vector<GeneratedPair> letters(600);
  for (std::size_t i = 0; i < letters.size(); ++i)
    for (std::size_t k = 0; k < 4; ++k) {
      const auto letter = static_cast<char>('a' + (i * (k + 1) + i / 7) % 20);
      letters[i].source += (k ? " " : "") + std::string(1, letter);
      letters[i].target += (k ? " " : "") + std::string(1, static_cast<char>(letter - 'a' + 'A'));
    }
  const auto apart = profile_of(letters), words = profile_of(generate_spelling(1).train);
  ASSERT_TRUE(apart.source.letters_apart() && apart.source.closed() && apart.target.closed());
  for (const auto& corpus : {apart, words}) {
    EXPECT_EQ(fitted(corpus).config.text.target.kind, "symbols");
    EXPECT_EQ(fitted(corpus).config.train.label_smoothing, 0.1);
    EXPECT_EQ(fitted(corpus, {"train.label_smoothing=0.3"}).config.train.label_smoothing, 0.3);
  }
  EXPECT_EQ(fitted(profile_of(generate_commands(5000, 1))).config.train.label_smoothing, 0);
}

TEST(Fitting, CountsBatchesByWhatWasGiven) {
  auto running = profile_of(prose(500)), spelled = profile_of(generate_spelling(1).train);
  const auto size = [](CorpusProfile& corpus, std::uint64_t pairs, const std::string& by, const std::string& model = "rnn_seq2seq") {
    corpus.pairs = pairs;
    const auto f = fitted(corpus, {"train.batch_by=" + by, "model.type=" + model});
    EXPECT_EQ(f.config.train.batch_by, by);
    return f.config.train.batch_size;
  };
  for (const char* model : {"rnn_seq2seq", "transformer"}) {
    EXPECT_EQ(size(running, 999, "sentences", model), 16);
    EXPECT_EQ(size(running, 1000, "sentences", model), 32);
    EXPECT_EQ(size(running, 9999, "sentences", model), 32);
    EXPECT_EQ(size(running, 10000, "sentences", model), 64);
    EXPECT_EQ(size(running, 14999, "tokens", model), 1024);
    EXPECT_EQ(size(running, 15000, "tokens", model), 2048);
  }
  auto commands = profile_of(generate_commands(5000, 1));
  EXPECT_EQ(size(commands, 999, "sentences"), 16);
  EXPECT_EQ(size(commands, 16000, "sentences"), 32);
  EXPECT_EQ(size(spelled, 20000, "sentences"), 64);
  EXPECT_EQ(size(spelled, 999, "sentences"), 32);
  EXPECT_EQ(size(spelled, 15000, "tokens"), 1024);
}

TEST(Fitting, SizesATransformerByTheCorpus) {
  auto corpus = profile_of(prose(500));
  const auto recurrent = fitted(corpus);
  for (const std::uint64_t pairs : {std::uint64_t{500}, std::uint64_t{14999}, std::uint64_t{15000}}) {
    corpus.pairs = pairs;
    const bool large = pairs >= 15000;
    for (const char* type : {"transformer", "universal_transformer"}) {
      const auto f = fitted(corpus, {std::string("model.type=") + type});
      EXPECT_EQ(f.config.model.embedding, large ? 192 : 128);
      EXPECT_EQ(f.config.model.of<TransformerOptions>().feed_forward, large ? 512 : 256);
      if (std::string(type) == "transformer") {
        EXPECT_EQ(f.config.model.of<EncoderDepthOptions>().encoder_layers, large ? 3 : 2);
      }
      EXPECT_EQ(f.config.model.of<DecoderDepthOptions>().decoder_layers, large ? 3 : 2);
      EXPECT_EQ(f.config.model.of<TiedOptions>().tied, "target");
      EXPECT_EQ(f.config.model.dropout, 0.3);
      EXPECT_EQ(f.config.train.rate, 0.002);
      EXPECT_EQ(f.config.train.beta2, 0.98);
      EXPECT_EQ(f.config.train.batch_by, "tokens");
      EXPECT_EQ(f.config.train.batch_size, large ? 2048 : 1024);
      EXPECT_EQ(f.config.train.warmup, std::min<std::int64_t>(large ? 600 : 200, f.config.train.steps / 10));
      EXPECT_FALSE(says(f.said, "of one processor"));  // how long one takes was not measured
    }
  }
  EXPECT_EQ(recurrent.config.train.beta2, 0.999);
  EXPECT_EQ(recurrent.config.train.warmup, 100);
}

// Nothing is read more than 80 times, by a transformer twice as often; a larger corpus is read less often.
TEST(Fitting, ReadsSmallCorporaMoreOften) {
  const auto passes = [](std::uint64_t pairs, const std::vector<std::string>& given = {}) {
    auto corpus = profile_of(prose(500));
    corpus.pairs = pairs;
    auto values = given;
    values.insert(values.end(), {"train.batch_by=sentences", "train.batch_size=10"});
    return static_cast<double>(fitted(corpus, values).config.train.steps) * 10 / static_cast<double>(pairs);
  };
  EXPECT_NEAR(passes(100), 80, 1);
  EXPECT_NEAR(passes(100, {"model.type=transformer"}), 160, 1);
  EXPECT_NEAR(passes(10000), 10, 0.1);  // at least 10 √(20000 / pairs), which is at most 10 and at least 2
  EXPECT_NEAR(passes(40000), 7.07, 0.01);
  EXPECT_NEAR(passes(1000000), 2, 0.01);
}

// A character seen once teaches nothing, where there are many.
TEST(Fitting, LeavesOutRareCharactersOfALargeCorpus) {
  std::vector<GeneratedPair> pairs(100);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    pairs[i].source = fmt::format("word{} goes on", i);
    for (std::size_t c = 0; c < 20; ++c) pairs[i].target += "\u6211\u4eec\u5f88\u51b7";
  }
  auto corpus = profile_of(pairs);
  EXPECT_EQ(fitted(corpus).config.text.target.minimum_count, TokenizerOptions().minimum_count);
  corpus.target.characters = 50001;
  const auto f = fitted(corpus);
  EXPECT_EQ(f.config.text.target.kind, "characters");
  EXPECT_EQ(f.config.text.target.minimum_count, 2);
  EXPECT_EQ(fitted(corpus, {"text.shared=true"}).config.text.target.minimum_count, TokenizerOptions().minimum_count);
}

TEST(Fitting, LeavesWhatWasGiven) {
  const auto corpus = profile_of(prose(500));
  const auto f = fitted(corpus, {"model.cell=lstm", "train.rate=0.01", "train.steps=77", "text.target.kind=words", "model.bridge=linear"});
  EXPECT_EQ(f.config.model.of<CellOptions>().cell, "lstm");
  EXPECT_EQ(f.config.train.rate, 0.01);
  EXPECT_EQ(f.config.train.steps, 77);
  EXPECT_EQ(f.config.text.target.kind, "words");
  EXPECT_EQ(f.config.model.of<BridgeOptions>().bridge, "linear");
  for (const char* key : {"model.cell", "train.rate", "train.steps", "text.target.kind", "model.bridge"})
    EXPECT_FALSE(says(f.said, key)) << key;
  EXPECT_EQ(f.config.train.warmup, 7);  // a short run must not end while the rate still rises
  const auto timed = fitted(corpus, {"train.minutes=2"});
  EXPECT_EQ(timed.config.train.steps, 0);  // the clock ends it and anneals by it
  EXPECT_EQ(timed.config.train.schedule, "cosine");
  EXPECT_EQ(fitted(corpus, {"model.pointer_generator=true"}).config.train.label_smoothing, 0);
}

TEST(Completing, LetsModelAndAttentionFollowTheTask) {
  const auto completed = [](const std::vector<std::string>& given) {
    GivenValues values;
    for (const auto& one : given) set_given(values, one, "test");
    Config config;
    assign(config, values);
    complete_config(config, values);
    return config.model;
  };
  EXPECT_EQ(completed({}).type, "rnn_seq2seq");
  EXPECT_EQ(completed({}).attention, "additive");
  EXPECT_EQ(completed({"model.type=transformer"}).attention, "multi_head");
  EXPECT_EQ(completed({"model.type=transformer", "model.attention=additive"}).attention, "additive");
  EXPECT_EQ(completed({"task=generate"}).type, "rnn_lm");
  EXPECT_EQ(completed({"task=generate"}).attention, "none");
  EXPECT_TRUE(completed({"task=generate"}).of<OutputAttentionOptions>().output_attention);
  EXPECT_EQ(completed({"task=generate", "model.type=transformer_lm"}).attention, "multi_head");
  EXPECT_EQ(completed({"task=classify"}).type, "encoder_classifier");
  EXPECT_EQ(completed({"task=classify"}).attention, "attention_pooling");
  EXPECT_EQ(completed({"task=classify", "data.images=a.gz"}).type, "patch_classifier");
  EXPECT_EQ(completed({"task=answer"}).type, "memory_hops");
  EXPECT_EQ(completed({"task=answer", "data.answers=a"}).type, "reader");
  EXPECT_EQ(completed({"task=caption"}).type, "captioner");
  EXPECT_EQ(completed({"task=caption"}).attention, "additive");
}

// Seven letters become 40 symbols: the usual limits would leave pairs out and cut what is written.
TEST_F(Training, LengthLimitsFollowTheData) {
  std::string text;
  for (int i = 0; i < 60; ++i) {
    text += "a";
    text += static_cast<char>('a' + i % 20);
    text += '\t';
    for (int t = 0; t < 130; ++t) text += fmt::format("{}{}", t ? " " : "", t % 7);
    text += '\n';
  }
  write_file_atomic(folder_.path() + "/data.tsv", text);
  const auto plan = [&](const std::vector<std::string>& changes) {
    Trainer::Start start;
    start.config = config("run", changes);
    for (const auto& change : changes) set_given(start.given, change, "test");
    return Trainer(start, {}).plan();
  };
  const auto followed = plan({});
  EXPECT_EQ(followed.examples, 40u);
  EXPECT_TRUE(says(followed.notes, "data.max_length = 130"));
  EXPECT_TRUE(says(followed.notes, "decode.max_length_extra = 162"));  // 1.25 × 131 − 2 × 1
  EXPECT_NE(followed.config.find("max_length_extra: 162"), std::string::npos);
  EXPECT_ERROR(plan({"data.max_length=100"}), kData, "every pair is longer than data.max_length = 100");
  EXPECT_FALSE(says(plan({"decode.max_length_extra=7"}).notes, "decode."));
}

TEST(Schedules, CosineFollowsTheClockWithoutSteps) {
  TrainOptions o;
  o.rate = 2;
  o.schedule = "cosine";
  o.warmup = 0;
  o.minimum_rate = 0;
  o.minutes = 5;
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 10, 256, 0), 2.0);
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 10, 256, 0.5), 1.0);
  EXPECT_NEAR(scheduled_rate(o, 10, 256, 1.2), 0.0, 1e-15);
  o.steps = 20;  // updates count where they are given
  EXPECT_DOUBLE_EQ(scheduled_rate(o, 10, 256, 0.9), 1.0);
}

}  // namespace
}  // namespace attend
