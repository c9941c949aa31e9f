// Learning to answer: classes of texts and pictures, words of documents, words about stories.
#include "attend/train/questions.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "attend/core/random.h"
#include "attend/models/memory_hops.h"
#include "attend/ops/draws.h"
#include "attend/run/answers.h"
#include "attend/train/data.h"
#include "attend/train/fit.h"
#include "train/auxiliary.h"
#include "train/learner.h"
#include "train/pictures.h"

namespace attend {

void AnswerFiles::visit(OptionVisitor& v) {
  v(answers, "answers", "", "the answers to the questions about the documents of data.text");
  v(dev_answers, "dev_answers", "", "the answers to the questions about the documents of data.dev_text");
}

void LabelFiles::visit(OptionVisitor& v) {
  v(labels, "labels", "", "the classes of data.images where that is an idx file: another idx file");
  v(dev_labels, "dev_labels", "", "the classes of data.dev_images where that is an idx file: another idx file");
}

void UnknownOptions::visit(OptionVisitor& v) {
  v(unknown_share, "unknown_share", 0.0, "share of the words of a text or document that are read as <unk> in training", between(0, 0.9));
}

void LinearStartOptions::visit(OptionVisitor& v) {
  v(linear_start, "linear_start", 0, "memory_hops: updates without the softmax, at the beginning", at_least(0));
}

namespace {

constexpr std::uint64_t kUnknownPlace = 5;  // of draws that no network makes

// Some items of a quiz, as a quiz.
class QuizPart final : public Quiz {
 public:
  QuizPart(std::shared_ptr<Quiz> whole, std::vector<std::size_t> items) : whole_(std::move(whole)), items_(std::move(items)) {
    for (const auto i : items_) right_.push_back(whole_->right(i));
  }
  std::size_t size() const override { return items_.size(); }
  void each_text(const std::function<void(std::string_view)>& take) const override { whole_->each_text(take); }
  void prepare(const AnyModel& model) override { whole_->prepare(model); }
  std::int64_t cost(std::size_t i) const override { return whole_->cost(items_[i]); }
  Questions batch(std::span<const std::size_t> items) const override {
    std::vector<std::size_t> own;
    for (const auto i : items) own.push_back(items_[i]);
    return whole_->batch(own);
  }
  std::int64_t gold(std::size_t i) const override { return whole_->gold(items_[i]); }
  std::string answer(std::size_t i, std::int64_t index) const override { return whole_->answer(items_[i], index); }
  std::string place(std::size_t i) const override { return whole_->place(items_[i]); }
  std::string asked(std::size_t i) const override { return whole_->asked(items_[i]); }
  RecordText shown(std::size_t i) const override { return whole_->shown(items_[i]); }
  std::size_t columns(std::size_t i) const override { return whole_->columns(items_[i]); }
  std::vector<std::uint32_t> supporting(std::size_t i) const override { return whole_->supporting(items_[i]); }
  std::pair<std::int64_t, std::int64_t> grid() const override { return whole_->grid(); }
  std::optional<Picture> picture(std::size_t i) const override { return whole_->picture(items_[i]); }
  std::vector<std::string> told() const override { return whole_->told(); }

 private:
  std::shared_ptr<Quiz> whole_;
  std::vector<std::size_t> items_;
};

class QuestionsLearner final : public Learner {
 public:
  explicit QuestionsLearner(const Config& config) : config_(config), reads_(model_kind(config.model.type).reads) {
    check(config.model);
    const auto& d = config.data;
    const auto& texts = d.of<TextFiles>();
    const auto& tables = d.of<TableFiles>();
    const auto& answers = d.of<AnswerFiles>();
    const auto& pictures = d.of<PictureFiles>();
    const auto& labels = d.of<LabelFiles>();
    LabelledOptions form{.form = d.of<TextForm>(), .header = d.of<HeaderOptions>().header, .text_first = false, .usual = {}, .classes = {}};
    std::shared_ptr<Quiz> all = read_quiz(reads_, {texts.text, answers.answers, pictures.images, labels.labels, tables.tsv, form});
    const bool given = !texts.dev_text.empty() || !pictures.dev_images.empty() || !tables.dev_tsv.empty();
    if (given) {
      train_ = std::move(all);
      form.usual = form.form;  // the columns of the training data, if these files have them
      form.form.text_column = form.form.label_column = "";
      const auto classes = counts_of(*train_);
      for (const auto& [name, count] : classes) form.classes.push_back(name);
      dev_ = read_quiz(reads_, {texts.dev_text, answers.dev_answers, pictures.dev_images, labels.dev_labels, tables.dev_tsv, form},
                       "data.dev_");
    } else {
      hold_out(std::move(all));
    }
  }

