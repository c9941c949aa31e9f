#include "attend/train/fit.h"

#include <algorithm>
#include <cmath>

#include "train/choices.h"

#include "attend/attention/additive.h"
#include "attend/models/rnn_seq2seq.h"
#include "attend/models/transformer_options.h"

namespace attend {
namespace {

// How one side becomes tokens.
struct Tokens {
  std::string kind;
  std::int64_t size;
  double per_line;  // expected, </s> included
  double pieces;    // expected in use
  std::string why;
};

double expected_tokens(const SideProfile& side, const std::string& kind) {
  if (kind == "characters") return side.mean_characters() + side.mean_words();  // a space is one too
  return side.mean_words() * (kind == "unigram" ? 1.4 : kind == "words" ? 1.15 : 1) + 1;
}

Tokens tokens_of(const SideProfile& side, std::uint64_t pairs) {
  const auto all = std::max<std::int64_t>(8000, static_cast<std::int64_t>(side.types) + 8);
  const auto types = static_cast<double>(side.types);
  const auto chosen = [&](const char* kind, std::int64_t size, double pieces, std::string why) {
    return Tokens{kind, size, expected_tokens(side, kind), pieces, std::move(why)};
  };
  const double characters = side.cjk > 0.5 ? std::min(2000.0, std::sqrt(static_cast<double>(side.characters)) * 5) : 60;
  if (side.unspaced()) return chosen("characters", all, characters, "written without spaces");
  if (side.letters_apart()) return chosen("symbols", all, types, "letters apart");
  if (side.closed() && side.attached > 0.01) return chosen("words", all, types, fmt::format("{} words make up {}", side.types, side.words));
  if (side.closed()) return chosen("symbols", all, types, fmt::format("{} symbols make up {}", side.types, side.words));
  if (side.one_word()) return chosen("characters", all, characters, "one word a line");
  // A piece must be seen often enough to be learned: as many pieces as six times the root of the words (4,000 for 440,000).
  const double words = side.mean_words() * static_cast<double>(pairs);
  const auto size = static_cast<std::int64_t>(std::clamp(std::round(0.06 * std::sqrt(words)) * 100, 300.0, 16000.0));
  return chosen("unigram", size, static_cast<double>(size), fmt::format("{:.0f} words of running text", words));
}

// What the corpus is, as far as the recipe goes.
struct Kind {
  bool spelling;  // words or names into sounds or another script
  bool closed;    // both sides from few words: a grammar, commands, dates
  bool chinese;   // most of the target is Chinese or Japanese characters
};

void choose_tokens(Choices& set, Config& c, const SideProfile& side, const Tokens& tokens, bool source) {
  auto& text = source ? c.text.source : c.text.target;
  const std::string section = source ? "text.source." : "text.target.";
  set(section + "kind", text.kind, tokens.kind, tokens.why);
  if (text.kind == "characters" && side.cjk > 0.5 && side.characters > 50000)
    set(section + "minimum_count", text.minimum_count, std::int64_t{2}, "a character seen once teaches nothing");
  if (text.kind == tokens.kind) set(section + "vocabulary_size", text.vocabulary_size, tokens.size, tokens.why);
  const bool prose = text.kind == "words" || text.kind == "unigram";
  if (source && prose && side.cjk < 0.5) set(section + "lowercase", text.lowercase, true, "one form a word; the target keeps its capitals");
}

// Commands and dates: the same few symbols in ever new orders.
bool few_symbols(const Kind& kind, const Config& c) { return kind.closed && !kind.spelling && c.text.target.kind == "symbols"; }

void choose_recurrent(Choices& set, Config& c, const CorpusProfile& corpus, const Kind& kind, bool large) {
  auto& m = c.model;
  const bool symbols = few_symbols(kind, c);
  const bool narrow = kind.spelling || symbols;  // letters and commands carry little meaning each
  const char* by_size = large ? "a large corpus" : "a small corpus";
  const char* by_tokens = kind.spelling ? "letters" : symbols ? "few symbols" : by_size;
  set("model.cell", m.of<CellOptions>().cell, std::string("gru"), "learns from fewer pairs than an lstm");
  set("model.embedding", m.embedding, std::int64_t{kind.spelling ? 96 : symbols ? 128 : large ? 384 : 256}, by_tokens);
  set("model.encoder_hidden", m.of<ReadingOptions>().encoder_hidden, std::int64_t{large ? 192 : 128}, by_size);
  set("model.hidden", m.of<HiddenOptions>().hidden, std::int64_t{large ? 384 : 256}, by_size);
  if (!narrow && m.embedding == m.of<HiddenOptions>().hidden && m.of<RecurrentDecoderOptions>().readout != "linear" &&
      !m.of<OutputAttentionOptions>().output_attention)
    set("model.tied", m.of<TiedOptions>().tied, std::string("target"), "a token is written by the vector it is read by");
  if (m.attention == "additive") set("model.energy", m.of<EnergyOptions>().size, std::int64_t{128}, "of additive scores");
  const bool attends = m.attention != "none" && m.attention != "local_m";
  if (attends && !kind.spelling) {
    set("model.bridge", m.of<BridgeOptions>().bridge, std::string("zero"), "all that the decoder knows comes through the attention");
    set("text.source_end", c.text.source_end, false, "attention rests on words alone");
  }
  if (attends && !(kind.spelling && corpus.pairs < 3000))
    set("model.input_feeding", m.of<RecurrentDecoderOptions>().input_feeding, false,
        "the decoder's steps are learned together: faster, and as good");
  const double dropout = kind.spelling ? (corpus.pairs < 10000 ? 0.4 : 0.3) : kind.closed ? 0.2 : corpus.pairs < 3000 ? 0.4 : 0.3;
  set("model.dropout", m.dropout, dropout, kind.closed && !kind.spelling ? "few words, each seen often" : "by the number of pairs");
  set("train.rate", c.train.rate, narrow || large ? 0.003 : 0.004, by_tokens);
  if (m.of<CopyOptions>().pointer_generator)
    set("train.label_smoothing", c.train.label_smoothing, 0.0, "what is copied has no probability to smooth");
  else if (symbols)
    set("train.label_smoothing", c.train.label_smoothing, 0.0, "of few symbols one is right");
}

void choose_transformer(Choices& set, Config& c, bool closed, bool large) {
  auto& m = c.model;
  const char* by_size = large ? "a large corpus" : "a small corpus";
  set("model.embedding", m.embedding, std::int64_t{large ? 192 : 128}, by_size);
  set("model.feed_forward", m.of<TransformerOptions>().feed_forward, std::int64_t{large ? 512 : 256}, by_size);
  set("model.encoder_layers", m.of<EncoderDepthOptions>().encoder_layers, std::int64_t{large ? 3 : 2}, by_size);
  set("model.decoder_layers", m.of<DecoderDepthOptions>().decoder_layers, std::int64_t{large ? 3 : 2}, by_size);
  set("model.dropout", m.dropout, closed ? 0.1 : 0.3, closed ? "few words, each seen often" : "by the number of pairs");
  set("model.tied", m.of<TiedOptions>().tied, std::string("target"), "fewer numbers to learn");
  set("train.rate", c.train.rate, 0.002, "of a transformer this size");
  if (m.of<CopyOptions>().pointer_generator) set("train.label_smoothing", c.train.label_smoothing, 0.0, "with model.pointer_generator");
  set("train.beta2", c.train.beta2, 0.98, "of a transformer");
}

// How much is read in all: about a million tokens for a small corpus, which is three minutes of one processor, and some passes over a
// larger one. Nothing is read more than 80 times, where a model knows a small corpus by heart (a transformer reads all twice as often).
double passes_over(double tokens, std::uint64_t pairs, bool closed) {
  const double fewest = closed ? 5 : std::clamp(10 * std::sqrt(20000.0 / static_cast<double>(pairs)), 2.0, 10.0);
  return std::clamp(900000 / tokens, fewest, 80.0);
}

// Multiplications that one target token costs in training, forward and backward, of a recurrent model.
double work_a_token(const Config& c, const Tokens& source, const Tokens& target) {
  const auto& m = c.model;
  const auto e = static_cast<double>(m.embedding), n = static_cast<double>(m.of<ReadingOptions>().encoder_hidden),
             h = static_cast<double>(m.of<HiddenOptions>().hidden);
  const auto energy =
      static_cast<double>(m.of<EnergyOptions>().size > 0 ? m.of<EnergyOptions>().size : 2 * m.of<ReadingOptions>().encoder_hidden);
  const double encoder = 2 * 3 * n * (e + n) * source.per_line / target.per_line, cell = 3 * h * (e + 2 * h), readout = h * (h + 2 * n);
  const double attention = source.per_line * (energy * 8 + 2 * n), output = h * target.pieces;
  return 3 * (encoder + cell + readout + attention + output);
}

}  // namespace

std::vector<std::string> fit_to_corpus(Config& c, const GivenValues& given, const CorpusProfile& corpus) {
  Choices set(c, given);
  const auto source = tokens_of(corpus.source, corpus.pairs), target = tokens_of(corpus.target, corpus.pairs);
  const Kind kind{.spelling = corpus.source.letters_apart() || (source.kind == "characters" && corpus.source.one_word()),
                  .closed = corpus.source.closed() && (corpus.target.closed() || corpus.target.unspaced()),
                  .chinese = corpus.target.cjk > 0.5};
  const bool large = !kind.closed && !kind.spelling && corpus.pairs >= 15000;
  choose_tokens(set, c, corpus.source, source, true);
  if (!c.text.shared) choose_tokens(set, c, corpus.target, target, false);
  if (kind.chinese) set("train.bleu_tokenizer", c.train.of<SearchedOptions>().bleu_tokenizer, std::string("zh"), "the target is Chinese");
  if (c.text.target.kind == "symbols") {
    if (!kind.chinese)
      set("train.bleu_tokenizer", c.train.of<SearchedOptions>().bleu_tokenizer, std::string("none"), "the target's symbols stand apart");
    if (c.task == "translate") set("train.metric", c.train.metric, std::string("exact"), "an output of symbols is right or wrong");
  }
  const bool recurrent = model_reads<RecurrentDecoderOptions>(c.model);
  if (recurrent) choose_recurrent(set, c, corpus, kind, large);
  if (model_reads<TransformerOptions>(c.model)) choose_transformer(set, c, kind.closed, large);

  const bool long_lines = std::max(source.per_line, target.per_line) > 60;
  const std::int64_t sentences = corpus.pairs < 1000 && !kind.spelling ? 16 : corpus.pairs < 10000 || few_symbols(kind, c) ? 32 : 64;
  if (recurrent && !long_lines) set("train.batch_by", c.train.batch_by, std::string("sentences"), "short lines");
  if (c.train.batch_by == "sentences")
    set("train.batch_size", c.train.batch_size, sentences, "sentences, by the number of pairs");
  else
    set("train.batch_size", c.train.batch_size, std::int64_t{large ? 2048 : 1024}, "tokens, by the number of pairs");
  const double tokens = static_cast<double>(corpus.pairs) * target.per_line;
  const double longer = static_cast<double>(corpus.pairs) * std::max(source.per_line, target.per_line);
  const double a_pass = c.train.batch_by == "sentences" ? static_cast<double>(corpus.pairs) : longer;
  const double passes = passes_over(tokens, corpus.pairs, kind.closed || kind.spelling) * (recurrent ? 1 : 2);
  const double minutes = tokens * work_a_token(c, source, target) /
                         (kWorkAMinute * (c.model.of<RecurrentDecoderOptions>().input_feeding ? 0.6 : 1));  // a pass
  set.length(c, passes, a_pass / static_cast<double>(c.train.batch_size), recurrent ? minutes : 0, recurrent ? 100 : large ? 600 : 200);
  return set.said;
}

}  // namespace attend
