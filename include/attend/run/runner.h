#pragma once
// A trained model, ready to run: what it reads and gives decides which of these calls it answers.
//
//   attend::Runner runner("runs/digits");
//   const auto quiz = attend::read_questions(runner.kind().reads, {"three.png"});
//   quiz->prepare(runner.model());
//   runner.answer(*quiz, {}, [](std::size_t, attend::Answered said) { std::cout << said.best[0].text << '\n'; });
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attend/measure/language_model.h"
#include "attend/record/record.h"
#include "attend/search/sample.h"
#include "attend/search/search.h"
#include "attend/store/model_folder.h"

namespace attend {

struct CopyWords;
class PictureSet;
class Quiz;
struct Stream;

/// How a model is run, whatever it does.
struct RunnerOptions {
  std::string precision;  ///< float32 or bfloat16
  RunnerOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// A text that a model wrote or was given, with the probability that the model gives it.
struct ScoredText {
  std::string text;
  double log_prob = 0;               ///< natural log, </s> included
  double score = 0;                  ///< after penalties
  std::vector<std::int32_t> tokens;  ///< with </s>
  std::vector<float> log_probs;      ///< of each token
  std::vector<std::string> pieces;   ///< of each token: the vocabulary's, or the word of the source it copies
  bool cut = false;                  ///< ended by the length limit of the search, not by the model
};

/// The outcome for one source: the n-best, and the record when it was asked for.
struct Translated {
  std::vector<ScoredText> best;
  std::shared_ptr<const Record> record;
  const std::string& text() const { return best.at(0).text; }
};

/// An answer, and how likely it is.
struct Choice {
  std::string text;
  double probability = 0;
};
/// What a model said of one item of a quiz.
struct Answered {
  std::vector<Choice> best;    ///< distinct answers, the likeliest first
  std::int64_t index = -1;     ///< of the best, as Answerer::answer() counts
  double log_prob = 0;         ///< ln p of the best answer
  std::optional<double> loss;  ///< −ln p of the right one; none when that is not among those the model knows
  bool correct = false;
  std::vector<double> support;  ///< of each hop: weight on the statements that support the answer, when they are known
  std::shared_ptr<const Record> record;
};

struct AnswerOptions {
  std::size_t best = 5;       ///< answers told of each item
  std::int64_t batch = 4096;  ///< cost of the items answered together
  bool record = false;
  MapKeeping keep;  ///< how much of maps over the text the record holds
};

/// Sentences of one batch at most, and tokens on its longer side.
struct RunLimits {
  std::size_t sentences = 64;
  std::size_t tokens = 4096;
};

/// What to tell whoever reads `outputs` texts of which the length limit of a search cut some; empty when it cut none.
std::string cut_message(std::size_t cut, std::size_t outputs, const SearchOptions& options);

/// Threads may share a Runner: its const members only read the model, and each call has a search of its own. The network of a model that
/// was handed over must not be trained or changed meanwhile. A call that the model does not answer throws kValue, naming what it reads
/// and gives and the verb for that.
class Runner {
 public:
  /// Reads a model folder or the folder of a training run. Throws as read_any_model.
  explicit Runner(const std::string& path, const RunnerOptions& options = {});
  /// Runs a network that others may hold too, and does not change it: throws kValue for one in training mode. With another precision than
  /// the network's it runs a copy.
  explicit Runner(AnyModel model, const RunnerOptions& options = {});
  template <class Network>
  explicit Runner(const StoredModel<Network>& model, const RunnerOptions& options = {}) : Runner(any_model(model), options) {}

  const AnyModel& model() const { return model_; }
  ModelKind kind() const { return model_kind(model_.model.type); }
  /// Its path, or its type: what errors call it.
  const std::string& name() const { return name_; }
  /// Every site that records of it may show.
  std::vector<Site> sites() const;
  /// The configuration's section `decode`: how the model was meant to search.
  const SearchOptions& search_options() const { return search_options_; }
  /// The model as one that turns one text into another, or a picture into a text, or writes a text (`reads` says which), or as one that
  /// answers.
  const TranslationModel& writer(Matter reads = Matter::kText) const;
  const AnswerModel& answerer() const;

  // Text in, text out.

  /// All sentences, batched by length, in the order given. Events of `control` carry the number of the source; batches come one after
  /// another, the longest sentences first. An empty sentence gives an empty translation, and has no events.
  std::vector<Translated> translate(std::span<const std::string> sources, const SearchOptions& options,
                                    const SearchControl& control = {}) const;
  /// The same by the second pass of a model that revises (model.revise), which reads `drafts` beside their sources, once. Throws
  /// kValue for other models and unless there is one draft a source.
  std::vector<Translated> revise(std::span<const std::string> sources, std::span<const std::string> drafts, const SearchOptions& options,
                                 const SearchControl& control = {}) const;
  /// Forced decoding: log-probabilities of given targets, and what the model attends to while producing them.
  std::vector<Translated> score(std::span<const std::string> sources, std::span<const std::string> targets,
                                const SearchControl& control = {}) const;

  // Language models.

  /// Draws `count` texts that begin with `prompt`, numbered from `first` on: the draw of a text depends on its number and the seed alone.
  /// The text of a result has a line for each </s> drawn within it.
  std::vector<Translated> generate(const std::string& prompt, std::size_t first, std::size_t count, const SampleOptions& options,
                                   const SearchControl& control = {}) const;
  /// How well it foresees a text. Windows of `length` tokens, at least 1, overlap by ⌊length / 2⌋; what a window shares with the one
  /// before it is read and not counted again. Every token is predicted exactly once whatever the length, and from a length of 2 on each
  /// but the text's first is read with some past.
  LanguageModelScore predict(const Stream& stream, std::int64_t length) const;
  /// Forced: ln p of each token of whole texts, </s> included, and what the model attends to while it reads them. Those whose maps may be
  /// summarised (control.keep) are run alone.
  std::vector<Translated> force_texts(std::span<const std::string> texts, const SearchControl& control = {}) const;
  /// The same without records.
  std::vector<ScoredText> score_texts(std::span<const std::string> texts) const;

  // Pictures in, text out.

  /// Captions for some pictures of a set, in the order of `items`, loaded for this model (PictureSet::load). Records have a token for each
  /// cell of the grid. Events carry the place among `items`.
  std::vector<Translated> caption(const PictureSet& set, std::span<const std::size_t> items, const SearchOptions& options,
                                  const SearchControl& control = {}) const;
  /// ln p of the first caption of each picture.
  std::vector<ScoredText> score_captions(const PictureSet& set, std::span<const std::size_t> items) const;

  // Texts, pictures, documents and stories in, answers out.

  /// Answers every item of a quiz prepared for this model (Quiz::prepare), in its order. `take` is called item by item.
  void answer(const Quiz& quiz, const AnswerOptions& options, const std::function<void(std::size_t item, Answered)>& take) const;

  RunLimits limits;  ///< of translate, revise and score

 private:
  template <class Find>
  std::vector<Translated> found_by(std::span<const std::string> sources, const SearchOptions& options, const SearchControl& control,
                                   const Find& find) const;
  Runner(AnyModel model, const RunnerOptions& options, std::string name, bool owned);

  AnyModel model_;
  std::string name_;
  std::optional<TranslationModel> writer_;
  std::optional<AnswerModel> answerer_;
  SearchOptions search_options_;
};

}  // namespace attend
