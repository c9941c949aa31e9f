#include "attend/measure/rouge.h"

#include <algorithm>
#include <unordered_map>

#include "attend/core/error.h"
#include "attend/measure/metrics.h"
#include "measure/ngrams.h"
#include "measure/porter.h"
#include "measure/unicode.h"

namespace attend {
namespace {

using TokenIds = std::vector<std::uint32_t>;

std::vector<std::string> tokens_of(std::u32string_view text, const RougeOptions& options) {
  std::vector<std::string> tokens;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) tokens.push_back(options.stem && word.size() > 3 ? scoring::porter_stem(word) : word);
    word.clear();
  };
  for (const char32_t c : scoring::lower_case(text)) {
    if ((c >= U'a' && c <= U'z') || (c >= U'0' && c <= U'9')) {
      word += static_cast<char>(c);
      continue;
    }
    end_word();
    if (options.characters && scoring::is_cjk(c)) tokens.push_back(scoring::to_utf8({&c, 1}));
  }
  end_word();
  return tokens;
}

/// A text as numbers: its sentences, and all of them in a row.
struct CountedText {
  std::vector<TokenIds> sentences;
  TokenIds all;
};

/// Numbers the tokens of one item's texts.
class Reader {
 public:
  explicit Reader(const RougeOptions& options) : options_(options) {}
  CountedText read(std::string_view utf8, std::string_view what) {
    const std::u32string points = scoring::code_points(utf8, what);
    const std::u32string_view text = points;
    CountedText read;
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(U'\n', begin), text.size());
      TokenIds& sentence = read.sentences.emplace_back();
      for (auto& token : tokens_of(text.substr(begin, end - begin), options_))
        sentence.push_back(numbers_.try_emplace(std::move(token), static_cast<std::uint32_t>(numbers_.size())).first->second);
      read.all.insert(read.all.end(), sentence.begin(), sentence.end());
      begin = end + 1;
    }
    return read;
  }

 private:
  const RougeOptions& options_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

/// From 0 to 1, so that rounding is the package's and so are ties between references.
RougeScore score_of(std::uint64_t matches, std::uint64_t said, std::uint64_t wanted) {
  if (said == 0 || wanted == 0) return {};
  RougeScore score;
  score.precision = static_cast<double>(matches) / static_cast<double>(said);
  score.recall = static_cast<double>(matches) / static_cast<double>(wanted);
  if (matches > 0) score.f1 = 2 * score.precision * score.recall / (score.precision + score.recall);
  return score;
}

/// ROUGE-1 and ROUGE-2.
void score_ngrams(const CountedText& said, const CountedText& wanted, RougeScores& scores) {
  scoring::NgramIndex ngrams;
  std::vector<std::uint32_t> in_hypothesis, in_reference;
  ngrams.count(said.all, 2, in_hypothesis);
  ngrams.count(wanted.all, 2, in_reference);
  std::uint64_t matches[2] = {};
  for (std::size_t g = 0; g < std::min(in_hypothesis.size(), in_reference.size()); ++g)
    matches[ngrams.order(g)] += std::min(in_hypothesis[g], in_reference[g]);
  scores.rouge_1 = score_of(matches[0], said.all.size(), wanted.all.size());
  scores.rouge_2 = score_of(matches[1], scoring::ngrams_of(said.all.size(), 1), scoring::ngrams_of(wanted.all.size(), 1));
}

/// Lengths of the longest common subsequences of all prefixes.
class CommonSubsequence {
 public:
  CommonSubsequence(const TokenIds& a, const TokenIds& b) : a_(a), b_(b), columns_(b.size() + 1), lengths_((a.size() + 1) * columns_) {
    for (std::size_t i = 1; i <= a.size(); ++i)
      for (std::size_t j = 1; j <= b.size(); ++j)
        lengths_[i * columns_ + j] = a[i - 1] == b[j - 1] ? at(i - 1, j - 1) + 1 : std::max(at(i - 1, j), at(i, j - 1));
  }
  std::uint32_t length() const { return lengths_.back(); }
  /// Marks the places of one of them in `a`. Which one: the package's choice, since unions with others depend on it.
  void mark(std::vector<bool>& marks) const {
    for (std::size_t i = a_.size(), j = b_.size(); i > 0 && j > 0;) {
      if (a_[i - 1] == b_[j - 1]) {
        marks[i - 1] = true;
        --i;
        --j;
      } else if (at(i, j - 1) > at(i - 1, j)) {
        --j;
      } else {
        --i;
      }
    }
  }