  std::vector<std::string> fit(Config& config, const GivenValues& given) override {
    SideCounter texts;
    train_->each_text([&](std::string_view text) { texts.add(text); });
    return fit_to_quiz(config, given, {.items = train_->size(), .texts = texts.finish()});
  }

  void describe(TrainPlan& plan) const override {
    plan.examples = train_->size();
    plan.dev_examples = dev_->size();
    plan.source_vocabulary = model_.source ? model_.source->size() : 0;
    plan.target_vocabulary = model_.target ? model_.target->size() : 0;
    plan.told = train_->told();
    if (!held_out_.empty())
      plan.told.push_back(held_out_);
    else
      for (auto& line : dev_->told()) plan.told.push_back(std::move(line));
    if (model_chooses())
      for (auto& line : told_of_answers()) plan.told.push_back(std::move(line));
  }

  std::unique_ptr<BatchIterator> batches(BatchPosition start) const override {
    return std::make_unique<BatchIterator>(
        train_->size(), [this](std::size_t i) { return train_->gold(i) < 0 ? 0 : train_->cost(i); }, batch_plan(config_.train), start);
  }

  std::unique_ptr<Batch> batch(const std::vector<std::size_t>& examples) const override {
    auto batch = std::make_unique<Asked>();
    batch->questions = train_->batch(examples);
    std::vector<std::int64_t> gold;
    for (const auto i : examples) gold.push_back(train_->gold(i));
    batch->gold = at::tensor(gold, index_options());  // [B]
    batch->units = static_cast<std::int64_t>(examples.size());
    auto& q = batch->questions;
    if (q.pictures.defined()) q.pictures = varied(q.pictures, config_.data.of<VariedOptions>());
    if (const auto share = config_.data.of<UnknownOptions>().unknown_share; share > 0 && q.text.defined())
      q.text = at::where(uniform_draws(draw_keys(kUnknownPlace, q.text.size(0)), q.text.sizes().slice(1)).lt(share),
                         model_.source->special().unknown, q.text);  // [B, S]
    return batch;
  }

  double backward(const Batch& base, std::int64_t units, std::int64_t update) override {
    const auto& batch = static_cast<const Asked&>(base);
    auto questions = batch.questions;
    questions.linear = update <= config_.train.of<LinearStartOptions>().linear_start;
    AuxiliaryLosses losses(config_.train, update);
    const bool watched = watch_ && !questions.linear;  // weights before a softmax have no entropy
    const auto log_probs = model_.network->answer(questions, watched ? &losses : nullptr);
    const auto nll = -log_probs.gather(1, batch.gold.unsqueeze(1)).sum();  // []
    auto loss = nll;
    if (const auto e = config_.train.label_smoothing; e > 0 && model_.target) loss = (1 - e) * nll - e * log_probs.mean(1).sum();
    AuxiliaryBatch known;
    known.source_lengths = questions.text_lengths;
    known.question_lengths = questions.question_lengths;
    known.units = batch.units;
    if (const auto more = watched ? losses.loss(known) : at::Tensor{}; more.defined()) loss = loss + more;
    (loss / static_cast<double>(units)).backward();
    if (watched) add_entropies(entropies_, losses.entropies(known));
    return nll.item<double>();
  }

  MetricNeeds has() const override { return answers_have(model_chooses()); }

