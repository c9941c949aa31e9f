#include "attend/measure/chrf.h"

#include <cmath>

#include "attend/core/error.h"
#include "attend/measure/bleu.h"
#include "attend/measure/metrics.h"
#include "measure/ngrams.h"
#include "measure/unicode.h"

namespace attend {
namespace {

/// n-grams of one order: of the hypotheses, of the references, of both.
struct OrderCounts {
  std::uint64_t hypothesis = 0, reference = 0, match = 0;
};

bool is_ascii_punctuation(char32_t c) {
  return (c >= U'!' && c <= U'/') || (c >= U':' && c <= U'@') || (c >= U'[' && c <= U'`') || (c >= U'{' && c <= U'~');
}

/// Words with one ASCII punctuation mark taken off: the last character, or else the first.
std::vector<std::u32string_view> chrf_words(std::u32string_view text) {
  std::vector<std::u32string_view> words;
  for (const auto word : scoring::split(text)) {
    const std::size_t cut = is_ascii_punctuation(word.back()) ? word.size() - 1 : is_ascii_punctuation(word.front()) ? 1 : 0;
    if (cut > 0) words.push_back(word.substr(0, cut));
    words.push_back(word.substr(cut));
  }
  return words;
}

/// One text as the two sequences whose n-grams are counted.
struct Symbols {
  std::vector<std::uint32_t> characters, words;
};

double f_score(const ChrfOptions& options, const std::vector<OrderCounts>& counts) {
  constexpr double kEpsilon = 1e-16;
  const double beta_squared = static_cast<double>(options.beta * options.beta);
  const auto f = [&](double p, double r) { return (1 + beta_squared) * p * r / (beta_squared * p + r); };
  double precisions = 0, recalls = 0, smoothed = 0;
  int orders = 0;
  for (const OrderCounts& c : counts) {
    const auto match = static_cast<double>(c.match);
    const double precision = c.hypothesis > 0 ? match / static_cast<double>(c.hypothesis) : kEpsilon;
    const double recall = c.reference > 0 ? match / static_cast<double>(c.reference) : kEpsilon;
    smoothed += beta_squared * precision + recall > 0 ? f(precision, recall) : kEpsilon;
    if (c.hypothesis > 0 && c.reference > 0) {
      precisions += precision;
      recalls += recall;
      ++orders;
    }
  }
  if (options.smooth) return 100 * smoothed / static_cast<double>(counts.size());
  if (precisions + recalls == 0) return 0;
  return 100 * f(precisions / orders, recalls / orders);
}

}  // namespace

void ChrfOptions::visit(OptionVisitor& v) {
  v(char_order, "char_order", 6, "longest character n-gram", between(1, 16));
  v(word_order, "word_order", 0, "longest word n-gram; 2 is chrF++", between(0, 16));
  v(beta, "beta", 2, "how much more recall counts than precision", between(1, 16));
  v(lowercase, "lowercase", false, "ignore case");
  v(whitespace, "whitespace", false, "count white space as characters");
  v(smooth, "smooth", false, "count orders without n-grams as almost 0 instead of leaving them out");
}

std::string ChrfResult::line(int decimals) const { return fmt::format("{} = {:.{}f}", name, score, decimals); }
std::string ChrfResult::line_with_signature(int decimals) const { return fmt::format("{}|{} = {:.{}f}", name, signature, score, decimals); }

struct Chrf::State {
  ChrfOptions options;
  scoring::ReferenceCount references;
  scoring::NgramIndex character_ngrams, word_ngrams;  // of the present sentence
  std::vector<OrderCounts> sums;                      // characters' orders, then words'

  Symbols symbols(const std::u32string& text, scoring::WordIndex& index) const {
    Symbols symbols;
    for (const char32_t c : text)
      if (options.whitespace || !scoring::is_white_space(c)) symbols.characters.push_back(c);
    if (options.word_order > 0)
      for (const auto word : chrf_words(text)) symbols.words.push_back(index.number(word));
    return symbols;
  }

