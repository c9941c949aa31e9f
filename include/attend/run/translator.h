#pragma once
// Text in, text out: a trained model with its vocabularies, and what it attended to.
//
//   attend::Translator translator("runs/phrasebook");
//   std::cout << translator.translate("I love you") << '\n';
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attend/record/record.h"
#include "attend/run/copies.h"
#include "attend/search/search.h"
#include "attend/store/model_folder.h"

namespace attend {

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

/// Sentences of one batch at most, and tokens on its longer side.
struct RunLimits {
  std::size_t sentences = 64;
  std::size_t tokens = 4096;
};

/// What to tell whoever reads `outputs` texts of which the length limit of a search cut some; empty when it cut none.
std::string cut_message(std::size_t cut, std::size_t outputs, const SearchOptions& options);

class Translator {
 public:
  /// Reads a model folder or the folder of a training run. Throws Error (see read_model).
  explicit Translator(const std::string& path);
  explicit Translator(TranslationModel model);

  /// The best translation of one sentence. An empty sentence gives an empty translation.
  std::string translate(std::string_view source) const;
  /// All sentences, batched by length, in the order given. Events of `control` carry the number of the source; batches come one after
  /// another, the longest sentences first, and an empty sentence has none.
  std::vector<Translated> translate(std::span<const std::string> sources, const SearchOptions& options,
                                    const SearchControl& control = {}) const;
  /// The same by the second pass of a model that revises (model.revise), which reads `drafts` beside their sources, once. Throws
  /// kValue for other models and unless there is one draft a source.
  std::vector<Translated> revise(std::span<const std::string> sources, std::span<const std::string> drafts, const SearchOptions& options,
                                 const SearchControl& control = {}) const;
  /// Forced decoding: log-probabilities of given targets, and what the model attends to while producing them.
  std::vector<Translated> score(std::span<const std::string> sources, std::span<const std::string> targets,
                                const SearchControl& control = {}) const;

  const TranslationModel& model() const { return model_; }
  /// The configuration's section `decode`: how the model was meant to search.
  const SearchOptions& search_options() const { return search_options_; }
  RunLimits limits;

 private:
  template <class Find>
  std::vector<Translated> found_by(std::span<const std::string> sources, const SearchOptions& options, const SearchControl& control,
                                   const Find& find) const;
  std::shared_ptr<const Record> make_record(const std::string& source, const CopyWords& words, SearchResult& found,
                                            const SearchOptions* options, const std::string* target) const;
  ScoredText hypothesis(const FoundHypothesis& found, const CopyWords& words) const;
  TranslationModel model_;
  SearchOptions search_options_;
};

/// A record of `about`, which says what was read and by which model, with what a search found and looked at.
std::shared_ptr<const Record> finish_record(RecordData about, const Tokenizer& tokenizer, SearchResult& found);
/// The record of a text that a model without a source produced.
std::shared_ptr<const Record> text_record(const ModelOptions& model, const Tokenizer& tokenizer, SearchResult& found,
                                          std::uint64_t sentence);
/// A text with its tokens, as records hold it; without </s>.
Text text_of(const Tokenizer& tokenizer, std::string_view text);
/// Token ids of one text with </s>, as decoders write them.
std::vector<std::int64_t> ids_with_end(const Tokenizer& tokenizer, std::string_view text);
/// Token ids of a source as encoders read them: with </s> where text.source_end says so. A text without tokens gives </s> alone.
std::vector<std::int64_t> source_ids(const Tokenizer& tokenizer, const TextOptions& text, std::string_view source);
/// The same ids as search takes them.
std::vector<std::int32_t> tokens_of(std::span<const std::int64_t> ids);
/// Ids of many sequences as one batch, padded with 0, which nobody reads.
struct PaddedBatch {
  at::Tensor ids, lengths;  ///< int64 [B, L], int64 [B]
};
PaddedBatch pad_batch(const std::vector<const std::vector<std::int64_t>*>& sequences);

}  // namespace attend
