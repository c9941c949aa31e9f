#include "attend/decode/quiz.h"

#include "attend/core/error.h"
#include "decode/quizzes.h"

namespace attend {

void Quiz::each_answer(const std::function<void(std::string_view)>& take) const {
  for (const auto& answer : right_)
    if (!answer.empty()) take(answer);
}

Ids ids_of(const Tokenizer& tokenizer, std::string_view text) {
  Ids ids;
  for (const auto& token : tokenizer.encode(text)) ids.push_back(token.id);
  if (ids.empty()) ids.push_back(kUnknownId);
  return ids;
}

PaddedBatch pad_items(const std::vector<Ids>& all, std::span<const std::size_t> items) {
  std::vector<const Ids*> chosen;
  for (const auto i : items) chosen.push_back(&all[i]);
  return pad_batch(chosen);
}

ByteSpan append_piece(std::string& text, std::string_view piece) {
  if (!text.empty()) text += ' ';
  const auto begin = static_cast<std::uint32_t>(text.size());
  text += piece;
  return {begin, static_cast<std::uint32_t>(text.size())};
}

std::unique_ptr<Quiz> read_quiz(Matter reads, const QuizFiles& files, const std::string& option) {
  const auto need = [&](const std::string& value, const char* name, const char* what) {
    ATTEND_CHECK(!value.empty(), kValue, "{}{} is missing: {}", option, name, what);
  };
  switch (reads) {
    case Matter::kText:
      if (!files.tsv.empty()) return pairs_quiz(files.tsv);
      need(files.text, "text", "a file of lines 'label sentence'");
      return labelled_quiz(files.text);
    case Matter::kStory: need(files.text, "text", "a file of stories as bAbI's"); return story_quiz(files.text, true);
    case Matter::kDocument:
      need(files.text, "text", "a file of documents and questions as CMRC 2017's");
      need(files.answers, "answers", "the file of answers to its questions");
      return cloze_quiz(files.text, files.answers);
    case Matter::kPicture:
      need(files.images, "images", "an idx file of pictures");
      need(files.labels, "labels", "the idx file of their classes");
      return idx_quiz(files);
    default: ATTEND_ASSERT(false);
  }
  return nullptr;
}

std::unique_ptr<Quiz> read_questions(Matter reads, const std::vector<std::string>& files, Channels channels) {
  if (reads == Matter::kPicture) return picture_quiz(files, channels);
  ATTEND_CHECK(files.size() == 1, kUsage, "give one file of questions, got {}", files.size());
  if (reads == Matter::kStory) return story_quiz(files[0], false);
  return cloze_quiz(files[0], "");
}

}  // namespace attend