  /// Adds the counts of one kind of n-gram to counts[first ...].
  static void compare(scoring::NgramIndex& ngrams, std::span<const std::uint32_t> said, std::span<const std::uint32_t> wanted,
                      std::span<OrderCounts> counts) {
    const int orders = static_cast<int>(counts.size());
    std::vector<std::uint32_t> in_hypothesis, in_reference;
    ngrams.count(said, orders, in_hypothesis);
    ngrams.count(wanted, orders, in_reference);
    for (std::size_t g = 0; g < std::min(in_hypothesis.size(), in_reference.size()); ++g)
      counts[static_cast<std::size_t>(ngrams.order(g))].match += std::min(in_hypothesis[g], in_reference[g]);
    for (int n = 0; n < orders; ++n) {
      OrderCounts& c = counts[static_cast<std::size_t>(n)];
      c.reference = scoring::ngrams_of(wanted.size(), n);
      // A reference too short for this order cannot be matched, so the hypothesis is not blamed either.
      c.hypothesis = c.reference > 0 ? scoring::ngrams_of(said.size(), n) : 0;
    }
  }
};

Chrf::Chrf(ChrfOptions options) : state_(std::make_unique<State>()) {
  const auto check = [](std::int64_t value, std::int64_t low, const char* name) {
    ATTEND_CHECK(value >= low && value <= 16, kValue, "chrf: {} must be {} to 16, got {}", name, low, value);
  };
  check(options.char_order, 1, "char_order");
  check(options.word_order, 0, "word_order");
  check(options.beta, 1, "beta");
  state_->sums.resize(static_cast<std::size_t>(options.char_order + options.word_order));
  state_->options = options;
}
Chrf::Chrf(Chrf&&) noexcept = default;
Chrf& Chrf::operator=(Chrf&&) noexcept = default;
Chrf::~Chrf() = default;

void Chrf::add(std::string_view hypothesis, std::string_view reference) { add(hypothesis, std::span(&reference, 1)); }

void Chrf::add(std::string_view hypothesis, std::span<const std::string_view> references) {
  State& s = *state_;
  ATTEND_CHECK(!references.empty(), kValue, "chrf: sentence {} has no reference; give at least one", s.references.sentences() + 1);
  std::vector<std::u32string> texts;  // all alive at once: the word index points into them
  texts.reserve(references.size() + 1);
  scoring::WordIndex index;
  const auto symbols = [&](std::string_view text, const char* which) {
    auto points = scoring::code_points(text, fmt::format("chrf: {} of sentence {}", which, s.references.sentences() + 1));
    return s.symbols(texts.emplace_back(s.options.lowercase ? scoring::lower_case(points) : std::move(points)), index);
  };

  s.character_ngrams.clear();
  s.word_ngrams.clear();
  const Symbols said = symbols(hypothesis, "hypothesis");
  std::vector<OrderCounts> best;
  double best_score = -1;
  for (const auto reference : references) {
    const Symbols wanted = symbols(reference, "a reference");
    std::vector<OrderCounts> counts(s.sums.size());
    const auto [characters, words] = std::pair(std::span(counts).first(static_cast<std::size_t>(s.options.char_order)),
                                               std::span(counts).last(static_cast<std::size_t>(s.options.word_order)));
    State::compare(s.character_ngrams, said.characters, wanted.characters, characters);
    State::compare(s.word_ngrams, said.words, wanted.words, words);
    const double score = f_score(s.options, counts);
    if (score > best_score) {
      best_score = score;
      best = std::move(counts);
    }
  }
  for (std::size_t n = 0; n < best.size(); ++n) {
    s.sums[n].hypothesis += best[n].hypothesis;
    s.sums[n].reference += best[n].reference;
    s.sums[n].match += best[n].match;
  }
  s.references.add(references.size());
}

ChrfResult Chrf::result() const {
  const State& s = *state_;
  ATTEND_CHECK(s.references.sentences() > 0, kValue, "chrf: no sentence was added; chrF of an empty corpus does not exist");
  ChrfResult result;
  result.score = f_score(s.options, s.sums);
  result.name = fmt::format("chrF{}{}", s.options.beta, std::string(static_cast<std::size_t>(s.options.word_order), '+'));
  result.signature = fmt::format("nrefs:{}|case:{}|eff:{}|nc:{}|nw:{}|space:{}|version:{}", s.references.text(),
                                 s.options.lowercase ? "lc" : "mixed", s.options.smooth ? "no" : "yes", s.options.char_order,
                                 s.options.word_order, s.options.whitespace ? "yes" : "no", kSacreBleuVersion);
  return result;
}

namespace {

TextFigure chrf_figure(const ComparedTexts& texts, const MetricOptions& compare) {
  ChrfOptions options;
  options.lowercase = compare.lowercase;
  Chrf chrf(options);
  for_each_text(texts, /*lowercase=*/false, [&](auto hypothesis, auto references) { chrf.add(hypothesis, references); });
  const auto result = chrf.result();
  return {.value = result.score, .orders = {}, .signature = result.signature, .line = result.line_with_signature()};
}

}  // namespace

extern constinit const MetricEntry chrf_metric{
    .sentence = "runs of one to six characters that a reference has too, as sacreBLEU counts them",
    .needs = {MetricNeed::kTexts},
    .unit = "0 to 100",
    .larger_is_better = true,
    .print = {.label = "chrF", .brief = "chrF"},
    .unasked = {.captions = false},
    .of_texts = chrf_figure};

}  // namespace attend
