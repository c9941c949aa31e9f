// Recipes for what is learned from single texts, pictures and questions.
#include <algorithm>

#include "attend/train/fit.h"
#include "train/choices.h"

#include "attend/models/captioner.h"
#include "attend/models/encoder_classifier.h"
#include "attend/models/memory_hops.h"
#include "attend/models/patch_classifier.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/transformer_options.h"
#include "attend/train/data.h"
#include "attend/train/losses.h"
#include "attend/train/questions.h"
#include "attend/train/stream.h"

namespace attend {
namespace {

// So many passes that about `examples` are read in all, within the two limits.
double passes_to(double examples, std::uint64_t items, double fewest, double most) {
  return std::clamp(examples / static_cast<double>(std::max<std::uint64_t>(1, items)), fewest, most);
}

void choose_batches(Choices& set, TrainOptions& t, std::int64_t sentences, double rate) {
  set("train.batch_by", t.batch_by, std::string("sentences"), "examples weigh the same");
  if (t.batch_by == "sentences") set("train.batch_size", t.batch_size, sentences, "of this task");
  set("train.rate", t.rate, rate, "of this task");
}

double batches_of(const TrainOptions& t, std::uint64_t items) { return static_cast<double>(items) / static_cast<double>(t.batch_size); }

// Texts that the program is to read whole words of.
void choose_words(Choices& set, TokenizerOptions& text, const std::string& section, const SideProfile& side) {
  const bool apart = side.attached < 0.01;
  if (side.unspaced()) {
    set(section + "kind", text.kind, std::string("characters"), "written without spaces");
  } else {
    set(section + "kind", text.kind, std::string(apart ? "symbols" : "words"),
        apart ? "the words stand apart already" : "punctuation stands at words");
    set(section + "lowercase", text.lowercase, true, "one form a word");
  }
  if (side.closed()) return;
  set(section + "vocabulary_size", text.vocabulary_size, std::int64_t{20000}, "of open text");
  // Of a few lines nearly every word is seen once, and without them nothing would be left.
  if (side.words >= 5000) set(section + "minimum_count", text.minimum_count, std::int64_t{2}, "a word seen once teaches nothing");
}

void choose_classes(Choices& set, Config& c, const QuizProfile& quiz) {
  auto& m = c.model;
  const bool open = !quiz.texts.closed();
  choose_words(set, c.text.source, "text.source.", quiz.texts);
  set("model.cell", m.of<CellOptions>().cell, std::string("gru"), "learns from less than an lstm");
  set("model.embedding", m.embedding, std::int64_t{open ? 128 : 64}, "of this task");
  set("model.encoder_hidden", m.of<ReadingOptions>().encoder_hidden, std::int64_t{open ? 128 : 64}, "of this task");
  set("model.dropout", m.dropout, open ? 0.5 : 0.2, open ? "open text" : "few words, each seen often");
  if (open) set("data.unknown_share", c.data.of<UnknownOptions>().unknown_share, 0.1, "new texts hold new words");
  set("train.label_smoothing", c.train.label_smoothing, open ? 0.1 : 0.0, "of this task");
  choose_batches(set, c.train, 64, open ? 0.001 : 0.003);
  set.length(c, passes_to(80000, quiz.items, 4, 30), batches_of(c.train, quiz.items), 0, 50);
}

void choose_picture_classes(Choices& set, Config& c, const QuizProfile& quiz) {
  auto& m = c.model;
  set("model.embedding", m.embedding, std::int64_t{64}, "of small pictures");
  set("model.feed_forward", m.of<TransformerOptions>().feed_forward, std::int64_t{128}, "of small pictures");
  set("model.encoder_layers", m.of<EncoderDepthOptions>().encoder_layers, std::int64_t{3}, "of small pictures");
  set("model.positions", m.of<TransformerOptions>().positions, std::string("learned"), "a picture has a fixed number of patches");
  set("model.dropout", m.dropout, 0.1, "of this task");
  set("train.optimiser", c.train.optimiser, std::string("adamw"), "of this task");
  set("train.weight_decay", c.train.weight_decay, 0.01, "of this task");
  set("train.label_smoothing", c.train.label_smoothing, 0.05, "of this task");
  choose_batches(set, c.train, 64, 0.002);
  set.length(c, passes_to(50000, quiz.items, 3, 20), batches_of(c.train, quiz.items), 0, 50);
}

void choose_stories(Choices& set, Config& c, const QuizProfile& quiz) {
  choose_words(set, c.text.source, "text.source.", quiz.texts);
  set("model.embedding", c.model.embedding, std::int64_t{64}, "of this task");
  set("model.statements", c.model.of<MemoryHopsOptions>().statements, std::int64_t{100}, "the latest ones");
  set("train.clip", c.train.clip, 10.0, "of this task");
  set("train.label_smoothing", c.train.label_smoothing, 0.0, "one answer is right");
  choose_batches(set, c.train, 32, 0.001);
  set.length(c, passes_to(400000, quiz.items, 10, 400), batches_of(c.train, quiz.items), 0, 50);
  set("train.linear_start", c.train.of<LinearStartOptions>().linear_start, c.train.steps / 3, "finds its way before it chooses sharply");
}

void choose_documents(Choices& set, Config& c, const QuizProfile& quiz) {
  choose_words(set, c.text.source, "text.source.", quiz.texts);
  set("model.cell", c.model.of<CellOptions>().cell, std::string("gru"), "learns from less than an lstm");
  set("model.embedding", c.model.embedding, std::int64_t{64}, "of this task");
  set("model.encoder_hidden", c.model.of<ReadingOptions>().encoder_hidden, std::int64_t{64}, "of this task");
  set("model.dropout", c.model.dropout, quiz.texts.closed() ? 0.0 : 0.2, "of this task");
  set("train.clip", c.train.clip, 5.0, "of this task");
  choose_batches(set, c.train, 32, 0.003);
  set.length(c, passes_to(80000, quiz.items, 4, 20), batches_of(c.train, quiz.items), 0, 50);
}

}  // namespace

std::vector<std::string> fit_to_quiz(Config& c, const GivenValues& given, const QuizProfile& quiz) {
  Choices set(c, given);
  const auto reads = model_kind(c.model.type).reads;
  if (reads == Matter::kPicture)
    choose_picture_classes(set, c, quiz);
  else if (reads == Matter::kText)
    choose_classes(set, c, quiz);
  else if (reads == Matter::kStory)
    choose_stories(set, c, quiz);
  else
    choose_documents(set, c, quiz);
  return set.said;
}

std::vector<std::string> fit_to_text(Config& c, const GivenValues& given, const SideProfile& text) {
  Choices set(c, given);
  auto& m = c.model;
  auto& t = c.train;
  const bool closed = text.closed();
  if (closed)
    choose_words(set, c.text.target, "text.target.", text);
  else
    set("text.target.kind", c.text.target.kind, std::string("characters"), "open text");
  set("data.length", c.data.of<StreamOptions>().length, std::int64_t{64}, "tokens read together");
  if (model_reads<HiddenOptions>(m)) {
    set("model.embedding", m.embedding, std::int64_t{64}, "of this task");
    set("model.hidden", m.of<HiddenOptions>().hidden, std::int64_t{closed ? 128 : 256}, "of this task");
  } else {
    set("model.embedding", m.embedding, std::int64_t{128}, "of this task");
    set("model.feed_forward", m.of<TransformerOptions>().feed_forward, std::int64_t{512}, "of this task");
    set("model.decoder_layers", m.of<DecoderDepthOptions>().decoder_layers, std::int64_t{closed ? 2 : 4}, "of this task");
    set("model.positions", m.of<TransformerOptions>().positions, std::string("rotary"), "of this task");
    set("model.tied", m.of<TiedOptions>().tied, std::string("target"), "fewer numbers to learn");
  }
  set("model.dropout", m.dropout, closed ? 0.1 : 0.2, "of this task");
  set("train.label_smoothing", t.label_smoothing, 0.0, "its figure is the likelihood");
  choose_batches(set, t, 32, 0.003);
  const double tokens = static_cast<double>(closed ? text.words : text.characters + text.words) *
                        (1 - c.data.of<HeldOutOptions>().dev_share - c.data.of<StreamOptions>().test_share);
  const double windows = std::max(1.0, tokens / static_cast<double>(c.data.of<StreamOptions>().length));
  set.length(c, std::clamp(1600000 / tokens, 1.0, 40.0), windows / static_cast<double>(t.batch_size), 0, 50);
  return set.said;
}

std::vector<std::string> fit_to_captions(Config& c, const GivenValues& given, std::uint64_t pictures) {
  Choices set(c, given);
  auto& m = c.model;
  set("text.target.kind", c.text.target.kind, std::string("words"), "captions are short and plain");
  if (pictures >= 200) set("text.target.minimum_count", c.text.target.minimum_count, std::int64_t{2}, "a word seen once teaches nothing");
  set("model.picture_channels", m.of<PictureOptions>().picture_channels, std::int64_t{3}, "pictures have colours");
  set("model.picture_width", m.of<PictureOptions>().picture_width, std::int64_t{64}, "enough to tell things apart");
  set("model.picture_height", m.of<PictureOptions>().picture_height, std::int64_t{64}, "enough to tell things apart");
  set("model.convolutions", m.of<ConvolutionOptions>().convolutions, std::int64_t{3}, "a grid of 8 x 8 places to look at");
  set("model.positions", m.of<TransformerOptions>().positions, std::string("learned"), "of the grid");
  set("model.embedding", m.embedding, std::int64_t{128}, "of this task");
  set("model.hidden", m.of<HiddenOptions>().hidden, std::int64_t{256}, "of this task");
  set("model.timing", m.of<RecurrentDecoderOptions>().timing, std::string("before"), "of Xu et al. 2015");
  set("model.input_feeding", m.of<RecurrentDecoderOptions>().input_feeding, false, "of Xu et al. 2015");
  set("model.context_gate", m.of<ContextGateOptions>().context_gate, true, "of Xu et al. 2015");
  set("model.dropout", m.dropout, pictures < 5000 ? 0.2 : 0.4, "by the number of pictures");
  set("train.doubly_weight", c.train.of<DoublyOptions>().doubly_weight, 0.1, "every place is looked at once in all");
  set("train.clip", c.train.clip, 5.0, "of this task");
  set("decode.max_length_ratio", c.decode.max_length_ratio, 0.0, "the size of a picture says nothing of its caption");
  set("decode.max_length_extra", c.decode.max_length_extra, std::int64_t{30}, "words of a caption at most");
  choose_batches(set, c.train, 32, 0.002);
  set.length(c, passes_to(20000, pictures, 3, 10), batches_of(c.train, pictures), 0, 50);
  return set.said;
}

}  // namespace attend
