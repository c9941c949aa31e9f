#pragma once
// Drawing texts from a model, token by token.
#include <cstdint>
#include <vector>

#include "attend/run/search.h"
#include "attend/text/tokenizer.h"

namespace attend {

/// Flags of `generate`.
struct SampleOptions {
  double temperature, top_p;
  std::int64_t top_k, max_tokens, no_repeat_ngram, seed;
  bool past_end;
  const std::atomic<bool>* stop = nullptr;  ///< looked at before each token: once it is set, kInterrupted is thrown
  SampleOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// What texts are drawn for, one source and one prompt each.
struct Prompts {
  at::Tensor source, lengths;                     ///< int64 [B, S] and [B], as for `search`; a language model takes S = 0
  std::vector<std::vector<std::int32_t>> tokens;  ///< how each text begins, without <s>; may be empty
  std::size_t first = 0;                          ///< the number of the first text
};

/// Draws one continuation for each prompt: logits / temperature, the top_k best, of these the smallest set with mass top_p or more (the
/// token that crosses it included), renormalised, one drawn. Constraints (</s> and <unk> where unwanted, repeated n-grams) come before
/// the softmax. Temperature 0 takes the best token, ties to the lower id. The draw depends on the seed and the text's number alone, so
/// that texts may be drawn in parts. Results have one hypothesis each, the prompt's tokens included; nodes and maps as `search` with one
/// beam.
std::vector<SearchResult> sample(const Seq2Seq& model, const Prompts& prompts, const SampleOptions& options, bool record);

/// The ids that may be drawn from logits, and their probabilities, best first: what the options leave of one row. float32 [V].
std::vector<std::pair<std::int32_t, double>> candidates(const float* logits, std::int64_t vocabulary, const SampleOptions& options);

/// The lines of a text that was drawn past its line ends: what stands between </s> and </s>.
std::vector<std::string> lines_of(const Tokenizer& tokenizer, const std::vector<std::int32_t>& tokens);

}  // namespace attend
