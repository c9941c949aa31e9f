#pragma once
// The whole configuration of a run: what a YAML file holds.
#include <cstdint>
#include <string>
#include <vector>

#include "attend/core/options.h"
#include "attend/data/labelled.h"
#include "attend/models/seq2seq.h"
#include "attend/run/search.h"
#include "attend/store/model_folder.h"

namespace attend {

/// Config section `data`: two line-aligned files, or one TSV, for training and validation each.
struct DataOptions {
  std::string source, target, tsv, dev_source, dev_target, dev_tsv;
  std::string text, answers, images, labels, captions, list, dev_text, dev_answers, dev_images, dev_labels, dev_list;
  TextForm form;  ///< of texts with classes; its keys stand in the section itself
  double dev_share, test_share, unknown_share;
  std::int64_t dev_pairs, max_length, length, shift;
  bool skip_broken, header, mirror;
  DataOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Config section `train`.
struct TrainOptions {
  std::string out, init_from;
  std::int64_t epochs, steps;
  double minutes;
  // Optimiser and rate.
  std::string optimiser, schedule, matmul;
  double rate, beta1, beta2, epsilon, weight_decay, momentum, minimum_rate, plateau_factor, clip, label_smoothing;
  std::int64_t warmup, plateau_patience, accumulate;
  // Losses beside the likelihood.
  double coverage_weight, reward_weight, entropy_weight, guided_weight, doubly_weight, ponder_weight, rows_weight, draft_noise;
  std::int64_t coverage_start, guided_head, linear_start;
  std::string reward;
  // Batches.
  std::string batch_by;
  std::int64_t batch_size, window;
  // Validation and checkpoints.
  std::int64_t validate_every, validate_beam, validate_pairs, save_every, keep, patience, average, samples;
  std::string metric, bleu_tokenizer;
  bool lowercase_bleu;
  std::int64_t seed, threads;
  TrainOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

struct Config {
  std::string task;
  DataOptions data;
  TextOptions text;
  ModelOptions model;
  TrainOptions train;
  SearchOptions decode;
  Config() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Checks what belongs together and throws kValue with the cure.
void check_config(const Config& config);
/// Throws kValue for files of section data that were given and that the task and model do not read: nothing given is left unread in
/// silence.
void refuse_unread_data(const Config& config, const GivenValues& given);
/// Checks the files of a task of pairs: a source needs a target, a TSV excludes both, ...
void check_pairs(const Config& config);

/// Chooses what follows from other choices where `given` holds nothing: the model from the task and its data, its attention from the
/// model. The model's type is left alone where `given` is empty, as for callers who fill a Config in code. Returns one line a decision
/// that departs from the declared defaults.
std::vector<std::string> complete_config(Config& config, const GivenValues& given);

}  // namespace attend
