#pragma once
// The quizzes there are, a source file each, and what they share.
#include <algorithm>

#include "attend/run/quiz.h"
#include "attend/run/text_batches.h"
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
    ids_ = ordinary_ids(*answers_);
  }
  std::int64_t gold(std::size_t i) const override {
    if (right_[i].empty()) return -1;
    const auto id = answers_->id(comparable(right_[i]));  // pieces are in this form
    const auto place = std::lower_bound(ids_.begin(), ids_.end(), id);
    return place == ids_.end() || *place != id ? -1 : place - ids_.begin();
  }
  std::string answer(std::size_t /*i*/, std::int64_t index) const override {
    return answers_->piece(ids_.at(static_cast<std::size_t>(index)));
  }

 private:
  std::shared_ptr<Tokenizer> answers_;
  std::vector<std::int32_t> ids_;  // of the answers, in the order in which the model counts them
};

std::unique_ptr<Quiz> labelled_quiz(const std::string& path, const LabelledOptions& options);
std::unique_ptr<Quiz> story_quiz(const std::string& path, bool answered);
std::unique_ptr<Quiz> cloze_quiz(const std::string& path, const std::string& answers);
std::unique_ptr<Quiz> idx_quiz(const QuizFiles& files);
std::unique_ptr<Quiz> folder_quiz(const std::string& folder);
std::unique_ptr<Quiz> picture_quiz(const std::vector<std::string>& paths);

}  // namespace attend
