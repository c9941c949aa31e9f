#pragma once
// The training loop: batches, updates, validation, checkpoints, and going on exactly where a run stopped.
//
//   RUN/config.yaml           the resolved configuration
//   RUN/metrics.jsonl         one line a validation
//   RUN/samples/step-N.txt    source, reference and translation of a few validation pairs
//   RUN/step-N/               a checkpoint: a model folder with optimiser.safetensors and training.json
//   RUN/best, RUN/last        links to checkpoints
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "attend/text/corpus.h"
#include "attend/train/config.h"

namespace attend {

/// What an update reports.
struct StepReport {
  std::int64_t step = 0;
  std::uint64_t epoch = 0;
  double progress = 0;  ///< share of the run that is done, 0 to 1, by whichever limit comes first
  double loss = 0;      ///< −ln p a target token over the last updates, without smoothing
  double rate = 0, gradient_norm = 0;
  double tokens_per_second = 0;  ///< target tokens, over the last updates
  double seconds = 0, seconds_left = 0;
};
/// Named figures in the order to show them: loss, perplexity, bleu, accuracy, ... Shares are 0 to 1.
using Figures = std::vector<std::pair<std::string, double>>;
/// True when a larger figure is a better one: of all but losses and error rates.
bool larger_is_better(const std::string& metric);
struct ValidationReport {
  std::int64_t step = 0;
  std::uint64_t epoch = 0;
  Figures figures;
  double train_loss = 0, seconds = 0;
  bool best = false;
  std::vector<std::string> samples;  ///< lines to show
};

/// What the caller sees while a run goes on. Every function may be empty.
struct TrainEvents {
  std::function<void(const std::string& line)> message;
  std::function<void(const StepReport&)> step;
  std::function<void(const ValidationReport&)> validated;
  std::function<void(const std::string& folder)> saved;
};

enum class TrainEnd { kFinished, kInterrupted };

struct TrainResult {
  TrainEnd end = TrainEnd::kFinished;
  std::string reason;  ///< "epochs", "no better bleu for 8 validations", ...
  std::string best, last;
  std::int64_t steps = 0;
  double seconds = 0, best_figure = 0;
};

/// Sizes of a run without training it.
struct TrainPlan {
  CorpusReport corpus;
  std::string task;
  std::size_t examples = 0, dev_examples = 0;
  std::int64_t source_vocabulary = 0, target_vocabulary = 0, parameters = 0;
  std::uint64_t batches_per_epoch = 0;
  std::vector<std::string> notes;  ///< what was fitted to the corpus
  std::vector<std::string> told;   ///< what was read, held out and left out, and what looks wrong with it
  std::string config;              ///< resolved, as YAML
};

/// One run. The constructor reads the data and builds vocabularies and model; `given` are the keys the user set, the others
/// may be fitted to the corpus (fit_to_corpus) when `fit` is true.
class Trainer {
 public:
  struct Start {
    Config config;
    GivenValues given;
    bool fit = false;
    bool resume = false;  ///< continue from RUN/last, bit for bit on the same machine with the same threads
  };
  Trainer(Start start, TrainEvents events);
  ~Trainer();

  TrainPlan plan() const;
  /// Trains until a limit; when `stop` becomes true finishes the update, saves and returns kInterrupted.
  /// Throws kData when the loss is not a number, naming the update and the batch's lines.
  TrainResult run(const std::atomic<bool>& stop);

 private:
  class Run;
  std::unique_ptr<Run> run_;
};

}  // namespace attend
