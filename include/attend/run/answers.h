#pragma once
// How well a model answers.
#include <optional>
#include <string>
#include <vector>

#include "attend/measure/metrics.h"
#include "attend/run/quiz.h"
#include "attend/run/runner.h"

namespace attend {

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
AnswerFigures evaluate_answers(const Runner& runner, const Quiz& quiz, const MetricList& wanted);
/// The same of what is usual in an evaluation.
AnswerFigures evaluate_answers(const Runner& runner, const Quiz& quiz);

/// What there is to count metrics of answers from; `chooses`: the model answers with one of some classes, not with a word of a document.
constexpr MetricNeeds answers_have(bool chooses) {
  const MetricNeeds all{MetricNeed::kAnswers, MetricNeed::kProbabilities};
  return chooses ? all.with(MetricNeed::kClasses) : all;
}

}  // namespace attend
