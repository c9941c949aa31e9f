#include "attend/measure/bleu.h"

#include <cmath>

#include "attend/core/error.h"
#include "attend/measure/metrics.h"
#include "measure/bleu_tokens.h"
#include "measure/ngrams.h"
#include "measure/unicode.h"

namespace attend {
namespace {

const std::vector<std::string> kSmoothing{"exp", "floor", "add-k", "none"};

/// The value a smoothing method takes; its own where the user gave none (Chen & Cherry, 2014).
double smoothing_value(const BleuOptions& options) {
  if (options.smooth_value > 0) return options.smooth_value;
  return options.smooth == "floor" ? 0.1 : 1.0;
}

std::string smoothing_text(const BleuOptions& options) {
  const bool takes_value = options.smooth == "floor" || options.smooth == "add-k";
  return takes_value ? fmt::format("{}[{:.2f}]", options.smooth, smoothing_value(options)) : options.smooth;
}

/// ln, with a very low number for 0, so that a mean of logarithms stays finite and its exponential is 0.
double floored_log(double x) { return x == 0 ? -9999999999.0 : std::log(x); }

/// Smoothed precisions into `result`; returns how many orders the mean is taken over.
std::size_t smooth_precisions(const BleuOptions& options, BleuResult& result) {
  std::size_t orders = result.precisions.size();
  double halving = 1;  // exp: each order without a match gets half of what the one before would have
  for (std::size_t n = 0; n < result.precisions.size(); ++n) {
    const double added = options.smooth == "add-k" && n > 0 ? smoothing_value(options) : 0;
    const double matches = static_cast<double>(result.matches[n]) + added;
    const double total = static_cast<double>(result.totals[n]) + added;
    if (total == 0) break;
    if (options.effective_order) orders = n + 1;
    if (matches > 0) {
      result.precisions[n] = 100 * matches / total;
    } else if (options.smooth == "exp") {
      halving *= 2;
      result.precisions[n] = 100 / (halving * total);
    } else if (options.smooth == "floor") {
      result.precisions[n] = 100 * smoothing_value(options) / total;
    }
  }
  return orders;
}

std::string statistics(const BleuResult& result) {
  std::string precisions;
  for (const double p : result.precisions) precisions += fmt::format("{}{:.1f}", precisions.empty() ? "" : "/", p);
  return fmt::format("{} (BP = {:.3f} ratio = {:.3f} hyp_len = {} ref_len = {})", precisions, result.brevity_penalty, result.ratio(),
                     result.hypothesis_length, result.reference_length);
}

}  // namespace

void BleuOptions::visit(OptionVisitor& v) {
  v(tokenizer, "tokenizer", "13a", "how text is split into words", one_of(scoring::bleu_tokenizer_names()));
  v(lowercase, "lowercase", false, "ignore case");
  v(smooth, "smooth", "exp", "what stands in for a precision of 0", one_of(kSmoothing));
  v(smooth_value, "smooth_value", 0.0, "value of floor or add-k; 0: 0.1 or 1", at_least(0));
  v(effective_order, "effective_order", false, "leave out orders longer than any hypothesis (for single sentences)");
  v(max_order, "max_order", 4, "longest n-gram", between(1, 16));
}

double BleuResult::ratio() const {
  return reference_length == 0 ? 0 : static_cast<double>(hypothesis_length) / static_cast<double>(reference_length);
}
std::string BleuResult::line(int decimals) const { return fmt::format("BLEU = {:.{}f} {}", score, decimals, statistics(*this)); }
std::string BleuResult::line_with_signature(int decimals) const {
  return fmt::format("BLEU|{} = {:.{}f} {}", signature, score, decimals, statistics(*this));
}

struct Bleu::State {
  BleuOptions options;
  scoring::BleuTokenizer tokenizer;
  scoring::ReferenceCount references;
  scoring::NgramIndex ngrams;  // of the present sentence
  std::vector<std::uint32_t> in_hypothesis, in_references, in_reference;
  std::uint64_t hypothesis_length = 0, reference_length = 0;
  std::vector<std::uint64_t> matches, totals;

