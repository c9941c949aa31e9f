#include "attend/decode/quiz.h"

#include <filesystem>
#include <unordered_map>

#include "attend/core/error.h"
#include "attend/decode/captions.h"
#include "attend/decode/translator.h"
#include "attend/text/babi.h"
#include "attend/text/cloze.h"
#include "attend/text/corpus.h"
#include "attend/text/idx.h"
#include "attend/text/image.h"
#include "attend/text/labelled.h"
#include "attend/text/unicode.h"
#include "decode/grid_picture.h"

namespace attend {

void Quiz::each_answer(const std::function<void(std::string_view)>& take) const {
  for (const auto& answer : right_)
    if (!answer.empty()) take(answer);
}

namespace {

using Ids = std::vector<std::int64_t>;

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

// Appends `piece` behind what is there, with a space between, and says where it stands.
ByteSpan append(std::string& text, std::string_view piece) {
  if (!text.empty()) text += ' ';
  const auto begin = static_cast<std::uint32_t>(text.size());
  text += piece;
  return {begin, static_cast<std::uint32_t>(text.size())};
}

// Answers from a vocabulary of their own.
class ChoiceQuiz : public Quiz {
 public:
  std::size_t size() const override { return right_.size(); }
  void prepare(const AnyModel& model) override {
    ATTEND_CHECK(model.target, kValue, "{}: the model has no vocabulary of answers", model.model.type);
    answers_ = model.target;
  }
  std::int64_t gold(std::size_t i) const override {
    const auto id = right_[i].empty() ? kUnknownId : answers_->id(right_[i]);
    return id < kSpecialAnswers ? -1 : id - kSpecialAnswers;
  }
  std::string answer(std::size_t /*i*/, std::int64_t index) const override {
    return answers_->piece(static_cast<std::int32_t>(index + kSpecialAnswers));
  }

 private:
  std::shared_ptr<Tokenizer> answers_;
};

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
  Text shown(std::size_t i) const override {
    Text text{texts_[i], {}};
    for (const auto& t : tokenizer_->encode(texts_[i])) text.tokens.push_back({.id = t.id, .span = {t.begin, t.end}, .word = t.word});
    if (text.tokens.empty()) text.tokens.push_back({});
    return text;
  }

 private:
  std::vector<std::string> texts_;
  std::string path_;
  std::shared_ptr<Tokenizer> tokenizer_;
  std::vector<Ids> ids_;
};

class StoryQuiz final : public ChoiceQuiz {
 public:
  StoryQuiz(const BabiCorpus& corpus, std::string path) : path_(std::move(path)) {
    for (const auto& story : corpus.stories)
      for (const auto& example : story) {
        examples_.push_back(example);
        right_.push_back(example.answer);
      }
  }
  void each_text(const std::function<void(std::string_view)>& take) const override {
    for (const auto& example : examples_) {
      for (const auto& statement : example.statements) take(statement.text);
      take(example.question);
    }
  }
  void prepare(const AnyModel& model) override {
    ChoiceQuiz::prepare(model);
    most_ = static_cast<std::size_t>(model.model.statements);
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
    q.statements = at::full({rows, static_cast<std::int64_t>(most), static_cast<std::int64_t>(longest)}, kPadId, at::kLong);
    q.counts = at::zeros({rows}, at::kLong);
    auto* out = q.statements.data_ptr<std::int64_t>();
    for (std::size_t b = 0; b < items.size(); ++b) {
      const auto& own = statements_[items[b]];
      for (std::size_t s = 0; s < own.size(); ++s) std::copy(own[s].begin(), own[s].end(), out + (b * most + s) * longest);
      q.counts.data_ptr<std::int64_t>()[b] = static_cast<std::int64_t>(own.size());
    }
    return q;
  }
  std::string place(std::size_t i) const override { return fmt::format("{}, question {}", path_, i + 1); }
  std::string asked(std::size_t i) const override { return examples_[i].question; }
  // Every statement is one token: maps have a column for each.
  Text shown(std::size_t i) const override {
    Text text;
    const auto& example = examples_[i];
    for (std::size_t s = passed_over(example); s < example.statements.size(); ++s) put(text, example.statements[s].text);
    put(text, example.question);
    return text;
  }
  std::size_t columns(std::size_t i) const override { return statements_[i].size(); }
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
  static void put(Text& text, const std::string& sentence) {
    const auto span = append(text.utf8, sentence);
    text.tokens.push_back({.id = 0, .span = span, .word = static_cast<std::uint32_t>(text.tokens.size())});
  }

