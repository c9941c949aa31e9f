#pragma once
// What models that answer are asked: labelled texts, pictures, stories, documents; with the right answers where they are known.
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attend/data/image.h"
#include "attend/data/labelled.h"
#include "attend/record/record.h"
#include "attend/store/model_folder.h"

namespace attend {

/// Questions, and their answers where these are known. Threads may share one that is prepared: its const members only read. prepare() is
/// for one thread alone.
class Quiz {
 public:
  virtual ~Quiz() = default;
  virtual std::size_t size() const = 0;
  /// Calls `take` for every text that a vocabulary is to be learned from.
  virtual void each_text(const std::function<void(std::string_view)>& take) const = 0;
  void each_answer(const std::function<void(std::string_view)>& take) const;
  /// Takes over a model's vocabularies and sizes; comes before everything below. Throws kValue, naming the cure.
  virtual void prepare(const AnyModel& model) = 0;

  virtual std::int64_t cost(std::size_t i) const = 0;  ///< tokens or patches, at least 1
  virtual Questions batch(std::span<const std::size_t> items) const = 0;
  /// The right answer among those that Answerer::answer() tells of; −1 when it is not one of them, or not known.
  virtual std::int64_t gold(std::size_t i) const = 0;
  virtual std::string answer(std::size_t i, std::int64_t index) const = 0;  ///< an answer as text
  const std::string& right(std::size_t i) const { return right_.at(i); }    ///< the right one; empty when not known
  virtual std::string place(std::size_t i) const = 0;                       ///< "file:line" or "file, question 3"
  virtual std::string asked(std::size_t i) const = 0;                       ///< the question in one line, for samples
  /// What was read, as the record shows it; columns of the model's maps are its tokens. For documents and stories the question follows.
  virtual RecordText shown(std::size_t i) const = 0;
  virtual std::size_t columns(std::size_t i) const { return shown(i).tokens.size(); }  ///< of it, without the question
  /// Statements that support the answer, as columns; empty when not known.
  virtual std::vector<std::uint32_t> supporting(std::size_t /*i*/) const { return {}; }
  /// Rows and columns of a picture's patches; 0 for texts.
  virtual std::pair<std::int64_t, std::int64_t> grid() const { return {0, 0}; }
  /// The picture as the model reads it; none for texts.
  virtual std::optional<Picture> picture(std::size_t /*i*/) const { return {}; }
  /// What was read and what was left out, a line each, for the user; once prepared, also what the model has no room for.
  virtual std::vector<std::string> told() const { return told_; }

 protected:
  std::vector<std::string> right_;  // by plain_label
  std::vector<std::string> told_;
};

/// Where a quiz is read from. Texts: `text` in any form that read_labelled takes, or `tsv`, text TAB label. Documents: `text` and
/// `answers`, as CMRC 2017. Stories: `text`, as bAbI. Pictures: `images` and `labels`, idx files, or `images` alone, a folder with a
/// folder of pictures for each class.
struct QuizFiles {
  std::string text, answers, images, labels, tsv = {};
  LabelledOptions form = {};  ///< of texts
};
/// Reads what models of `reads` are asked. Throws as the readers do, and kValue naming the file that is missing: `option` stands before
/// its name, "data." in a configuration, "--" on the command line.
std::unique_ptr<Quiz> read_quiz(Matter reads, const QuizFiles& files, const std::string& option = "data.");
/// The same without right answers: a file of stories or of documents, or PNG and JPEG files, any number; a folder stands for the
/// pictures in it and below.
std::unique_ptr<Quiz> read_questions(Matter reads, const std::vector<std::string>& files);
/// Texts to classify; `first` is the number of the first of them in `path`. Throws kData (`file:line`) for broken UTF-8 and NUL.
std::unique_ptr<Quiz> text_quiz(std::vector<std::string> lines, const std::string& path = "input", std::size_t first = 1);
/// The same of texts that stand where they say.
std::unique_ptr<Quiz> text_quiz(std::vector<PlacedText> texts, const std::string& path);

}  // namespace attend
