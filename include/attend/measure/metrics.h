#pragma once
// The registry of metrics of output: what each is called, needs and means, how it is printed, and the function that counts it.
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attend/core/error.h"

namespace attend {

class AlignmentScore;
class ConfusionMatrix;
class LanguageModelScore;

/// What metrics are counted from.
enum class MetricNeed : std::uint8_t {
  kTexts,              ///< hypotheses, and a reference of each
  kSeveralReferences,  ///< of a hypothesis, as pictures have several captions
  kProbabilities,      ///< ln p of what is right
  kTokens,             ///< what is right is written token by token
  kCharacters,         ///< the characters of a running text
  kAnswers,            ///< answers that are right or wrong
  kClasses,            ///< of which an answer is one
  kGoldLinks           ///< between the words of a source and its reference
};
/// The need in words: "texts with references".
std::string_view describe(MetricNeed need);

/// A set of needs: those of a metric, or what an evaluation has for them. Threads may share one: its members only read.
class MetricNeeds {
 public:
  constexpr MetricNeeds(std::initializer_list<MetricNeed> needs) {
    for (const auto need : needs) bits_ |= bit(need);
  }
  constexpr bool holds(MetricNeed need) const { return (bits_ & bit(need)) != 0; }
  constexpr bool within(MetricNeeds others) const { return (bits_ & ~others.bits_) == 0; }
  constexpr MetricNeeds with(MetricNeed need) const {
    auto more = *this;
    more.bits_ |= bit(need);
    return more;
  }
  std::vector<MetricNeed> list() const;

