#pragma once
// How well a model does on sentences whose translations are known.
#include <optional>
#include <span>
#include <string>

#include "attend/measure/alignment.h"
#include "attend/measure/focus.h"
#include "attend/measure/metrics.h"
#include "attend/run/runner.h"

namespace attend {

/// What there is to count metrics of translated texts from, gold links aside.
inline constexpr MetricNeeds kPairsHave{MetricNeed::kTexts, MetricNeed::kProbabilities, MetricNeed::kTokens};

/// Counts `wanted` of texts and, where metrics need it, of what else is known of them. Both sides are first brought to one form
/// (`comparable`: NFC, single spaces), in which tokenizers give text back. Throws kValue unless there is one reference a text, and at least
/// one text; as the metrics do for an unknown tokenizer.
MetricFigures compare_texts(std::span<const std::string> texts, std::span<const std::string> references, const MetricOptions& options,
                            const MetricList& wanted = usual_metrics({MetricNeed::kTexts}, MetricPlace::kEvaluation),
                            MetricEvidence more = {});

struct EvaluateOptions : MetricOptions {
  SearchOptions search;
  MetricList wanted = usual_metrics(kPairsHave, MetricPlace::kEvaluation);
  bool forced_loss = true;  ///< also score the references; without it there is no loss
};

/// What a model said to one source, and what it thinks of the reference.
struct EvaluatedSentence {
  std::size_t source_tokens = 0;  ///< </s> not counted
  double log_prob = 0;            ///< of the translation, </s> included
  double reference_log_prob = 0;  ///< of the reference, </s> included; with forced_loss
  std::size_t reference_tokens = 0;
};

struct Evaluation {
  MetricFigures metrics;          ///< those wanted
  std::size_t target_tokens = 0;  ///< of the references, </s> included
  std::size_t cut = 0;            ///< translations that the length limit ended
  std::vector<std::string> translations;
  std::vector<EvaluatedSentence> each;  ///< in the order of the sources
};

/// Translates and compares. Throws as compare_texts and Translator.
Evaluation evaluate(const Runner& runner, std::span<const std::string> sources, std::span<const std::string> references,
                    const EvaluateOptions& options);

/// Sentences of similar length.
struct LengthGroup {
  std::size_t shortest = 0, longest = 0;  ///< of the group's range; longest is 0 where it has no upper end
  std::vector<std::size_t> items;         ///< ascending
};
/// Parts items by length: 1–5, 6–10, 11–15, 16–20, 21–30, 31–50, 51 and more. Empty groups are left out.
std::vector<LengthGroup> length_groups(std::span<const std::size_t> lengths);

/// What gold links count on each side of a model: words where a side is cut into pieces of words (unigram, bpe), characters where those
/// are pieces of a script without spaces, else the model's own tokens.
LinkUnits link_units(const TranslationModel& model);
/// The same as the user wants it: auto, words, punctuated, tokens or characters, for both sides, or SOURCE-TARGET as in
/// words-characters. Throws kUsage.
LinkUnits link_units(const TranslationModel& model, const std::string& wanted);
/// `units` with punctuation apart on those sides where words between white space would leave gold links without a word.
LinkUnits fit_link_units(LinkUnits units, std::span<const std::string> sources, std::span<const std::string> references,
                         std::span<const Links> gold);
/// A text with its tokens, whose RecordToken::word counts as `unit` says.
RecordText linked_text(const Tokenizer& tokenizer, std::string_view text, LinkUnit unit);
/// How many units of that kind a text has: gold links must be within.
std::uint32_t linked_count(const Tokenizer& tokenizer, std::string_view text, LinkUnit unit);
/// links_of, of a record whose words count as options.units says.
Links attention_links(const Record& record, const LinkOptions& options, const MapChoice& choice = {});
/// How links are read off a model's attention by default: argmax, in link_units.
LinkOptions default_links(const TranslationModel& model);

/// What the attention to the source looks at under forced decoding of the references.
struct AttentionFigures {
  AlignmentScore links;            ///< found as AttentionRequest says, against gold
  RowEntropy entropy;              ///< of its rows, </s> counted like any token
  RowEntropy entropy_without_end;  ///< the row that writes </s> and the source's </s> left out, weights read as shares of the rest
  AttentionFigures& operator+=(const AttentionFigures& other);
};
struct AttentionRequest {
  std::span<const Links> gold;          ///< one a pair; or none, and no links are counted
  std::span<const std::string> places;  ///< "file:line" of each pair's gold links, for errors; or none
  MapChoice choice = {};
  LinkOptions links = {};
};
/// Figures of each pair; those of a pair whose source is empty are empty. Throws kData for a gold link to a word that is not there,
/// naming its place, and kValue for numbers of gold links and pairs that differ.
std::vector<AttentionFigures> evaluate_attention(const Runner& runner, std::span<const std::string> sources,
                                                 std::span<const std::string> references, const AttentionRequest& request);

/// Links of every layer that attends to the source, under forced decoding, against `request.gold`; the layer of `request.choice` is not
/// read.
std::map<std::int64_t, AlignmentScore> alignment_by_layer(const Runner& runner, std::span<const std::string> sources,
                                                          std::span<const std::string> references, const AttentionRequest& request);
/// The layer with the lowest AER, of equal ones the last. Throws kValue where no layer has one.
std::int64_t best_layer(const std::map<std::int64_t, AlignmentScore>& layers);

}  // namespace attend
