#pragma once
// Questions in, answers out, and what the model looked at.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attend/measure/metrics.h"
#include "attend/run/quiz.h"

namespace attend {

struct Choice {
  std::string text;
  double probability = 0;
};
struct Answered {
  std::vector<Choice> best;    ///< distinct answers, the likeliest first
  std::int64_t index = -1;     ///< of the best, as Answerer::answer() counts
  double log_prob = 0;         ///< ln p of the best answer
  std::optional<double> loss;  ///< −ln p of the right one; none when that is not among those the model knows
  bool correct = false;
  std::vector<double> support;  ///< of each hop: weight on the statements that support the answer, when they are known
  std::shared_ptr<const Record> record;
};

struct AnswerOptions {
  std::size_t best = 5;       ///< answers told of each item
  std::int64_t batch = 4096;  ///< cost of the items answered together
  bool record = false;
};

/// Answers every item of a prepared quiz, in its order. `take` is called item by item.
void answer_quiz(const AnswerModel& model, const Quiz& quiz, const AnswerOptions& options,
                 const std::function<void(std::size_t item, Answered)>& take);

/// One item of an evaluation.
struct EvaluatedAnswer {
  std::string text;            ///< what the model said
  double log_prob = 0;         ///< ln of the probability it gave that
  std::optional<double> loss;  ///< as in Answered
  bool correct = false;
};

/// How well a model answers. Items whose right answer is none of those the model can give count as wrong. Answers are compared in NFC.
struct AnswerFigures {
  std::size_t items = 0, unanswerable = 0;
  MetricFigures metrics;           ///< the loss leaves unanswerable items out; it has no value when all are
  std::string confusion;           ///< table of classes, up to 20 of them
  std::vector<double> support;     ///< memory_hops: mean weight on supporting statements, a hop each, 0 to 1
  std::size_t supported = 0;       ///< items that it is a mean over
  std::vector<std::string> given;  ///< the answers, item by item
  std::vector<EvaluatedAnswer> each;
};
AnswerFigures evaluate_answers(const AnswerModel& model, const Quiz& quiz, const MetricList& wanted);
/// The same of what is usual in an evaluation.
AnswerFigures evaluate_answers(const AnswerModel& model, const Quiz& quiz);

/// What there is to count metrics of answers from; `chooses`: the model answers with one of some classes, not with a word of a document.
constexpr MetricNeeds answers_have(bool chooses) {
  const MetricNeeds all{MetricNeed::kAnswers, MetricNeed::kProbabilities};
  return chooses ? all.with(MetricNeed::kClasses) : all;
}

}  // namespace attend