  Validation validate() const override {
    const auto figures = evaluate_answers(Runner(model_), *dev_, validated_metrics(has(), config_.train.metric));
    Validation v;
    v.figures = figures_of(figures.metrics);
    for (std::size_t k = 0; k < figures.support.size(); ++k) v.figures.emplace_back(fmt::format("support_{}", k), figures.support[k]);
    for (std::size_t i = 0; i < std::min<std::size_t>(static_cast<std::size_t>(config_.train.samples), dev_->size()); ++i)
      v.samples.push_back(fmt::format("{} | {} | {}", dev_->asked(i), dev_->right(i), figures.given[i]));
    return v;
  }

  std::string places(const std::vector<std::size_t>& examples) const override {
    std::vector<std::string> names;
    for (const auto i : examples) names.push_back(train_->place(i));
    return fmt::format("{}", fmt::join(names, "; "));
  }

 protected:
  void check(const ModelOptions& options) const override {
    const auto kind = model_kind(options.type);
    const bool classes = config_.task == "classify";
    const std::vector<ModelKind> fitting =
        classes ? std::vector<ModelKind>{{Matter::kText, Matter::kAnswer}, {Matter::kPicture, Matter::kAnswer}}
                : std::vector<ModelKind>{{Matter::kDocument, Matter::kAnswer}, {Matter::kStory, Matter::kAnswer}};
    std::vector<std::string> names;
    for (const auto& k : fitting)
      for (auto& name : models_of(k)) names.push_back(std::move(name));
    ATTEND_CHECK(std::find(fitting.begin(), fitting.end(), kind) != fitting.end(), kValue, "model.type: {} {}; task {} takes one of: {}",
                 options.type, attend::describe(kind), config_.task, fmt::join(names, ", "));
    ATTEND_CHECK(kind.reads == reads_, kValue, "model.type: {} {}, and the run began with another; start a new one", options.type,
                 attend::describe(kind));
  }

  void make_vocabularies(const TextOptions& text, AnyModel& model) const override {
    if (reads_ != Matter::kPicture)
      model.source = train_tokenizer(text.source, [&](const std::function<void(std::string_view)>& take) { train_->each_text(take); });
    if (!model_chooses()) return;
    auto& answers = model.text.target;  // each answer is one piece
    answers.kind = "lines";
    answers.minimum_count = 1;
    answers.lowercase = answers.fold_width = false;
    answers.vocabulary_size = std::max(answers.vocabulary_size, static_cast<std::int64_t>(counts_of(*train_).size()) + kSpecialPieces);
    model.target = train_tokenizer(answers, [&](const std::function<void(std::string_view)>& take) { train_->each_answer(take); });
  }

  void begin(Config& config, const GivenValues& /*given*/) override {
    config_ = config;
    model_ = as_answerer(model(), "task " + config.task);
    train_->prepare(model());
    dev_->prepare(model());
    watch_ = AuxiliaryLosses::wanted(config_.train, config_.model);
  }

 private:
  struct Asked final : Batch {
    Questions questions;
    at::Tensor gold;  // [B]
  };

  bool model_chooses() const { return reads_ != Matter::kDocument; }

  using Counts = std::map<std::string, std::size_t>;
  static Counts counts_of(const Quiz& quiz) {
    Counts counts;
    quiz.each_answer([&](std::string_view answer) { ++counts[std::string(answer)]; });
    return counts;
  }

