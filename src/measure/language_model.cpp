#include "attend/measure/language_model.h"

#include <cmath>
#include <numbers>

#include "attend/core/error.h"

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

}  // namespace attend
