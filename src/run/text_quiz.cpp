// Texts with a class each.
#include "attend/data/labelled.h"
#include "attend/models/encoder_classifier.h"
#include "attend/text/unicode.h"
#include "run/quizzes.h"

namespace attend {
namespace {

class TextQuiz final : public ChoiceQuiz {
 public:
  TextQuiz(std::vector<PlacedText> texts, std::vector<std::string> right, std::string path)
      : texts_(std::move(texts)), path_(std::move(path)) {
    right_ = std::move(right);
  }
  void tell(std::vector<std::string> lines) { told_ = std::move(lines); }
  void each_text(const std::function<void(std::string_view)>& take) const override {
    for (const auto& text : texts_) take(text.text);
  }
  void prepare(const AnyModel& model) override {
    ChoiceQuiz::prepare(model);
    tokenizer_ = model.source;
    whole_ = model.model.of<WholeOptions>().whole;
    ids_.clear();
    for (const auto& text : texts_) ids_.push_back(ids_of(*tokenizer_, text.text));
  }
  std::int64_t cost(std::size_t i) const override { return static_cast<std::int64_t>(ids_[i].size()); }
  Questions batch(std::span<const std::size_t> items) const override {
    const auto padded = pad_items(ids_, items);
    Questions q;
    q.text = padded.ids;
    q.text_lengths = padded.lengths;
    return q;
  }
  std::string place(std::size_t i) const override { return fmt::format("{}:{}", path_, texts_[i].line); }
  std::string asked(std::size_t i) const override { return texts_[i].text; }
  // To a model that takes the text as one vector it is one token.
  RecordText shown(std::size_t i) const override {
    RecordText text{texts_[i].text, {}};
    if (whole_) {
      text.tokens.push_back({.span = {0, static_cast<std::uint32_t>(text.utf8.size())}});
      return text;
    }
    for (const auto& t : tokenizer_->encode(texts_[i].text)) text.tokens.push_back({.id = t.id, .span = {t.begin, t.end}, .word = t.word});
    if (text.tokens.empty()) text.tokens.push_back({});
    return text;
  }

 private:
  std::vector<PlacedText> texts_;
  std::string path_;
  std::shared_ptr<Tokenizer> tokenizer_;
  bool whole_ = false;
  std::vector<Ids> ids_;
};

}  // namespace

std::unique_ptr<Quiz> labelled_quiz(const std::string& path, const LabelledOptions& options) {
  auto corpus = read_labelled(path, options);
  std::vector<PlacedText> texts;
  std::vector<std::string> right, told;
  for (auto& example : corpus.examples) {
    texts.push_back({std::move(example.text), example.line});
    right.push_back(corpus.classes[example.label]);
  }
  if (!corpus.form.empty()) told.push_back(fmt::format("{}: {}", path, corpus.form));
  for (const auto& line : corpus.report.lines()) told.push_back(fmt::format("{}: {}", path, line));
  auto quiz = std::make_unique<TextQuiz>(std::move(texts), std::move(right), path);
  quiz->tell(std::move(told));
  return quiz;
}

std::unique_ptr<Quiz> text_quiz(std::vector<PlacedText> texts, const std::string& path) {
  for (const auto& text : texts) {
    const auto wrong = first_wrong_byte(text.text);
    ATTEND_CHECK(wrong == std::string::npos, kData, "{}:{}: {}; convert the file to UTF-8 with iconv", path, text.line,
                 describe_wrong_byte(text.text, wrong));
  }
  std::vector<std::string> right(texts.size());
  return std::make_unique<TextQuiz>(std::move(texts), std::move(right), path);
}

std::unique_ptr<Quiz> text_quiz(std::vector<std::string> lines, const std::string& path, std::size_t first) {
  std::vector<PlacedText> texts;
  for (auto& line : lines) texts.push_back({std::move(line), first + texts.size()});
  return text_quiz(std::move(texts), path);
}

}  // namespace attend