 private:
  std::uint32_t at(std::size_t i, std::size_t j) const { return lengths_[i * columns_ + j]; }
  const TokenIds &a_, &b_;
  std::size_t columns_;
  std::vector<std::uint32_t> lengths_;
};

/// ROUGE-Lsum: a token matches at most as often as each side has it, though several subsequences may use it.
RougeScore score_sentences(const CountedText& said, const CountedText& wanted) {
  std::unordered_map<std::uint32_t, std::uint32_t> left_said, left_wanted;
  for (const auto token : said.all) ++left_said[token];
  for (const auto token : wanted.all) ++left_wanted[token];
  std::uint64_t matches = 0;
  for (const TokenIds& sentence : wanted.sentences) {
    std::vector<bool> marks(sentence.size());
    for (const TokenIds& other : said.sentences) CommonSubsequence(sentence, other).mark(marks);
    for (std::size_t i = 0; i < sentence.size(); ++i) {
      if (!marks[i]) continue;
      auto &in_hypothesis = left_said[sentence[i]], &in_reference = left_wanted[sentence[i]];
      if (in_hypothesis == 0 || in_reference == 0) continue;
      --in_hypothesis;
      --in_reference;
      ++matches;
    }
  }
  return score_of(matches, said.all.size(), wanted.all.size());
}

constexpr RougeScore RougeScores::*kMeasures[] = {&RougeScores::rouge_1, &RougeScores::rouge_2, &RougeScores::rouge_l,
                                                  &RougeScores::rouge_l_sum};

RougeScores scores_of(std::string_view hypothesis, std::span<const std::string_view> references, const RougeOptions& options,
                      const std::string& where) {
  ATTEND_CHECK(!references.empty(), kValue, "rouge: {} has no reference; give at least one", where);
  Reader reader(options);
  const CountedText said = reader.read(hypothesis, fmt::format("rouge: hypothesis of {}", where));
  RougeScores best;
  for (const auto reference : references) {
    const CountedText wanted = reader.read(reference, fmt::format("rouge: a reference of {}", where));
    RougeScores scores;
    score_ngrams(said, wanted, scores);
    scores.rouge_l = score_of(CommonSubsequence(wanted.all, said.all).length(), said.all.size(), wanted.all.size());
    scores.rouge_l_sum = score_sentences(said, wanted);
    for (const auto measure : kMeasures)
      if ((scores.*measure).f1 > (best.*measure).f1) best.*measure = scores.*measure;
  }
  for (const auto measure : kMeasures)
    for (const auto figure : {&RougeScore::precision, &RougeScore::recall, &RougeScore::f1}) best.*measure.*figure *= 100;
  return best;
}

std::string figures(const RougeScores& mean) {
  return fmt::format("{:.2f}/{:.2f}/{:.2f}/{:.2f} (1/2/L/Lsum)", mean.rouge_1.f1, mean.rouge_2.f1, mean.rouge_l.f1, mean.rouge_l_sum.f1);
}

}  // namespace

void RougeOptions::visit(OptionVisitor& v) {
  v(stem, "stem", false, "compare stems (Porter) of words with more than three letters");
  v(characters, "characters", false, "make each Chinese, Japanese or Korean character a token instead of dropping it");
}

std::vector<std::string> rouge_tokens(std::string_view text, const RougeOptions& options) {
  return tokens_of(scoring::code_points(text, "rouge"), options);
}

RougeScores rouge_scores(std::string_view hypothesis, std::span<const std::string_view> references, const RougeOptions& options) {
  return scores_of(hypothesis, references, options, "the item");
}