  std::vector<BabiExample> examples_;
  std::string path_;
  std::size_t most_ = 0;
  std::vector<Ids> questions_;
  std::vector<std::vector<Ids>> statements_;
};

class PictureQuiz final : public ChoiceQuiz {
 public:
  PictureQuiz(std::vector<Image> pictures, std::vector<std::string> right, std::vector<std::string> places)
      : pictures_(std::move(pictures)), places_(std::move(places)) {
    right_ = std::move(right);
  }
  void each_text(const std::function<void(std::string_view)>& /*take*/) const override {}
  void prepare(const AnyModel& model) override {
    ChoiceQuiz::prepare(model);
    model_ = model.model;
    for (auto& picture : pictures_) {
      const auto width = static_cast<int>(model_.picture_width), height = static_cast<int>(model_.picture_height);
      ATTEND_CHECK(picture.channels == model_.picture_channels, kValue,
                   "pictures have {} channels, the model wants model.picture_channels = {}", picture.channels, model_.picture_channels);
      if (picture.width != width || picture.height != height) picture = resize_image(picture, width, height);
    }
  }
  std::int64_t cost(std::size_t /*i*/) const override { return grid().first * grid().second; }
  Questions batch(std::span<const std::size_t> items) const override {
    Questions q;
    q.pictures = picture_batch(pictures_, items);
    return q;
  }
  std::string place(std::size_t i) const override {
    return places_.size() == 1 ? fmt::format("{}, picture {}", places_[0], i + 1) : places_[i];
  }
  std::string asked(std::size_t i) const override { return place(i); }
  Text shown(std::size_t i) const override {
    Text text{place(i), {}};
    text.tokens.assign(static_cast<std::size_t>(cost(i)), Token{});
    return text;
  }
  std::pair<std::int64_t, std::int64_t> grid() const override {
    return {model_.picture_height / model_.patch, model_.picture_width / model_.patch};
  }
  std::optional<Picture> picture(std::size_t i) const override { return grid_picture(pictures_[i], grid().first, grid().second); }

 private:
  std::vector<Image> pictures_;
  std::vector<std::string> places_;
  ModelOptions model_;
};

// The answer is a word of the document.
class ClozeQuiz final : public Quiz {
 public:
  ClozeQuiz(ClozeCorpus corpus, std::string path) : examples_(std::move(corpus.examples)), path_(std::move(path)) {
    for (const auto& example : examples_) right_.push_back(example.answer);
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
  Text shown(std::size_t i) const override {
    Text text;
    for (const auto* part : {&examples_[i].document, &examples_[i].question})
      for (const auto& word : *part) {
        const auto span = append(text.utf8, word);
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
      ids.push_back(tokens.size() == 1 ? tokens[0].id : kUnknownId);
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

void need(const std::string& value, const char* name, const char* what) {
  ATTEND_CHECK(!value.empty(), kValue, "{} is missing: {}", name, what);
}

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

std::unique_ptr<Quiz> idx_quiz(const QuizFiles& files) {
  const auto set = read_idx(files.images, files.labels);
  std::vector<Image> pictures;
  std::vector<std::string> right;
  for (std::uint32_t i = 0; i < set.images.count; ++i) {
    const auto pixels = set.images.image(i);
    pictures.push_back({static_cast<int>(set.images.width), static_cast<int>(set.images.height), 1, {pixels.begin(), pixels.end()}});
    right.push_back(std::to_string(set.labels[i]));
  }
  return std::make_unique<PictureQuiz>(std::move(pictures), std::move(right), std::vector{files.images});
}

}  // namespace

std::unique_ptr<Quiz> text_quiz(std::vector<std::string> lines, const std::string& path, std::size_t first) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto broken = first_broken_byte(lines[i]);
    ATTEND_CHECK(broken == std::string::npos, kData, "{}:{}: byte {} is not UTF-8; convert the file to UTF-8 with iconv", path, first + i,
                 broken + 1);
  }
  std::vector<std::string> right(lines.size());
  return std::make_unique<TextQuiz>(std::move(lines), std::move(right), path);
}

std::unique_ptr<Quiz> read_quiz(Matter reads, const QuizFiles& files) {
  switch (reads) {
    case Matter::kText:
      if (!files.tsv.empty()) return pairs_quiz(files.tsv);
      need(files.text, "text", "a file of lines 'label sentence'");
      return labelled_quiz(files.text);
    case Matter::kStory:
      need(files.text, "text", "a file of stories as bAbI's");
      return std::make_unique<StoryQuiz>(read_babi(files.text), files.text);
    case Matter::kDocument:
      need(files.text, "text", "a file of documents and questions as CMRC 2017's");
      need(files.answers, "answers", "the file of answers to its questions");
      return std::make_unique<ClozeQuiz>(read_cloze(files.text, files.answers), files.text);
    case Matter::kPicture:
      need(files.images, "images", "an idx file of pictures");
      need(files.labels, "labels", "the idx file of their classes");
      return idx_quiz(files);
    default: ATTEND_ASSERT(false);
  }
  return nullptr;
}

std::unique_ptr<Quiz> read_questions(Matter reads, const std::vector<std::string>& files, Channels channels) {
  if (reads == Matter::kPicture) {
    std::vector<Image> pictures;
    for (const auto& file : files) pictures.push_back(read_image(file, channels));
    std::vector<std::string> right(files.size());
    return std::make_unique<PictureQuiz>(std::move(pictures), std::move(right), files);
  }
  ATTEND_CHECK(files.size() == 1, kUsage, "give one file of questions, got {}", files.size());
  if (reads == Matter::kStory) return std::make_unique<StoryQuiz>(read_babi(files[0], false), files[0]);
  return std::make_unique<ClozeQuiz>(read_cloze(files[0], ""), files[0]);
}

}  // namespace attend