 private:
  static constexpr unsigned bit(MetricNeed need) { return 1U << static_cast<unsigned>(need); }
  unsigned bits_ = 0;
};

/// How texts are compared with their references.
struct MetricOptions {
  std::string bleu_tokenizer = "13a";  ///< a name of BleuOptions
  bool lowercase = false;              ///< every metric in lower case
  bool sentence = false;  ///< BLEU of single sentences: orders that one is too short for are left out (sacreBLEU's sentence_bleu)
  bool captions = false;  ///< as the COCO caption scorer counts: words between blanks, BLEU-1 to BLEU-4 without smoothing
};

/// Hypotheses and their references, brought to one form by whoever compares them.
struct ComparedTexts {
  std::span<const std::string> hypotheses;
  std::span<const std::vector<std::string_view>> references;  ///< of each hypothesis, one or more
};
/// Calls `take` for each hypothesis with its references, both in lower case when `lowercase` is true.
void for_each_text(const ComparedTexts& texts, bool lowercase,
                   const std::function<void(std::string_view hypothesis, std::span<const std::string_view> references)>& take);

/// What a metric says of texts.
struct TextFigure {
  double value = 0;
  std::vector<double> orders;  ///< BLEU of captions: BLEU-1 to BLEU-4, the last of which is the value; else empty
  std::string signature;       ///< how it was counted, as the program that defines it writes that; or empty
  std::string line;            ///< the whole line to print in place of what MetricPrint gives; or empty
};

/// Answers by whether they were right; `classes` where an answer is one of some classes, else null.
struct AnswerCounts {
  std::uint64_t right = 0, items = 0;
  const ConfusionMatrix* classes = nullptr;
};

/// Where a metric is counted without being asked for, as far as its needs are met.
struct MetricUse {
  bool training = true, evaluation = true;
  bool captions = true;  ///< where texts have several references
};

/// How a figure is printed.
struct MetricPrint {
  const char* label;            ///< before it, and over its column; metrics after one another with one label share a line
  const char* after = "";       ///< behind it
  int decimals = 2;             ///< of the value, of a share in per cent
  const char* brief = nullptr;  ///< before it in a line of training; null: the metric's name
  int brief_decimals = 2;       ///< of the value there
  bool share = false;           ///< the value is 0 to 1 and printed in per cent
  bool each = false;            ///< what it is a mean over is said behind it: "a token"
  bool column = true;           ///< has a column where sentences or lengths are told apart
};

/// What the source of a metric defines, as `<name>_metric`; the line of that name in src/measure/metrics.def puts it into the registry.
/// One of the functions is set: that which counts it, from what an evaluation found.
struct MetricEntry {
  const char* sentence;  ///< what it is, for help; without a full stop
  MetricNeeds needs;
  const char* unit;  ///< "0 to 100", "nat", ...
  bool larger_is_better;
  MetricPrint print;
  MetricUse unasked = {};
  TextFigure (*of_texts)(const ComparedTexts&, const MetricOptions&) = nullptr;
  std::optional<double> (*of_probabilities)(const LanguageModelScore&) = nullptr;
  std::optional<double> (*of_answers)(const AnswerCounts&) = nullptr;
  std::optional<double> (*of_links)(const AlignmentScore&) = nullptr;
};

/// A line of the registry.
struct Metric : MetricEntry {
  std::string_view name;    ///< "bleu": in configurations, on the command line, in JSON and metrics.jsonl
  std::string_view family;  ///< its header's name, by which those counted together are asked for and signed
};

/// All, in the order of metrics.def. The registry never changes; threads may share it.
std::span<const Metric> metrics();
std::vector<std::string> metric_names();
/// Throws kUnknownName.
const Metric& find_metric(std::string_view name);

using MetricList = std::vector<const Metric*>;
/// Those whose needs are among what an evaluation has.
MetricList metrics_of(MetricNeeds has);
enum class MetricPlace : std::uint8_t { kTraining, kEvaluation };
/// Those of them that are counted there without being asked for.
MetricList usual_metrics(MetricNeeds has, MetricPlace place);

/// Who asks for a metric, and what there is to count it from, for errors.
struct MetricRequest {
  std::string who;    ///< "train.metric"
  std::string whose;  ///< "task translate"
  MetricNeeds has;
  ErrorKind kind = ErrorKind::kValue;  ///< of the error when a need is missing
};
/// The metric of that name. Throws kUnknownName, or `kind` when it needs what is not there, saying what that is and which can be had.
const Metric& choose_metric(std::string_view name, const MetricRequest& request);

/// What figures are counted from; null: there is none of it.
struct MetricEvidence {
  const ComparedTexts* texts = nullptr;
  const LanguageModelScore* probabilities = nullptr;
  const AnswerCounts* answers = nullptr;
  const AlignmentScore* links = nullptr;
};
struct MetricFigure {
  const Metric* metric = nullptr;
  std::optional<double> value;  ///< none: a mean over nothing, or nothing to count it from
  TextFigure text = {};         ///< of metrics of texts
};
/// Figures in the order in which they were asked for. Threads may share figures that none of them adds to.
class MetricFigures {
 public:
  void add(MetricFigure figure) { all_.push_back(std::move(figure)); }
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }
  std::size_t size() const { return all_.size(); }
  const MetricFigure& operator[](std::size_t i) const { return all_.at(i); }
  /// Throws kUnknownName for one that was not counted.
  const MetricFigure& at(std::string_view name) const;
  std::optional<double> value(std::string_view name) const { return at(name).value; }

 private:
  std::vector<MetricFigure> all_;
};
/// Counts each of `wanted`. Throws as their functions do: for broken UTF-8, a tokenizer that is not known, ...
MetricFigures count_metrics(const MetricList& wanted, const MetricEvidence& evidence, const MetricOptions& options = {});

/// The number for a table, a share in per cent but without the sign; "-" where there is no value.
std::string metric_cell(const Metric& metric, const std::optional<double>& value);
/// The same as it is, not in per cent, for files.
std::string metric_raw_cell(const Metric& metric, const std::optional<double>& value);
/// The heading of its column: "BLEU", "exact %".
std::string metric_heading(const Metric& metric);
/// For a line of training: "BLEU 12.10", "exact 50.0 %".
std::string metric_brief(const Metric& metric, double value);

/// A line for people, and the metrics that it tells.
struct MetricLine {
  MetricList metrics;
  std::string text;
};
/// "perplexity  3.141". `each` stands behind means that say what they are over ("a token"), `how` at the end of lines that have no
/// signature to say it (", in lower case").
std::vector<MetricLine> metric_lines(const MetricFigures& figures, const std::string& each, const std::string& how = "");

/// All metrics with what they are and need, a line each, for help.
std::string metrics_help();

}  // namespace attend
