// Documents with blanks: the answer is a place of the document.
#include <unordered_map>

#include "attend/data/cloze.h"
#include "run/quizzes.h"

namespace attend {
namespace {

// The answer is a word of the document.
class ClozeQuiz final : public Quiz {
 public:
  ClozeQuiz(ClozeCorpus corpus, std::string path) : examples_(std::move(corpus.examples)), path_(std::move(path)) {
    for (auto& example : examples_) {
      for (auto* words : {&example.document, &example.question})
        for (auto& word : *words) word = plain_label(word);  // as answers are, whatever normal form the files have
      right_.push_back(plain_label(example.answer));
    }
    for (const auto& line : corpus.report.lines()) told_.push_back(fmt::format("{}: {}", path_, line));
    std::size_t absent = 0;
    for (std::size_t i = 0; i < right_.size(); ++i) absent += !right_[i].empty() && gold(i) < 0 ? 1 : 0;
    if (absent > 0)
      told_.push_back(
          fmt::format("{}: the answers to {} of {} questions do not stand in their documents; such questions are not learned "
                      "from and count as wrong",
                      path_, absent, examples_.size()));
  }
  std::size_t size() const override { return examples_.size(); }
  void each_text(const std::function<void(std::string_view)>& take) const override {
    for (const auto& example : examples_) {
      take(fmt::format("{}", fmt::join(example.document, " ")));
      take(fmt::format("{}", fmt::join(example.question, " ")));
    }
  }
  void prepare(const AnyModel& model) override {
    ATTEND_CHECK(model.source->options().kind == "symbols", kValue,
                 "text.source.kind: documents with a blank come in words already, so they are read as they are; set symbols, not {}",
                 model.source->options().kind);
    documents_.clear();
    questions_.clear();
    words_.clear();
    for (const auto& example : examples_) {
      documents_.push_back(ids_of_words(*model.source, example.document));
      questions_.push_back(ids_of_words(*model.source, example.question));
      words_.push_back(first_places(example.document));
    }
  }
  std::int64_t cost(std::size_t i) const override { return static_cast<std::int64_t>(documents_[i].size()); }
  Questions batch(std::span<const std::size_t> items) const override {
    const auto document = pad_items(documents_, items), asked = pad_items(questions_, items);
    Questions q;
    q.text = document.ids;
    q.text_lengths = document.lengths;
    q.question = asked.ids;
    q.question_lengths = asked.lengths;
    q.words = pad_items(words_, items).ids;
    q.words.masked_fill_(within_lengths(document.lengths, q.words.size(1)).logical_not(), -1);
    return q;
  }
  std::int64_t gold(std::size_t i) const override {
    const auto& document = examples_[i].document;
    const auto found = std::find(document.begin(), document.end(), right_[i]);
    return right_[i].empty() || found == document.end() ? -1 : found - document.begin();
  }
  std::string answer(std::size_t i, std::int64_t index) const override { return examples_[i].document.at(static_cast<std::size_t>(index)); }
  std::string place(std::size_t i) const override { return fmt::format("{}, {}", path_, examples_[i].id); }
  std::string asked(std::size_t i) const override { return fmt::format("{}", fmt::join(examples_[i].question, " ")); }
  RecordText shown(std::size_t i) const override {
    RecordText text;
    for (const auto* part : {&examples_[i].document, &examples_[i].question})
      for (const auto& word : *part) {
        const auto span = append_piece(text.utf8, word);
        text.tokens.push_back({.id = 0, .span = span, .word = static_cast<std::uint32_t>(text.tokens.size())});
      }
    return text;
  }
  std::size_t columns(std::size_t i) const override { return examples_[i].document.size(); }

 private:
  static Ids ids_of_words(const Tokenizer& tokenizer, const std::vector<std::string>& words) {
    Ids ids;
    for (const auto& word : words) {
      const auto tokens = tokenizer.encode(word);
      ids.push_back(tokens.size() == 1 ? tokens[0].id : tokenizer.special().unknown);
    }
    return ids;
  }
  // For each word the first place where it stands.
  static Ids first_places(const std::vector<std::string>& words) {
    std::unordered_map<std::string_view, std::int64_t> first;
    Ids places;
    for (const auto& word : words) places.push_back(first.emplace(word, static_cast<std::int64_t>(places.size())).first->second);
    return places;
  }

  std::vector<ClozeExample> examples_;
  std::string path_;
  std::vector<Ids> documents_, questions_, words_;
};

}  // namespace

std::unique_ptr<Quiz> cloze_quiz(const std::string& path, const std::string& answers) {
  return std::make_unique<ClozeQuiz>(read_cloze(path, answers), path);
}

}  // namespace attend