  std::u32string separated(std::string_view text, const char* which) const {
    const auto points = scoring::code_points(text, fmt::format("bleu: {} of sentence {}", which, references.sentences() + 1));
    return scoring::separate(tokenizer, points, options.lowercase);
  }
};

Bleu::Bleu(BleuOptions options) : state_(std::make_unique<State>()) {
  state_->tokenizer = scoring::find_bleu_tokenizer(options.tokenizer);
  if (std::find(kSmoothing.begin(), kSmoothing.end(), options.smooth) == kSmoothing.end())
    fail_unknown_name("bleu smoothing", options.smooth, kSmoothing);
  ATTEND_CHECK(options.smooth_value >= 0, kValue, "bleu: smooth_value must be at least 0, got {}", options.smooth_value);
  ATTEND_CHECK(options.max_order >= 1 && options.max_order <= 16, kValue, "bleu: max_order must be 1 to 16, got {}", options.max_order);
  state_->matches.resize(static_cast<std::size_t>(options.max_order));
  state_->totals.resize(state_->matches.size());
  state_->options = std::move(options);
}
Bleu::Bleu(Bleu&&) noexcept = default;
Bleu& Bleu::operator=(Bleu&&) noexcept = default;
Bleu::~Bleu() = default;

void Bleu::add(std::string_view hypothesis, std::string_view reference) { add(hypothesis, std::span(&reference, 1)); }

void Bleu::add(std::string_view hypothesis, std::span<const std::string_view> references) {
  State& s = *state_;
  ATTEND_CHECK(!references.empty(), kValue, "bleu: sentence {} has no reference; give at least one", s.references.sentences() + 1);
  const int max_order = static_cast<int>(s.options.max_order);
  scoring::WordIndex words;
  s.ngrams.clear();
  std::vector<std::u32string> texts;  // all alive at once: the word index points into them
  texts.reserve(references.size() + 1);
  const auto symbols = [&](std::string_view text, const char* which) {
    std::vector<std::uint32_t> numbers;
    for (const auto word : scoring::split(texts.emplace_back(s.separated(text, which)))) numbers.push_back(words.number(word));
    return numbers;
  };

  const auto said = symbols(hypothesis, "hypothesis");
  s.in_hypothesis.clear();
  s.ngrams.count(said, max_order, s.in_hypothesis);

  s.in_references.clear();
  std::size_t closest = 0, least = std::numeric_limits<std::size_t>::max();
  for (const auto reference : references) {
    const auto wanted = symbols(reference, "a reference");
    s.in_reference.clear();
    s.ngrams.count(wanted, max_order, s.in_reference);
    if (s.in_references.size() < s.in_reference.size()) s.in_references.resize(s.in_reference.size());
    for (std::size_t g = 0; g < s.in_reference.size(); ++g) s.in_references[g] = std::max(s.in_references[g], s.in_reference[g]);
    const std::size_t off = std::max(said.size(), wanted.size()) - std::min(said.size(), wanted.size());
    if (off < least || (off == least && wanted.size() < closest)) {
      least = off;
      closest = wanted.size();
    }
  }

  const std::size_t shared = std::min(s.in_hypothesis.size(), s.in_references.size());
  for (std::size_t g = 0; g < shared; ++g)
    s.matches[static_cast<std::size_t>(s.ngrams.order(g))] += std::min(s.in_hypothesis[g], s.in_references[g]);
  for (int n = 0; n < max_order; ++n) s.totals[static_cast<std::size_t>(n)] += scoring::ngrams_of(said.size(), n);
  s.hypothesis_length += said.size();
  s.reference_length += closest;
  s.references.add(references.size());
}

BleuResult Bleu::result() const {
  const State& s = *state_;
  ATTEND_CHECK(s.references.sentences() > 0, kValue, "bleu: no sentence was added; BLEU of an empty corpus does not exist");
  BleuResult result;
  result.matches = s.matches;
  result.totals = s.totals;
  result.precisions.resize(s.matches.size());
  result.hypothesis_length = s.hypothesis_length;
  result.reference_length = s.reference_length;
  result.signature =
      fmt::format("nrefs:{}|case:{}|eff:{}|tok:{}|smooth:{}|version:{}", s.references.text(), s.options.lowercase ? "lc" : "mixed",
                  s.options.effective_order ? "yes" : "no", s.options.tokenizer, smoothing_text(s.options), kSacreBleuVersion);
  if (s.hypothesis_length < s.reference_length)
    result.brevity_penalty =
        s.hypothesis_length == 0 ? 0 : std::exp(1 - static_cast<double>(s.reference_length) / static_cast<double>(s.hypothesis_length));
  if (std::all_of(s.matches.begin(), s.matches.end(), [](std::uint64_t m) { return m == 0; })) return result;

  const std::size_t orders = smooth_precisions(s.options, result);
  double logs = 0;
  for (std::size_t n = 0; n < orders; ++n) logs += floored_log(result.precisions[n]);
  result.score = result.brevity_penalty * std::exp(logs / static_cast<double>(orders));
  return result;
}

std::vector<double> caption_bleu(const BleuResult& counts) {
  constexpr double kTiny = 1e-15, kSmall = 1e-9;  // the scorer's: they show where nothing matched
  const double ratio = (static_cast<double>(counts.hypothesis_length) + kTiny) / (static_cast<double>(counts.reference_length) + kSmall);
  const double brevity_penalty = ratio < 1 ? std::exp(1 - 1 / ratio) : 1;
  std::vector<double> scores;
  double product = 1;
  for (std::size_t n = 0; n < counts.matches.size(); ++n) {
    product *= (static_cast<double>(counts.matches[n]) + kTiny) / (static_cast<double>(counts.totals[n]) + kSmall);
    scores.push_back(100 * brevity_penalty * std::pow(product, 1 / static_cast<double>(n + 1)));
  }
  return scores;
}

namespace {

TextFigure bleu_figure(const ComparedTexts& texts, const MetricOptions& compare) {
  BleuOptions options;
  options.tokenizer = compare.captions ? "none" : compare.bleu_tokenizer;
  options.lowercase = compare.lowercase;
  options.effective_order = compare.sentence;
  Bleu bleu(options);
  for_each_text(texts, /*lowercase=*/false, [&](auto hypothesis, auto references) { bleu.add(hypothesis, references); });
  const auto result = bleu.result();
  if (!compare.captions) return {.value = result.score, .orders = {}, .signature = result.signature, .line = result.line_with_signature()};
  const auto orders = caption_bleu(result);
  return {.value = orders.back(), .orders = orders, .signature = {}, .line = fmt::format("BLEU-1..4   {:.2f}", fmt::join(orders, " "))};
}

}  // namespace

extern constinit const MetricEntry bleu_metric{
    .sentence = "runs of one to four words that a reference has too, as sacreBLEU counts them, of captions the COCO scorer",
    .needs = {MetricNeed::kTexts},
    .unit = "0 to 100",
    .larger_is_better = true,
    .print = {.label = "BLEU", .brief = "BLEU"},
    .of_texts = bleu_figure};

}  // namespace attend