std::string RougeResult::line() const { return "ROUGE F1 = " + figures(mean); }
std::string RougeResult::line_with_signature() const { return fmt::format("ROUGE F1|{} = {}", signature, figures(mean)); }

struct Rouge::State {
  RougeOptions options;
  scoring::ReferenceCount references;
  RougeScores sums;
};

Rouge::Rouge(RougeOptions options) : state_(std::make_unique<State>()) { state_->options = options; }
Rouge::Rouge(Rouge&&) noexcept = default;
Rouge& Rouge::operator=(Rouge&&) noexcept = default;
Rouge::~Rouge() = default;

void Rouge::add(std::string_view hypothesis, std::string_view reference) { add(hypothesis, std::span(&reference, 1)); }

void Rouge::add(std::string_view hypothesis, std::span<const std::string_view> references) {
  State& s = *state_;
  const auto scores = scores_of(hypothesis, references, s.options, fmt::format("item {}", s.references.sentences() + 1));
  for (const auto measure : kMeasures) {
    (s.sums.*measure).precision += (scores.*measure).precision;
    (s.sums.*measure).recall += (scores.*measure).recall;
    (s.sums.*measure).f1 += (scores.*measure).f1;
  }
  s.references.add(references.size());
}

RougeResult Rouge::result() const {
  const State& s = *state_;
  ATTEND_CHECK(s.references.sentences() > 0, kValue, "rouge: no item was added; ROUGE of an empty corpus does not exist");
  RougeResult result;
  result.items = s.references.sentences();
  const auto items = static_cast<double>(result.items);
  for (const auto measure : kMeasures) {
    const RougeScore& sum = s.sums.*measure;
    result.mean.*measure = {sum.precision / items, sum.recall / items, sum.f1 / items};
  }
  result.signature = fmt::format("nrefs:{}|case:lc|stem:{}|tok:{}|split:newline|version:{}", s.references.text(),
                                 s.options.stem ? "porter" : "no", s.options.characters ? "words+cjk" : "words", kRougeScoreVersion);
  return result;
}

namespace {

// F1 of one of the measures; all stand in the line.
template <RougeScore RougeScores::*kMeasure>
TextFigure rouge_figure(const ComparedTexts& texts, const MetricOptions& /*compare*/) {
  RougeOptions options;
  options.characters = true;
  Rouge rouge(options);
  for_each_text(texts, /*lowercase=*/false, [&](auto hypothesis, auto references) { rouge.add(hypothesis, references); });
  const auto result = rouge.result();
  return {.value = (result.mean.*kMeasure).f1, .orders = {}, .signature = result.signature, .line = result.line_with_signature()};
}

constexpr MetricUse kAskedFor{.training = false, .evaluation = false};

}  // namespace

extern constinit const MetricEntry rouge_1_metric{
    .sentence = "words that a reference has too, F1, as rouge_score counts them; Chinese characters are words",
    .needs = {MetricNeed::kTexts},
    .unit = "0 to 100",
    .larger_is_better = true,
    .print = {.label = "ROUGE-1", .column = false},
    .unasked = kAskedFor,
    .of_texts = rouge_figure<&RougeScores::rouge_1>};
extern constinit const MetricEntry rouge_2_metric{.sentence = "the same of pairs of words",
                                                  .needs = {MetricNeed::kTexts},
                                                  .unit = "0 to 100",
                                                  .larger_is_better = true,
                                                  .print = {.label = "ROUGE-2", .column = false},
                                                  .unasked = kAskedFor,
                                                  .of_texts = rouge_figure<&RougeScores::rouge_2>};
extern constinit const MetricEntry rouge_l_metric{.sentence = "the same of the longest common subsequence",
                                                  .needs = {MetricNeed::kTexts},
                                                  .unit = "0 to 100",
                                                  .larger_is_better = true,
                                                  .print = {.label = "ROUGE-L", .column = false},
                                                  .unasked = kAskedFor,
                                                  .of_texts = rouge_figure<&RougeScores::rouge_l>};

}  // namespace attend
