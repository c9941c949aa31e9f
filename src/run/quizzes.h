#pragma once
// The quizzes there are, a source file each, and what they share.
#include "attend/run/quiz.h"
#include "attend/run/translator.h"
#include "attend/text/unicode.h"

namespace attend {

using Ids = std::vector<std::int64_t>;
// Tokens of a text; one that has none is <unk>.
Ids ids_of(const Tokenizer& tokenizer, std::string_view text);
PaddedBatch pad_items(const std::vector<Ids>& all, std::span<const std::size_t> items);
// Appends `piece` behind what is there, with a space between, and says where it stands.
ByteSpan append_piece(std::string& text, std::string_view piece);

// Answers from a vocabulary of their own.
class ChoiceQuiz : public Quiz {
 public:
  std::size_t size() const override { return right_.size(); }
  void prepare(const AnyModel& model) override {
    ATTEND_CHECK(model.target, kValue, "{}: the model has no vocabulary of answers", model.model.type);
    answers_ = model.target;
  }
  std::int64_t gold(std::size_t i) const override {
    const auto id = right_[i].empty() ? kUnknownId : answers_->id(comparable(right_[i]));  // pieces are in this form
    return id < kSpecialAnswers ? -1 : id - kSpecialAnswers;
  }
  std::string answer(std::size_t /*i*/, std::int64_t index) const override {
    return answers_->piece(static_cast<std::int32_t>(index + kSpecialAnswers));
  }

 private:
  std::shared_ptr<Tokenizer> answers_;
};

std::unique_ptr<Quiz> labelled_quiz(const std::string& path, const LabelledOptions& options);
std::unique_ptr<Quiz> story_quiz(const std::string& path, bool answered);
std::unique_ptr<Quiz> cloze_quiz(const std::string& path, const std::string& answers);
std::unique_ptr<Quiz> idx_quiz(const QuizFiles& files);
std::unique_ptr<Quiz> folder_quiz(const std::string& folder);
std::unique_ptr<Quiz> picture_quiz(const std::vector<std::string>& paths);

}  // namespace attend
