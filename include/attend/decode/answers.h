#pragma once
// Questions in, answers out, and what the model looked at.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attend/decode/quiz.h"

namespace attend {

struct Choice {
  std::string text;
  double probability = 0;
};
struct Answered {
  std::vector<Choice> best;  ///< distinct answers, the likeliest first
  std::int64_t index = -1;   ///< of the best, as Answerer::answer() counts
  double log_prob = 0;       ///< ln p of the best answer
  double loss = 0;           ///< −ln p of the right one; infinite when it is none of those the model knows
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

/// How well a model answers. Items whose right answer is none of those the model can give count as wrong.
struct AnswerFigures {
  std::size_t items = 0, unanswerable = 0;
  double accuracy = 0;
  double loss = 0;                 ///< mean −ln p of the right answers, unanswerable items left out
  std::optional<double> macro_f1;  ///< of classifiers
  std::string confusion;           ///< table of classes, up to 20 of them
  std::vector<double> support;     ///< memory_hops: mean weight on supporting statements, a hop each
  std::vector<std::string> given;  ///< the answers, item by item
};
AnswerFigures evaluate_answers(const AnswerModel& model, const Quiz& quiz);

}  // namespace attend
