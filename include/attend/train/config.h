#pragma once
// The whole configuration of a run: what a YAML file holds.
#include <cstdint>
#include <string>
#include <vector>

#include "attend/core/options.h"
#include "attend/models/seq2seq.h"
#include "attend/search/search.h"
#include "attend/store/model_folder.h"

namespace attend {

/// Config section `train`: what every task reads, and in `own` what a loss, a learner or a kind of validation declares for itself:
/// `train.of<GuidedOptions>().guided_weight` (train/losses.h and the headers of learners).
struct TrainOptions {
  std::string out, init_from;
  std::int64_t epochs, steps;
  double minutes;
  // Optimiser and rate.
  std::string optimiser, schedule, matmul;
  double rate, beta1, beta2, epsilon, weight_decay, momentum, minimum_rate, plateau_factor, clip, label_smoothing;
  std::int64_t warmup, plateau_patience, accumulate;
  // Batches.
  std::string batch_by;
  std::int64_t batch_size, window;
  // Validation and checkpoints.
  std::int64_t validate_every, validate_pairs, save_every, keep, patience, average, samples;
  std::string metric;
  std::int64_t seed, threads;
  OptionSet own;

  TrainOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);  ///< what every task reads
  template <OptionStruct Options>
  Options& of() {
    return own.of<Options>();
  }
  template <OptionStruct Options>
  const Options& of() const {
    return own.of<Options>();
  }
};

/// Of section `train`, for tasks whose validation searches and compares texts.
struct SearchedOptions {
  std::int64_t validate_beam;
  std::string bleu_tokenizer;
  bool lowercase_bleu;
  SearchedOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

struct Config {
  std::string task;
  OptionSet data;  ///< by the structs that learners read: `data.of<TableFiles>().tsv` (train/data.h and the headers of learners)
  TextOptions text;
  ModelOptions model;
  TrainOptions train;
  SearchOptions decode;
  Config() { set_defaults(*this); }
  /// What the task reads with the model that learns it, and no more.
  void visit(OptionVisitor& v);
  /// Names the model that follows from the task and its data, where `given` names none.
  static void complete(GivenValues& given);
};

/// Checks what belongs together and throws kValue with the cure.
void check_config(const Config& config);
/// Throws kValue for data to validate on that was given twice.
void refuse_unread_data(const Config& config, const GivenValues& given);
/// Checks the files of a task of pairs: a source needs a target, a TSV excludes both, ...
void check_pairs(const Config& config);

/// Settles what follows from other choices where `given` holds nothing: what the model of the task needs, its attention from the
/// model. Returns one line a decision that departs from the declared defaults, the model's type (Config::complete) among them.
std::vector<std::string> complete_config(Config& config, const GivenValues& given);

}  // namespace attend
