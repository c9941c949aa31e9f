#pragma once
// The whole configuration of a run: what a YAML file holds.
#include <cstdint>
#include <string>
#include <vector>

#include "attend/core/options.h"
#include "attend/data/labelled.h"
#include "attend/models/seq2seq.h"
#include "attend/search/search.h"
#include "attend/store/model_folder.h"

namespace attend {

/// Config section `data`: files for training and validation. A configuration holds those that its task reads, with the model that learns
/// it (train/tasks.h).
struct DataOptions {
  std::string source, target, tsv, dev_source, dev_target, dev_tsv;
  std::string text, answers, images, labels, captions, list, dev_text, dev_answers, dev_images, dev_labels, dev_list;
  TextForm form;  ///< of texts with classes; its keys stand in the section itself
  double dev_share, test_share, unknown_share;
  std::int64_t dev_pairs, max_length, length, shift;
  bool skip_broken, header, mirror;
  DataOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);  ///< all of them
  // Those that belong together.
  void visit_pairs(OptionVisitor& v);
  void visit_tables(OptionVisitor& v);
  void visit_texts(OptionVisitor& v);
  void visit_answers(OptionVisitor& v);
  void visit_pictures(OptionVisitor& v);
  void visit_labels(OptionVisitor& v);
  void visit_captions(OptionVisitor& v);
  void visit_share(OptionVisitor& v);
  void visit_held_out(OptionVisitor& v);
  void visit_moves(OptionVisitor& v);
  void visit_unknown(OptionVisitor& v);
  void visit_stream(OptionVisitor& v);
  void visit_limit(OptionVisitor& v);
  void visit_header(OptionVisitor& v);
  void visit_broken(OptionVisitor& v);
};

/// Config section `train`. Losses are visited where the task and the model have them.
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
  void visit(OptionVisitor& v);  ///< all of them
  // Those that belong together.
  void visit_length(OptionVisitor& v);
  void visit_optimiser(OptionVisitor& v);
  void visit_coverage(OptionVisitor& v);
  void visit_reward(OptionVisitor& v);
  void visit_guided(OptionVisitor& v);
  void visit_doubly(OptionVisitor& v);
  void visit_ponder(OptionVisitor& v);
  void visit_rows(OptionVisitor& v);
  void visit_draft(OptionVisitor& v);
  void visit_linear(OptionVisitor& v);
  void visit_batches(OptionVisitor& v);
  void visit_validation(OptionVisitor& v);
  void visit_search(OptionVisitor& v);  ///< of tasks whose validation searches
  void visit_rest(OptionVisitor& v);
};

struct Config {
  std::string task;
  DataOptions data;
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
