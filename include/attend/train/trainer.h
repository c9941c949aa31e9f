#pragma once
// The training loop: batches, updates, validation, checkpoints, and going on exactly where a run stopped.
//
//   RUN/config.yaml           the resolved configuration
//   RUN/metrics.jsonl         one line a validation: figures, rate, gradient norm, speed, entropy of the attention, memory
//   RUN/train.log             what the run said, with the time
//   RUN/samples/step-N.txt    source, reference and translation of a few validation pairs
//   RUN/step-N/               a checkpoint: a model folder with optimiser.safetensors and training.json
//   RUN/average-N/            the mean of the best checkpoints' weights, when it is better than each of them
//   RUN/best, RUN/last        links to checkpoints; whatever else is there, mended when a run goes on
//   RUN/end.json              how the run ended, once it came to its end by itself
//   RUN/lock                  held while a process trains here
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attend/data/corpus.h"
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
/// Named figures in the order to show them: metrics of the registry (attend/measure/metrics.h), and shares of attention that a task
/// measures beside them (support_0, ...). Shares are 0 to 1.
using Figures = std::vector<std::pair<std::string, double>>;
/// True when a larger figure is a better one, as the registry of metrics has it. Throws kUnknownName.
bool larger_is_better(const std::string& metric);
struct ValidationReport {
  std::int64_t step = 0;
  std::uint64_t epoch = 0;
  Figures figures;
  double train_loss = 0, seconds = 0;
  double rate = 0, gradient_norm = 0;       ///< of the last update; the mean since the validation before
  double tokens_per_second = 0;             ///< of training since the validation before, or since the start; 0 without an update
  std::optional<double> attention_entropy;  ///< nats a row of the attention to the source, mean over rows, heads and layers; see Learner
  std::uint64_t memory_peak = 0;            ///< bytes that the process has had in memory at most
  std::string metric;                       ///< what chooses `best`, and
  double figure = 0;                        ///< its value here
  bool best = false;                        ///< better than all before, averages too
  std::vector<std::string> samples;         ///< lines to show
};
/// One line: "update 500  1 min 02 s  train 2.100  valid 2.300  BLEU 12.10  best (bleu 12.1004)".
std::string validation_text(const ValidationReport& report);

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
  std::uint64_t batches_per_epoch = 0, updates_per_epoch = 0;
  std::vector<std::string> notes;     ///< what was fitted to the corpus
  std::vector<std::string> told;      ///< what was read, held out and left out, and what looks wrong with it
  std::vector<std::string> warnings;  ///< what of the data takes no part, why, and the cure
  std::string validated_as;           ///< how the figures of a validation are made: "beam 1, 13a, lower case", or empty
  std::string config;                 ///< resolved, as YAML
};

/// One run. The constructor reads the data and builds vocabularies and model; `given` are the keys the user set, the others
/// may be fitted to the corpus (fit_to_corpus) when `fit` is true. Nothing is written before run(), which holds RUN/lock.
/// A run that goes on takes its newest whole checkpoint, whatever its links say, and its own configuration and data: keys that cannot
/// change are refused (kValue), so are data of other content (kData). One thread uses a Trainer.
class Trainer {
 public:
  struct Start {
    Config config;
    GivenValues given;
    bool fit = false;
    bool dry_run = false;  ///< plan() alone will be asked for: a run that goes on is not locked
    bool resume = false;   ///< continue from RUN's newest checkpoint, bit for bit on the same machine with the same threads
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
