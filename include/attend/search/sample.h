#pragma once
// Drawing texts from a model, token by token.
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "attend/search/search.h"

namespace attend {

/// Flags of `generate`.
struct SampleOptions {
  double temperature, top_p;
  std::int64_t top_k, max_tokens, no_repeat_ngram, seed;
  bool past_end;
  SampleOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// What texts are drawn for: one prompt for each item of the model.
struct Prompts {
  std::vector<std::vector<std::int32_t>> tokens;  ///< how each text begins, without <s>; may be empty
  std::size_t first = 0;                          ///< the number of the first text
};

/// Draws one continuation for each prompt: scores / temperature, the top_k best, of these the smallest set with mass top_p or more (the
/// token that crosses it included), renormalised, one drawn. Constraints (</s> and <unk> where unwanted, repeated n-grams) come before
/// the softmax. Temperature 0 takes the best token, ties to the lower id. The draw depends on the seed and the text's number alone, so
/// that texts may be drawn in parts. Results have one hypothesis each, the prompt's tokens included; nodes and maps as `search` with one
/// beam. Throws kValue unless there is one prompt an item, where no token may follow, and for scores that are no numbers; kInterrupted
/// when it was cancelled. May be called in several threads at once, each with a model of its own.
std::vector<SearchResult> sample(StepModel& model, const Prompts& prompts, const SampleOptions& options, const SearchControl& control = {});

/// The ids that may be drawn from the scores of one row, and their probabilities, best first: what the options leave of it.
std::vector<std::pair<std::int32_t, double>> candidates(std::span<const float> scores, const SampleOptions& options);

}  // namespace attend
