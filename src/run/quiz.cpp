#include "attend/run/quiz.h"

#include <filesystem>

#include "attend/core/error.h"
#include "run/quizzes.h"

namespace attend {

void Quiz::each_answer(const std::function<void(std::string_view)>& take) const {
  for (const auto& answer : right_)
    if (!answer.empty()) take(answer);
}

Ids ids_of(const Tokenizer& tokenizer, std::string_view text) {
  Ids ids;
  for (const auto& token : tokenizer.encode(text)) ids.push_back(token.id);
  if (ids.empty()) ids.push_back(tokenizer.special().unknown);
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
      if (!files.tsv.empty()) {
        auto form = files.form;
        if (form.form.format == "auto") form.form.format = "tsv";
        form.text_first = true;
        return labelled_quiz(files.tsv, form);
      }
      need(files.text, "text", "a file of texts with their classes: CSV, TSV, JSON lines, or lines 'label sentence'");
      return labelled_quiz(files.text, files.form);
    case Matter::kStory:
      need(files.text, "text", "a file of stories as bAbI's; of documents with questions, and then answers too");
      return story_quiz(files.text, true);
    case Matter::kDocument:
      need(files.text, "text", "a file of documents and questions as CMRC 2017's");
      need(files.answers, "answers", "the file of answers to its questions");
      return cloze_quiz(files.text, files.answers);
    case Matter::kPicture:
      need(files.images, "images", "a folder with a folder of pictures for each class, or an idx file");
      if (std::filesystem::is_directory(files.images)) {
        ATTEND_CHECK(files.labels.empty(), kValue, "{}labels goes with an idx file; the classes of {} are its folders", option,
                     files.images);
        return folder_quiz(files.images);
      }
      need(files.labels, "labels", "the idx file of the pictures' classes, since images names no folder with a folder for each class");
      return idx_quiz(files);
    default: ATTEND_ASSERT(false);
  }
  return nullptr;
}

std::unique_ptr<Quiz> read_questions(Matter reads, const std::vector<std::string>& files) {
  if (reads == Matter::kPicture) return picture_quiz(files);
  ATTEND_CHECK(files.size() == 1, kUsage, "give one file of questions, got {}", files.size());
  if (reads == Matter::kStory) return story_quiz(files[0], false);
  return cloze_quiz(files[0], "");
}

}  // namespace attend
