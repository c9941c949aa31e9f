// Learning a language model from one long text, cut into windows.
#include "attend/train/stream.h"

#include "attend/data/text_stream.h"
#include "attend/ops/cross_entropy.h"
#include "attend/run/runner.h"
#include "attend/run/windows.h"
#include "attend/train/data.h"
#include "attend/train/fit.h"
#include "train/auxiliary.h"
#include "train/learner.h"

namespace attend {

void StreamOptions::visit(OptionVisitor& v) {
  v(test_share, "test_share", 0.05, "share of data.text, its end, that is left alone for testing", between(0, 0.9));
  v(length, "length", 128, "tokens that a language model reads together", between(2, 1 << 20));
}

namespace {

struct WindowBatch final : Learner::Batch {
  Windows windows;
};

class StreamLearner final : public Learner {
 public:
  explicit StreamLearner(const Config& config) : config_(config) {
    const auto& d = config.data.of<TextFiles>();
    ATTEND_CHECK(!d.text.empty(), kValue, "data.text is missing: the file to learn from, plain text");
    const auto text = read_text(d.text);
    if (d.dev_text.empty()) {
      auto parts =
          split_text(text, {.dev = config.data.of<HeldOutOptions>().dev_share, .test = config.data.of<StreamOptions>().test_share}, d.text);
      train_text_ = std::move(parts.train);
      dev_text_ = std::move(parts.dev);
    } else {
      train_text_ = text;
      dev_text_ = read_text(d.dev_text);
    }
  }

  std::vector<std::string> fit(Config& config, const GivenValues& given) override {
    SideCounter lines;
    each_line(train_text_, [&](std::string_view line) { lines.add(line); });
    return fit_to_text(config, given, lines.finish());
  }

  void describe(TrainPlan& plan) const override {
    plan.examples = windows();
    plan.dev_examples = (dev_.ids.size() + length() - 1) / length();
    plan.target_vocabulary = model_.target->size();
  }

  std::unique_ptr<BatchIterator> batches(BatchPosition start) const override {
    return std::make_unique<BatchIterator>(
        windows(), [this](std::size_t i) { return static_cast<std::int64_t>(window(i).size); }, batch_plan(config_.train), start);
  }

  std::unique_ptr<Batch> batch(const std::vector<std::size_t>& examples) const override {
    std::vector<Window> places;
    for (const auto i : examples) places.push_back(window(i));
    auto batch = std::make_unique<WindowBatch>();
    batch->windows = windows_of(train_, places);
    batch->units = batch->windows.targets.size(0);
    return batch;
  }

  double backward(const Batch& base, std::int64_t units, std::int64_t update) override {
    const auto& batch = static_cast<const WindowBatch&>(base).windows;
    AuxiliaryLosses watching(config_.train, update);
    const auto live = states_of(*model_.network, batch, watch_ ? &watching : nullptr).flatten(0, 1).index_select(0, batch.live);  // [n, N]
    const auto entropy = cross_entropy(model_.network->logits(live), batch.targets, config_.train.label_smoothing);
    auto loss = entropy.loss;
    AuxiliaryBatch known;
    known.target_lengths = batch.lengths;
    known.units = base.units;
    if (const auto more = watch_ ? watching.loss(known) : at::Tensor{}; more.defined()) loss = loss + more;
    (loss / static_cast<double>(units)).backward();
    if (watch_) add_entropies(entropies_, watching.entropies(known));
    return entropy.nll;
  }

  MetricNeeds has() const override { return kTextHas; }

  Validation validate() const override {
    const Runner runner(model_);
    const auto score = runner.predict(dev_, config_.data.of<StreamOptions>().length);
    Validation v;
    v.figures = figures_of(count_metrics(validated_metrics(has(), config_.train.metric), {.probabilities = &score}));
    SampleOptions options;
    options.temperature = 0.8;
    options.max_tokens = 120;
    options.past_end = true;
    v.samples.push_back(runner.generate("", 0, 1, options)[0].text());
    return v;
  }

  std::string places(const std::vector<std::size_t>& examples) const override {
    return fmt::format("{}: windows {}", config_.data.of<TextFiles>().text, fmt::join(examples, ", "));
  }

 protected:
  void check(const ModelOptions& options) const override {
    check_kind(options.type, {Matter::kNothing, Matter::kText}, "task " + config_.task);
  }

  void make_vocabularies(const TextOptions& text, AnyModel& model) const override {
    model.target = train_tokenizer(text.target, [&](const std::function<void(std::string_view)>& take) { each_line(train_text_, take); });
  }

  void begin(Config& config, const GivenValues& /*given*/) override {
    config_ = config;
    model_ = as_seq2seq(model(), "task " + config.task);
    train_ = stream_of(*model_.target, train_text_);
    dev_ = stream_of(*model_.target, dev_text_);
    watch_ = AuxiliaryLosses::wanted(config_.train, config_.model);
    ATTEND_CHECK(!train_.ids.empty() && !dev_.ids.empty(), kData, "{}: nothing is left to learn from or to validate on; give a longer text",
                 config_.data.of<TextFiles>().text);
  }

 private:
  std::size_t length() const { return static_cast<std::size_t>(config_.data.of<StreamOptions>().length); }
  std::size_t windows() const { return (train_.ids.size() + length() - 1) / length(); }
  Window window(std::size_t i) const { return {i * length(), std::min(length(), train_.ids.size() - i * length())}; }

  Config config_;
  std::string train_text_, dev_text_;
  TranslationModel model_;
  Stream train_, dev_;
  bool watch_ = false;
};

}  // namespace

extern constinit const LearnerEntry stream_learner{
    .make = [](const Config& config) -> std::unique_ptr<Learner> { return std::make_unique<StreamLearner>(config); },
    .usual_model = [](const GivenValues& /*given*/) -> std::string_view { return "rnn_lm"; },
    .data = [](OptionSet& d, const ModelOptions& /*model*/,
               OptionVisitor& v) { visit_options<TextFiles, HeldOutOptions, StreamOptions>(d, v); },
    .training = [](OptionSet& /*own*/, const ModelOptions& /*model*/, OptionVisitor& /*v*/) {},
    .searches = false};

}  // namespace attend