  // The classes, and what may be wrong with them.
  std::vector<std::string> told_of_answers() const {
    constexpr std::size_t kShown = 20, kRare = 5;
    const bool classes = config_.task == "classify";
    const auto *what = classes ? "classes" : "answers", *one = classes ? "class" : "answer";
    const auto counts = counts_of(*train_), dev = counts_of(*dev_);
    std::vector<std::pair<std::string, std::size_t>> sorted(counts.begin(), counts.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    std::vector<std::string> named, rare, never;
    for (const auto& [name, count] : sorted) {
      if (named.size() < kShown) named.push_back(fmt::format("{} {}", name, count));
      if (count < kRare) rare.push_back(name);
    }
    for (const auto& [name, count] : dev)
      if (!counts.contains(name)) never.push_back(fmt::format("{} ({})", name, count));
    std::vector<std::string> told{fmt::format("{} {}: {}{}", counts.size(), counts.size() == 1 ? one : what, fmt::join(named, ", "),
                                              sorted.size() > kShown ? fmt::format(" and {} more", sorted.size() - kShown) : "")};
    if (counts.size() == 1) told.push_back(fmt::format("there is one {} alone, so there is nothing to tell apart; look at the data", one));
    if (!rare.empty() && counts.size() > 1 && classes)
      told.push_back(fmt::format("{} of the {} have fewer than {} examples, hardly enough to learn them: {}{}", rare.size(), what, kRare,
                                 fmt::join(rare.begin(), rare.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, rare.size())), ", "),
                                 rare.size() > kShown ? ", ..." : ""));
    if (!never.empty())
      told.push_back(
          fmt::format("{} {} of the validation data never stand in the training data and count as wrong: {}{}", never.size(), what,
                      fmt::join(never.begin(), never.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, never.size())), ", "),
                      never.size() > kShown ? ", ..." : ""));
    return told;
  }

  // Stories tell on from question to question, so their held-out part is the end; else items are drawn.
  void hold_out(std::shared_ptr<Quiz> all) {
    const auto count = all->size();
    const auto dev_share = config_.data.of<HeldOutOptions>().dev_share;
    const auto share = dev_share * static_cast<double>(count);
    const auto wanted = share > 0 ? std::max<std::size_t>(1, static_cast<std::size_t>(share)) : 0;
    ATTEND_CHECK(
        wanted > 0 && wanted < count, kData,
        "{} example{} cannot be parted into training and validation by data.dev_share = {}; give more, or validation data of their "
        "own (data.dev_text, data.dev_images)",
        count, count == 1 ? "" : "s", dev_share);
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (reads_ != Matter::kStory) {
      RandomStream random(random_key(static_cast<std::uint64_t>(config_.train.seed), {2}));
      for (std::size_t i = count; i > 1; --i)
        std::swap(order[i - 1], order[static_cast<std::size_t>(random.uniform() * static_cast<double>(i))]);
    }
    const auto cut = order.end() - static_cast<std::ptrdiff_t>(wanted);
    train_ = std::make_unique<QuizPart>(all, std::vector(order.begin(), cut));
    dev_ = std::make_unique<QuizPart>(all, std::vector(cut, order.end()));
    held_out_ = fmt::format("{} of {} are held out for validation, {} (data.dev_share = {})", wanted, count,
                            reads_ == Matter::kStory ? "the last ones" : "drawn at random", dev_share);
  }

  Config config_;
  Matter reads_;
  std::shared_ptr<Quiz> train_;
  std::unique_ptr<Quiz> dev_;
  AnswerModel model_;
  std::string held_out_;  // how the validation data were chosen; empty when they were given
  bool watch_ = false;
};

}  // namespace

// The documents have answers beside them, pictures are given; else a classifier reads texts, and whoever answers, stories.
std::string_view model_of_questions(const GivenValues& given) {
  const auto has = [&](const char* key) { return given.contains(key); };
  const auto task = given.find("task");
  if (task != given.end() && !task->second.texts.empty() && task->second.texts[0] == "answer")
    return has("data.answers") ? "reader" : "memory_hops";
  return has("data.images") ? "patch_classifier" : "encoder_classifier";
}

void visit_questions_data(OptionSet& d, const ModelOptions& model, OptionVisitor& v) {
  switch (model_kind(model.type).reads) {
    case Matter::kPicture: visit_options<PictureFiles, LabelFiles, VariedOptions>(d, v); break;
    case Matter::kDocument: visit_options<TextFiles, AnswerFiles, UnknownOptions>(d, v); break;
    case Matter::kStory: v.once<TextFiles>(d); break;
    default: visit_options<TextFiles, TableFiles, TextForm, HeaderOptions, UnknownOptions>(d, v);
  }
  v.once<HeldOutOptions>(d);
}

extern constinit const LearnerEntry questions_learner{
    .make = [](const Config& config) -> std::unique_ptr<Learner> { return std::make_unique<QuestionsLearner>(config); },
    .usual_model = model_of_questions,
    .data = visit_questions_data,
    .training =
        [](OptionSet& own, const ModelOptions& model, OptionVisitor& v) {
          if (model_reads<MemoryHopsOptions>(model)) v.once<LinearStartOptions>(own);
        },
    .searches = false};

}  // namespace attend
