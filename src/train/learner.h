#pragma once
// What a task is to the training loop: its data, its network, its loss and its figures.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attend/data/corpus.h"
#include "attend/measure/metrics.h"
#include "attend/ops/torch.h"
#include "attend/store/model_folder.h"
#include "attend/train/config.h"
#include "attend/train/trainer.h"
#include "train/entropy_loss.h"

namespace attend {

/// Figures of a validation and a few examples to show.
struct Validation {
  Figures figures;                          ///< first the loss: the mean of what training lowers, without smoothing
  std::vector<std::string> samples;         ///< input, expected and given, as the user should read them
  std::string message;                      ///< what the user should know beside them; mostly empty
  std::optional<double> attention_entropy;  ///< nats a row of the attention to the source, as Learner::attention_entropy
};

/// A learner is made from a configuration and reads its data then; vocabularies and network come with build(), which all share.
class Learner {
 public:
  /// Examples as tensors; `units` is what the loss is a mean over: target tokens, answers, ...
  struct Batch {
    virtual ~Batch() = default;
    std::int64_t units = 0;
  };

  virtual ~Learner() = default;
  /// Sizes that suit the data where the user set none; one line a decision.
  virtual std::vector<std::string> fit(Config& /*config*/, const GivenValues& /*given*/) { return {}; }
  /// Makes vocabularies and a fresh network from `config`, or takes over a stored model and writes its options into `config`.
  void build(Config& config, const GivenValues& given, const std::string& stored);
  virtual void describe(TrainPlan& plan) const = 0;
  const AnyModel& model() const { return model_; }

  virtual std::unique_ptr<BatchIterator> batches(BatchPosition start) const = 0;
  virtual std::unique_ptr<Batch> batch(const std::vector<std::size_t>& examples) const = 0;
  /// Adds the gradient of (sum of the batch's loss) / units; returns that sum, without smoothing and auxiliary losses.
  virtual double backward(const Batch& batch, std::int64_t units, std::int64_t update) = 0;
  virtual Validation validate() const = 0;
  /// Nats a row of the attention to the source while the first validation examples are written, at most 64 of them: the mean over rows,
  /// heads and layers. Null for models without one.
  virtual std::optional<double> attention_entropy() const { return std::nullopt; }
  /// The entropies that training has seen since this was asked before, where train.attention_entropy or attention_entropies asks for them.
  EntropySums take_entropies() { return std::exchange(entropies_, {}); }
  /// What validate() has to count metrics from.
  virtual MetricNeeds has() const = 0;
  /// "file:line, file:line, ..." of examples, for errors.
  virtual std::string places(const std::vector<std::size_t>& examples) const = 0;

 protected:
  EntropySums entropies_;
  /// Throws kValue for a model that cannot learn this task.
  virtual void check(const ModelOptions& options) const = 0;
  virtual void make_vocabularies(const TextOptions& text, AnyModel& model) const = 0;
  /// What is left to do once model() is there; resolves those keys of `config` that follow the data and that `given` does not hold.
  virtual void begin(Config& config, const GivenValues& given) = 0;

 private:
  AnyModel model_;
};

/// What a validation counts: the metrics that are usual in training, and the one that chooses the best.
MetricList validated_metrics(MetricNeeds has, const std::string& chosen);
/// As the training loop takes them: the loss first. What has no value is the worst there is: none is the best without one.
Figures figures_of(const MetricFigures& counted);

/// How `options` want their batches made.
BatchPlan batch_plan(const TrainOptions& options);

/// A way to learn: who reads the data of a task, and which options it reads.
struct LearnerEntry {
  std::unique_ptr<Learner> (*make)(const Config& config);
  /// The model that a task takes where none was named, by the keys that were given.
  std::string_view (*usual_model)(const GivenValues& given);
  /// Visits what it reads of section data, with the model that is to learn.
  void (*data)(OptionSet& data, const ModelOptions& model, OptionVisitor& v);
  /// Visits its own options of section train, but for those of losses that follow the model (train/auxiliary.h).
  void (*training)(OptionSet& own, const ModelOptions& model, OptionVisitor& v);
  bool searches;  ///< whether what it makes is decoded by a search (section decode)
};

/// A line of tasks.def.
struct TaskEntry {
  std::string_view name;
  const LearnerEntry* learner;
  std::string_view metric;  ///< the figure that it is judged by
};
/// Throws kUnknownName.
const TaskEntry& find_task(std::string_view name);
std::vector<std::string> task_names();

}  // namespace attend
