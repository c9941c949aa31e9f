#pragma once
// How well a model does on sentences whose translations are known.
#include <optional>
#include <span>
#include <string>

#include "attend/decode/translator.h"
#include "attend/measure/alignment.h"
#include "attend/measure/bleu.h"
#include "attend/measure/chrf.h"

namespace attend {

struct EvaluateOptions {
  SearchOptions search;
  std::string bleu_tokenizer = "13a";
  bool lowercase = false;
  bool forced_loss = true;  ///< also score the references
};

struct Evaluation {
  std::size_t sentences = 0, target_tokens = 0;
  std::size_t cut = 0;                           ///< translations that the length limit ended
  double loss = 0;                               ///< mean −ln p of the references' tokens, </s> included
  double perplexity = 0;                         ///< exp(loss)
  double exact = 0;                              ///< share of translations equal to the reference, 0 to 1
  double word_errors = 0, character_errors = 0;  ///< edits a reference token: words or symbols between spaces, characters
  BleuResult bleu;
  ChrfResult chrf;
  std::vector<std::string> translations;
};

Evaluation evaluate(const Translator& translator, std::span<const std::string> sources, std::span<const std::string> references,
                    const EvaluateOptions& options);

/// Whether a side's tokens are pieces of words (unigram, bpe): links then join words, else tokens.
bool has_pieces(const TranslationModel& model);
/// How links are read off a model's attention by default: argmax, between words for models of pieces, else between tokens.
LinkOptions default_links(const TranslationModel& model);

/// What the attention to the source looks at under forced decoding of the references.
struct AttentionFigures {
  AlignmentScore links;           ///< argmax per target word, against gold
  std::optional<double> entropy;  ///< of its rows in nats: mean over rows, then heads, then sentences; null without weights
};
AttentionFigures evaluate_attention(const Translator& translator, std::span<const std::string> sources,
                                    std::span<const std::string> references, std::span<const Links> gold, const MapChoice& choice = {},
                                    const LinkOptions& options = {});

}  // namespace attend
