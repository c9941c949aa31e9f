#pragma once
// The pairs a run learns from: corpus, held-out validation pairs, and batches as tensors.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "attend/data/corpus.h"
#include "attend/measure/alignment.h"
#include "attend/ops/torch.h"
#include "attend/run/copies.h"
#include "attend/store/model_folder.h"
#include "attend/text/tokenizer.h"
#include "attend/train/config.h"
#include "attend/train/data.h"
#include "attend/train/fit.h"
#include "attend/train/pairs.h"
#include "train/sequences.h"

namespace attend {

class Examples {
 public:
  Examples(const OptionSet& data, std::uint64_t seed);

  std::size_t size() const { return corpus_.size(); }
  std::size_t usable() const { return usable_; }
  const CorpusReport& report() const { return corpus_.report(); }
  CorpusProfile profile() const;  ///< of the training pairs; of a large corpus, of 200,000 of them
  const std::vector<std::string>& dev_sources() const { return dev_sources_; }
  const std::vector<std::string>& dev_targets() const { return dev_targets_; }

  std::pair<std::shared_ptr<Tokenizer>, std::shared_ptr<Tokenizer>> train_tokenizers(const TextOptions& text) const;
  /// Counts every training pair's tokens once and chooses config.data.max_length where it is 0; pairs over it are left out. Where
  /// decode's limits are too narrow for the lengths seen, with a quarter to spare, widens them and says so in the lines it returns.
  /// With guided attention each pair's gold links are read and held to its words: throws kData with file:line for one that is outside,
  /// and when no pair has any.
  std::vector<std::string> measure(const TranslationModel& model, Config& config, const GivenValues& given);
  /// What takes no part or differs from what was asked for, with the cure; complete after measure().
  const std::vector<std::string>& warnings() const { return warnings_; }
  std::unique_ptr<BatchIterator> batches(const TrainOptions& options, BatchPosition start) const;
  TrainBatch make_batch(const std::vector<std::size_t>& indices, const TranslationModel& model, bool with_links = false) const;
  /// The first `most` validation pairs.
  TrainBatch dev_batch(std::size_t most, const TranslationModel& model) const;
  std::string places(const std::vector<std::size_t>& indices) const;  ///< "file:line, file:line, ..." for errors

 private:
  at::Tensor gold_rows(const std::vector<std::size_t>& indices, const TranslationModel& model, std::int64_t steps, std::int64_t keys) const;
  void hold_out(std::uint64_t seed);
  void check_gold_links(const TranslationModel& model);
  void tell_lengths(const std::vector<std::int32_t>& tokens, std::int64_t limit, std::size_t first_over);
  PairOptions options_;
  TableFiles tables_;
  double dev_share_;
  ParallelCorpus corpus_;
  std::vector<bool> held_out_;
  std::vector<std::int32_t> lengths_;  // tokens of the longer side, 0 when left out
  LinkUnits linked_;                   // what gold links join, with guided attention
  std::size_t usable_ = 0;
  std::vector<std::string> dev_sources_, dev_targets_, warnings_;
};

}  // namespace attend
