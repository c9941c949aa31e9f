#pragma once
// Every number between a text and its translation, step by step, for readers who want to follow the computation.
//
//   attend::Translator translator("runs/phrasebook");
//   std::cout << attend::trace_text(attend::trace(translator.model(), "I love you"));
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "attend/measure/alignment.h"
#include "attend/search/search.h"
#include "attend/store/model_folder.h"

namespace attend {

/// A vector, or a matrix with a label for each row.
struct TraceNumbers {
  std::string name;               ///< docs/guide/trace.md lists them
  std::vector<std::string> rows;  ///< source tokens or keys; empty for a single vector
  std::vector<double> values;     ///< row-major
  bool of_source = false;         ///< part of a score that is the same at every step
  std::size_t columns() const { return rows.empty() ? values.size() : values.size() / rows.size(); }
};

/// One query of one head: parts of the score, scores, softmax, weights, context.
struct TraceAttention {
  std::string site;  ///< encoder.self, decoder.self, decoder.cross, decoder.attention
  std::int64_t layer = 0, head = 0;
  std::string query;                 ///< the token the query belongs to: a source token, or the target token being produced
  std::vector<std::string> keys;     ///< source tokens, or for decoder.self the tokens read so far
  std::vector<TraceNumbers> parts;   ///< "query" first, then what the mechanism tells of its score
  std::vector<double> scores;        ///< e; −infinity where hidden
  double maximum = 0;                ///< max e
  std::vector<double> exponentials;  ///< exp(e − max e); empty when the weights are not a softmax
  double sum = 0;                    ///< of the exponentials
  std::vector<double> weights;
  double entropy = 0, effective_tokens = 0;  ///< −Σ w ln w in nats, and its exponential
  std::vector<double> context;               ///< Σ w v of this head
};

/// In the order of the computation.
using TraceLine = std::variant<TraceNumbers, TraceAttention>;

struct TraceWord {
  std::int32_t id = 0;
  std::string text;
  double logit = 0, probability = 0, surprisal = 0;  ///< surprisal −ln p
};

/// The output distribution of one step.
struct TraceChoice {
  TraceWord chosen;
  std::int64_t rank = 1;       ///< 1 when no word is more probable
  std::vector<TraceWord> top;  ///< most probable first
};

struct TraceStep {
  std::string previous, target;  ///< the token read and the token produced
  std::vector<TraceLine> lines;
  std::optional<TraceChoice> choice;  ///< null where an example has no output layer
};

struct TraceToken {
  std::string text;
  std::int32_t id = 0;
  ByteSpan span;  ///< bytes of the source
};

struct TraceTotals {
  double log_prob = 0, mean_nll = 0, perplexity = 0;  ///< ln p of the whole target, −ln p a token, exp of that
  double length_divisor = 1, coverage_term = 0;       ///< lp = ((5 + |Y|)/6)^α and cp of the search's score
  double score = 0;                                   ///< log_prob / lp + cp
};

struct Trace {
  std::string title;
  std::string mechanism, formula;  ///< of the attention; empty for `none`
  std::string source_text, target_text;
  bool forced = false;  ///< the target was given
  std::vector<TraceToken> source;
  std::vector<TraceLine> encoder;  ///< and the bridge to the decoder
  std::vector<TraceStep> steps;
  std::vector<double> coverage;  ///< Σ_t w[t, s] for each source token, mean over the heads of the last layer
  Links links;                   ///< argmax of the same weights, token to token; special tokens do not align
  std::optional<TraceTotals> totals;
};

struct TraceOptions {
  std::optional<std::string> target;        ///< to follow; null: what the model says itself
  SearchOptions search;                     ///< finds the target, greedily unless changed; its penalties enter the score
  std::int64_t top = 5;                     ///< words shown of each output distribution
  std::optional<std::int64_t> layer, head;  ///< of the attention shown; null: the last layer, every head
  TraceOptions() { search.beam = 1; }
};

/// Runs the model on one text and keeps every number. The words are chosen by the model as it is; the numbers are then computed
/// in float64 from its weights, whatever their format. Throws kValue for an empty text, a layer or a head that is not there.
/// Cost: a float64 copy of the model, and about twice the arithmetic of a forced run of one sentence.
Trace trace(const TranslationModel& model, const std::string& source, const TraceOptions& options = {});

/// The worked examples, "I love you" → 我爱你: `rnn`, a recurrent encoder–decoder, and `scaled_dot`, three queries on three keys.
std::vector<std::string> trace_examples();
/// Throws kUnknownName listing them.
Trace trace_example(std::string_view name, const TraceOptions& options = {});

/// How a trace is written.
struct TraceView {
  std::int64_t step = 0;    ///< one target step, counted from 1; 0: all
  std::int64_t digits = 4;  ///< digits after the point, 0 to 17
  bool full = false;        ///< whole vectors; else more than 8 numbers are cut in the middle and their norm is added
};

/// Numbered steps for reading; UTF-8, lines as long as they need to be. Throws kValue for a step that is not there.
std::string trace_text(const Trace& trace, const TraceView& view = {});
/// The same as JSON, schema "attend.trace" version [1, 0] (docs/schemas): whole vectors with all their digits. −infinity is
/// {"value": null, "why": "hidden"}.
std::string trace_json(const Trace& trace, const TraceView& view = {});

}  // namespace attend
