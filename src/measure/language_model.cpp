#include "attend/measure/language_model.h"

#include <cmath>
#include <numbers>

#include "attend/core/error.h"
#include "attend/measure/metrics.h"

namespace attend {
namespace {

void check(double nll, double tokens) {
  constexpr double kRounding = 1e-5;  // a log-softmax in float may end this much above 0
  ATTEND_CHECK(nll >= -kRounding * tokens, kValue,
               "language model: expected −ln P, at least 0, got {}; change the sign of log-probabilities", nll);
}

}  // namespace

void LanguageModelScore::add_stably(double x) {
  const double sum = sum_ + x;
  if (std::isfinite(sum)) carried_ += std::abs(sum_) >= std::abs(x) ? (sum_ - sum) + x : (x - sum) + sum_;
  sum_ = sum;
}

void LanguageModelScore::add(double nll, std::uint64_t tokens, std::uint64_t characters) {
  check(nll, static_cast<double>(tokens));
  add_stably(nll);
  tokens_ += tokens;
  characters_ += characters;
}

void LanguageModelScore::add(std::span<const float> token_nlls, std::uint64_t characters) {
  for (const float nll : token_nlls) check(nll, 1);
  for (const float nll : token_nlls) add_stably(nll);
  tokens_ += token_nlls.size();
  characters_ += characters;
}

std::optional<double> LanguageModelScore::loss() const {
  if (tokens_ == 0) return std::nullopt;
  return nll() / static_cast<double>(tokens_);
}
std::optional<double> LanguageModelScore::perplexity() const {
  if (tokens_ == 0) return std::nullopt;
  return std::exp(*loss());
}
std::optional<double> LanguageModelScore::bits_per_character() const {
  if (characters_ == 0) return std::nullopt;
  return nll() / std::numbers::ln2 / static_cast<double>(characters_);
}

extern constinit const MetricEntry loss_metric{.sentence = "mean -ln p of what is right",
                                               .needs = {MetricNeed::kProbabilities},
                                               .unit = "nat a token or an answer",
                                               .larger_is_better = false,
                                               .print = {.label = "loss",
                                                         .after = " nat",
                                                         .decimals = 4,
                                                         .brief = "valid",
                                                         .brief_decimals = 3,
                                                         .each = true,
                                                         .column = false},  // perplexity tells the same
                                               .of_probabilities = [](const LanguageModelScore& score) { return score.loss(); }};
extern constinit const MetricEntry perplexity_metric{
    .sentence = "exp(loss): as unsure as drawing lots among so many tokens",
    .needs = {MetricNeed::kProbabilities, MetricNeed::kTokens},
    .unit = "1 or more",
    .larger_is_better = false,
    .print = {.label = "perplexity", .decimals = 3, .brief = "ppl"},
    .of_probabilities = [](const LanguageModelScore& score) { return score.perplexity(); }};
extern constinit const MetricEntry bits_per_character_metric{
    .sentence = "-log2 p of a text by its characters, whatever its tokens are",
    .needs = {MetricNeed::kProbabilities, MetricNeed::kTokens, MetricNeed::kCharacters},
    .unit = "bits a character",
    .larger_is_better = false,
    .print = {.label = "bits", .after = " a character", .decimals = 4},
    .of_probabilities = [](const LanguageModelScore& score) { return score.bits_per_character(); }};

}  // namespace attend
