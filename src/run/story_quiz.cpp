// Stories with questions: every statement is a token.
#include "attend/data/babi.h"
#include "attend/models/memory_hops.h"
#include "run/quizzes.h"

namespace attend {
namespace {

class StoryQuiz final : public ChoiceQuiz {
 public:
  StoryQuiz(const BabiCorpus& corpus, std::string path) : path_(std::move(path)) {
    for (const auto& story : corpus.stories)
      for (const auto& example : story) {
        examples_.push_back(example);
        right_.push_back(plain_label(example.answer));
      }
    for (const auto& line : corpus.report.lines()) told_.push_back(fmt::format("{}: {}", path_, line));
    if (corpus.without_question > 0)
      told_.push_back(fmt::format("{}: stories without a question: {} left out", path_, corpus.without_question));
  }
  void each_text(const std::function<void(std::string_view)>& take) const override {
    for (const auto& example : examples_) {
      for (const auto& statement : example.statements) take(statement.text);
      take(example.question);
    }
  }
  void prepare(const AnyModel& model) override {
    ChoiceQuiz::prepare(model);
    most_ = static_cast<std::size_t>(model.model.of<MemoryHopsOptions>().statements);
    questions_.clear();
    statements_.clear();
    for (const auto& example : examples_) {
      questions_.push_back(ids_of(*model.source, example.question));
      statements_.emplace_back();
      for (std::size_t s = passed_over(example); s < example.statements.size(); ++s)
        statements_.back().push_back(ids_of(*model.source, example.statements[s].text));
    }
  }
  std::int64_t cost(std::size_t i) const override { return std::max<std::int64_t>(1, static_cast<std::int64_t>(statements_[i].size())); }
  Questions batch(std::span<const std::size_t> items) const override {
    const auto asked = pad_items(questions_, items);
    std::size_t most = 1, longest = 1;
    for (const auto i : items) {
      most = std::max(most, statements_[i].size());
      for (const auto& s : statements_[i]) longest = std::max(longest, s.size());
    }
    Questions q;
    q.question = asked.ids;
    q.question_lengths = asked.lengths;
    const auto rows = static_cast<std::int64_t>(items.size());
    q.statements = at::zeros({rows, static_cast<std::int64_t>(most), static_cast<std::int64_t>(longest)}, index_options());  // [B, M, L]
    q.statement_lengths = at::zeros({rows, static_cast<std::int64_t>(most)}, index_options());                               // [B, M]
    q.counts = at::zeros({rows}, index_options());                                                                           // [B]
    auto* out = q.statements.data_ptr<std::int64_t>();
    auto* lengths = q.statement_lengths.data_ptr<std::int64_t>();
    for (std::size_t b = 0; b < items.size(); ++b) {
      const auto& own = statements_[items[b]];
      for (std::size_t s = 0; s < own.size(); ++s) {
        std::copy(own[s].begin(), own[s].end(), out + (b * most + s) * longest);
        lengths[b * most + s] = static_cast<std::int64_t>(own[s].size());
      }
      q.counts.data_ptr<std::int64_t>()[b] = static_cast<std::int64_t>(own.size());
    }
    return q;
  }
  std::string place(std::size_t i) const override { return fmt::format("{}, question {}", path_, i + 1); }
  std::string asked(std::size_t i) const override { return examples_[i].question; }
  // Every statement is one token: maps have a column for each.
  RecordText shown(std::size_t i) const override {
    RecordText text;
    const auto& example = examples_[i];
    for (std::size_t s = passed_over(example); s < example.statements.size(); ++s) put(text, example.statements[s].text);
    put(text, example.question);
    return text;
  }
  std::size_t columns(std::size_t i) const override { return statements_[i].size(); }
  std::vector<std::string> told() const override {
    auto told = told_;
    std::size_t cut = 0, most = 0;
    for (const auto& example : examples_) {
      cut += passed_over(example) > 0 ? 1 : 0;
      most = std::max(most, example.statements.size());
    }
    if (cut > 0 && most_ > 0)
      told.push_back(
          fmt::format("{}: {} of {} questions look back on more than {} statements, of which the oldest are not read; "
                      "model.statements={} reads all",
                      path_, cut, examples_.size(), most_, most));
    return told;
  }
  std::vector<std::uint32_t> supporting(std::size_t i) const override {
    std::vector<std::uint32_t> columns;
    const auto skipped = passed_over(examples_[i]);
    for (const auto s : examples_[i].supporting)
      if (s >= skipped) columns.push_back(s - static_cast<std::uint32_t>(skipped));
    return columns;
  }

 private:
  std::size_t passed_over(const BabiExample& example) const {
    return example.statements.size() > most_ ? example.statements.size() - most_ : 0;
  }
  static void put(RecordText& text, const std::string& sentence) {
    const auto span = append_piece(text.utf8, sentence);
    text.tokens.push_back({.id = 0, .span = span, .word = static_cast<std::uint32_t>(text.tokens.size())});
  }

  std::vector<BabiExample> examples_;
  std::string path_;
  std::size_t most_ = 0;
  std::vector<Ids> questions_;
  std::vector<std::vector<Ids>> statements_;
};

}  // namespace

std::unique_ptr<Quiz> story_quiz(const std::string& path, bool answered) {
  return std::make_unique<StoryQuiz>(read_babi(path, answered), path);
}

}  // namespace attend
