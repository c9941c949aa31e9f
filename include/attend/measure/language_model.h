#pragma once
// How well a language model predicts: loss, perplexity, bits per character.
#include <cstdint>
#include <optional>
#include <span>

namespace attend {

/// Sums −ln P over a text. The sum carries its own rounding error along (Neumaier, 1974), so the parts of
/// a long corpus are not lost beside the sum.
///
///     LanguageModelScore score;
///     for (...) score.add(losses_of_batch, characters_of_batch);
///     score.perplexity();
///
/// One thread at a time may add. Once all is added, threads may share it: const members only read.
class LanguageModelScore {
 public:
  /// Adds `tokens` predicted tokens whose −ln P sum to `nll` and which spell `characters` characters (0: not known).
  /// An infinite `nll` (something impossible came) makes perplexity infinite. Throws kValue for one that is NaN or
  /// negative beyond rounding: −ln P is wanted, not ln P.
  void add(double nll, std::uint64_t tokens, std::uint64_t characters = 0);
  /// One value a token.
  void add(std::span<const float> token_nlls, std::uint64_t characters = 0);

  double nll() const { return sum_ + carried_; }  ///< Σ −ln P, nats
  std::uint64_t tokens() const { return tokens_; }
  std::uint64_t characters() const { return characters_; }
  std::optional<double> loss() const;                ///< nll / tokens, nats; null without tokens
  std::optional<double> perplexity() const;          ///< exp(loss), 1 for a model that is always sure and right
  std::optional<double> bits_per_character() const;  ///< nll / ln 2 / characters; null without characters

 private:
  void add_stably(double x);

  double sum_ = 0, carried_ = 0;
  std::uint64_t tokens_ = 0, characters_ = 0;
};

}  // namespace attend
