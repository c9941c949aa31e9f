// Texts with a class each.
#include "attend/text/corpus.h"
#include "attend/text/labelled.h"
#include "attend/text/unicode.h"
#include "decode/quizzes.h"

namespace attend {
namespace {

class TextQuiz final : public ChoiceQuiz {
 public:
  TextQuiz(std::vector<std::string> texts, std::vector<std::string> right, std::string path)
      : texts_(std::move(texts)), path_(std::move(path)) {
    right_ = std::move(right);
  }
  void each_text(const std::function<void(std::string_view)>& take) const override {
    for (const auto& text : texts_) take(text);
  }
  void prepare(const AnyModel& model) override {
    ChoiceQuiz::prepare(model);
    tokenizer_ = model.source;
    whole_ = model.model.whole;
    ids_.clear();
    for (const auto& text : texts_) ids_.push_back(ids_of(*tokenizer_, text));
  }
  std::int64_t cost(std::size_t i) const override { return static_cast<std::int64_t>(ids_[i].size()); }
  Questions batch(std::span<const std::size_t> items) const override {
    const auto padded = pad_items(ids_, items);
    Questions q;
    q.text = padded.ids;
    q.text_lengths = padded.lengths;
    return q;
  }
  std::string place(std::size_t i) const override { return fmt::format("{}, text {}", path_, i + 1); }
  std::string asked(std::size_t i) const override { return texts_[i]; }
  // To a model that takes the text as one vector it is one token.
  Text shown(std::size_t i) const override {
    Text text{texts_[i], {}};
    if (whole_) {
      text.tokens.push_back({.span = {0, static_cast<std::uint32_t>(text.utf8.size())}});
      return text;
    }
    for (const auto& t : tokenizer_->encode(texts_[i])) text.tokens.push_back({.id = t.id, .span = {t.begin, t.end}, .word = t.word});
    if (text.tokens.empty()) text.tokens.push_back({});
    return text;
  }

 private:
  std::vector<std::string> texts_;
  std::string path_;
  std::shared_ptr<Tokenizer> tokenizer_;
  bool whole_ = false;
  std::vector<Ids> ids_;
};

}  // namespace

std::unique_ptr<Quiz> labelled_quiz(const std::string& path) {
  const auto corpus = read_labelled(path);
  std::vector<std::string> texts, right;
  for (const auto& example : corpus.examples) {
    texts.push_back(example.text);
    right.push_back(corpus.classes[example.label]);
  }
  return std::make_unique<TextQuiz>(std::move(texts), std::move(right), path);
}

std::unique_ptr<Quiz> pairs_quiz(const std::string& path) {
  const auto corpus = ParallelCorpus::from_tsv(path);
  std::vector<std::string> texts, right;
  for (std::size_t i = 0; i < corpus.size(); ++i) {
    texts.emplace_back(corpus.source(i));
    right.emplace_back(corpus.target(i));
  }
  return std::make_unique<TextQuiz>(std::move(texts), std::move(right), path);
}

std::unique_ptr<Quiz> text_quiz(std::vector<std::string> lines, const std::string& path, std::size_t first) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto broken = first_broken_byte(lines[i]);
    ATTEND_CHECK(broken == std::string::npos, kData, "{}:{}: byte {} is not UTF-8; convert the file to UTF-8 with iconv", path, first + i,
                 broken + 1);
  }
  std::vector<std::string> right(lines.size());
  return std::make_unique<TextQuiz>(std::move(lines), std::move(right), path);
}

}  // namespace attend
