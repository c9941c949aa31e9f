#include "attend/train/trainer.h"

#include <chrono>
#include <cmath>

#include "attend/core/random.h"
#include "attend/ops/cross_entropy.h"
#include "attend/ops/products.h"
#include "attend/train/optimiser.h"
#include "train/checkpoints.h"
#include "train/examples.h"

namespace attend {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

}  // namespace

class Trainer::Run {
 public:
  Run(Start start, TrainEvents events) : events_(std::move(events)), config_(std::move(start.config)) {
    check_config(config_);
    if (start.resume)
      ATTEND_CHECK(Checkpoints::exist_in(config_.train.out), kFile,
                   "{}: nothing to resume: it has no last checkpoint; start without --resume", config_.train.out);
    if (!start.resume)
      ATTEND_CHECK(!Checkpoints::exist_in(config_.train.out), kFile,
                   "{}: already holds a training run; continue it with --resume, or choose another --out", config_.train.out);
    choose_products(config_.train.matmul);
    examples_ = std::make_unique<Examples>(config_.data, static_cast<std::uint64_t>(config_.train.seed));
    if (start.fit)
      plan_.notes = fit_to_corpus(config_, start.given, examples_->size(), examples_->mean_source_bytes(), examples_->target_is_cjk());
    plan_.corpus = examples_->report();
    build_model(start.resume);
    examples_->measure(*model_.source, *model_.target);
    ATTEND_CHECK(examples_->usable() > 0, kData, "training data: every pair is longer than data.max_length = {}; raise it",
                 config_.data.max_length);
    plan_.pairs = examples_->usable();
    plan_.dev_pairs = examples_->dev_sources().size();
    plan_.source_vocabulary = model_.source->size();
    plan_.target_vocabulary = model_.target->size();
    plan_.parameters = parameter_count(*model_.network);
    plan_.config = to_yaml(list_options(config_));
    optimiser_ = std::make_unique<Optimiser>(config_.train, named_weights(*model_.network));
    if (start.resume) {
      progress_ = Checkpoints::load(config_.train.out + "/last", model_, *optimiser_);
      saved_ = true;  // a run that has nothing left to do must not write its last checkpoint again
      say(fmt::format("resuming after update {} (epoch {})", progress_.step, progress_.position.epoch + 1));
    }
    batches_ = examples_->batches(config_.train, progress_.position);
    plan_.batches_per_epoch = batches_->batches_in_epoch();
  }

  TrainPlan plan() const { return plan_; }

  TrainResult run(const std::atomic<bool>& stop) {
    const auto& t = config_.train;
    checkpoints_ = std::make_unique<Checkpoints>(t.out, plan_.config, t.keep, larger_is_better(t.metric));
    checkpoints_->begin(progress_);
    started_ = Clock::now();
    before_ = progress_.seconds;
    rate_started_ = started_;
    model_.network->train();
    TrainResult result;
    while (true) {
      const auto epoch = batches_->position().epoch;
      if (const auto reason = limit_reached(); !reason.empty()) {
        result.reason = reason;
        break;
      }
      update();
      const bool epoch_ended = batches_->position().epoch != epoch;
      const bool validate = t.validate_every > 0 ? progress_.step % t.validate_every == 0 : epoch_ended;
      if (validate) validate_now();
      if (validate || (t.save_every > 0 && progress_.step % t.save_every == 0)) save();
      if (stop) {
        if (!saved_) save();
        result.end = TrainEnd::kInterrupted;
        result.reason = "interrupted";
        break;
      }
      if (const auto reason = early_end(); validate && !reason.empty()) {
        result.reason = reason;
        break;
      }
    }
    if (result.end == TrainEnd::kFinished) {
      if (progress_.validated_step != progress_.step) validate_now();
      if (!saved_) save();
      average();
    }
    result.steps = progress_.step;
    result.seconds = progress_.seconds;
    result.best_figure = checkpoints_->best_figure();
    result.best = t.out + "/best";
    result.last = t.out + "/last";
    return result;
  }

 private:
  void say(const std::string& line) const {
    if (events_.message) events_.message(line);
  }

  void build_model(bool resume) {
    const auto seed = static_cast<std::uint64_t>(config_.train.seed);
    const auto from = resume ? config_.train.out + "/last" : config_.train.init_from;
    if (!from.empty()) {
      model_ = read_model(from);
      if (!resume) say(fmt::format("starting from {}: its vocabularies and sizes replace those of the configuration", from));
      config_.model = model_.model;
      config_.text = model_.text;
    } else {
      model_.model = config_.model;
      model_.text = config_.text;
      std::tie(model_.source, model_.target) = examples_->train_tokenizers(config_.text);
      at::manual_seed(random_key(seed, {0}));
      model_.network = make_model(config_.model, model_.source->size(), model_.target->size());
    }
  }

  std::string limit_reached() const {
    const auto& t = config_.train;
    if (t.steps > 0 && progress_.step >= t.steps) return fmt::format("{} updates", t.steps);
    if (t.epochs > 0 && batches_->position().epoch >= static_cast<std::uint64_t>(t.epochs)) return fmt::format("{} epochs", t.epochs);
    if (t.minutes > 0 && elapsed() >= 60 * t.minutes) return fmt::format("{} minutes", t.minutes);
    return {};
  }

  std::string early_end() const {
    const auto& t = config_.train;
    if (t.patience > 0 && progress_.without_better >= t.patience)
      return fmt::format("no better {} for {} validations", t.metric, t.patience);
    if (t.schedule == "plateau" && t.rate * progress_.plateau_factor < t.minimum_rate)
      return fmt::format("the rate fell below {}", t.minimum_rate);
    return {};
  }

  double elapsed() const { return before_ + seconds_since(started_); }

  // One update: `accumulate` batches, one step of the optimiser. Everything random in it depends on seed and step alone.
  void update() {
    const auto& t = config_.train;
    ++progress_.step;
    saved_ = false;
    at::manual_seed(random_key(static_cast<std::uint64_t>(t.seed), {1, static_cast<std::uint64_t>(progress_.step)}));
    std::vector<std::vector<std::size_t>> parts;
    std::int64_t tokens = 0;
    std::vector<TrainBatch> batches;
    for (std::int64_t i = 0; i < t.accumulate; ++i) {
      parts.push_back(batches_->next());
      batches.push_back(examples_->make_batch(parts.back(), model_));
      tokens += batches.back().tokens;
    }
    double nll = 0;
    for (std::size_t i = 0; i < batches.size(); ++i) {
      nll += backward(batches[i], tokens);
      ATTEND_CHECK(std::isfinite(nll), kData,
                   "update {}: the loss is {}; lower train.rate or set train.clip, and look at these lines of the batch: {}",
                   progress_.step, nll, examples_->places(parts[i]));
    }
    progress_.position = batches_->position();
    const double norm = clip_gradients(optimiser_->parameters(), t.clip);
    ATTEND_CHECK(std::isfinite(norm), kData,
                 "update {}: the gradient is {}; lower train.rate or set train.clip, and look at these lines: {}", progress_.step, norm,
                 examples_->places(parts.back()));
    const double rate = progress_.plateau_factor * scheduled_rate(t, progress_.step, config_.model.embedding);
    optimiser_->step(rate);
    optimiser_->zero_gradients();
    progress_.seconds = elapsed();
    progress_.loss_sum += nll;
    progress_.loss_tokens += tokens;
    report(nll, tokens, rate, norm);
  }

  double backward(const TrainBatch& batch, std::int64_t tokens) {
    const auto encoded = model_.network->encode(batch.source, batch.source_lengths, nullptr);
    const auto states = model_.network->decode(*encoded, batch.inputs, batch.target_lengths, nullptr);  // [B, T, N]
    const auto live = states.flatten(0, 1).index_select(0, batch.live);                                 // [n, N]
    const auto entropy = cross_entropy(model_.network->logits(live), batch.targets, config_.train.label_smoothing);
    (entropy.loss / static_cast<double>(tokens)).backward();
    return entropy.nll;
  }

  void report(double nll, std::int64_t tokens, double rate, double norm) {
    window_loss_ += nll;
    window_tokens_ += tokens;
    const double window = seconds_since(rate_started_);
    if (!events_.step) return;
    StepReport r;
    r.step = progress_.step;
    r.epoch = progress_.position.epoch;
    r.loss = window_loss_ / static_cast<double>(window_tokens_);
    r.rate = rate;
    r.gradient_norm = norm;
    r.tokens_per_second = window > 0 ? static_cast<double>(window_tokens_) / window : 0;
    r.seconds = progress_.seconds;
    r.progress = share_done();
    r.seconds_left = r.progress > 0 ? r.seconds * (1 - r.progress) / r.progress : 0;
    events_.step(r);
    if (window > 10) {  // a rate over the last seconds, not over the whole run
      window_loss_ = 0;
      window_tokens_ = 0;
      rate_started_ = Clock::now();
    }
  }

  double share_done() const {
    const auto& t = config_.train;
    double share = 0;
    if (t.steps > 0) share = std::max(share, static_cast<double>(progress_.step) / static_cast<double>(t.steps));
    if (t.minutes > 0) share = std::max(share, progress_.seconds / (60 * t.minutes));
    if (t.epochs > 0) {
      const double in_epoch =
          static_cast<double>(progress_.position.batch) / static_cast<double>(std::max<std::uint64_t>(1, plan_.batches_per_epoch));
      share = std::max(share, (static_cast<double>(progress_.position.epoch) + in_epoch) / static_cast<double>(t.epochs));
    }
    return std::min(1.0, share);
  }

  Evaluation evaluate_dev() const {
    const auto& t = config_.train;
    const auto all = examples_->dev_sources().size();
    const auto n = t.validate_pairs > 0 ? std::min<std::size_t>(all, static_cast<std::size_t>(t.validate_pairs)) : all;
    EvaluateOptions options;
    options.search = config_.decode;
    options.search.beam = t.validate_beam;
    options.search.n_best = 1;
    options.bleu_tokenizer = t.bleu_tokenizer;
    options.lowercase = t.lowercase_bleu;
    const Translator translator(model_);
    auto result = evaluate(translator, std::span(examples_->dev_sources()).first(n), std::span(examples_->dev_targets()).first(n), options);
    model_.network->train();
    return result;
  }

  void validate_now() {
    const auto& t = config_.train;
    const auto evaluation = evaluate_dev();
    const double figure = evaluation.figure(t.metric);
    const bool better =
        !progress_.best_figure || (larger_is_better(t.metric) ? figure > *progress_.best_figure : figure < *progress_.best_figure);
    if (better) {
      progress_.best_figure = figure;
      progress_.without_better = progress_.plateau_count = 0;
    } else {
      ++progress_.without_better;
      if (t.schedule == "plateau" && ++progress_.plateau_count > t.plateau_patience) {
        progress_.plateau_factor *= t.plateau_factor;
        progress_.plateau_count = 0;
      }
    }
    progress_.validated_step = progress_.step;
    progress_.validated_figure = figure;
    progress_.seconds = elapsed();
    ValidationReport report;
    report.step = progress_.step;
    report.epoch = progress_.position.epoch;
    report.evaluation = &evaluation;
    report.train_loss = progress_.loss_tokens > 0 ? progress_.loss_sum / static_cast<double>(progress_.loss_tokens) : 0;
    report.seconds = progress_.seconds;
    report.best = better;
    const auto n = std::min<std::size_t>(static_cast<std::size_t>(t.samples), evaluation.translations.size());
    for (std::size_t i = 0; i < n; ++i)
      report.samples.push_back(fmt::format("{}\n  reference   {}\n  translation {}", examples_->dev_sources()[i],
                                           examples_->dev_targets()[i], evaluation.translations[i]));
    checkpoints_->log(report, progress_);
    progress_.loss_sum = 0;
    progress_.loss_tokens = 0;
    if (events_.validated) events_.validated(report);
    rate_started_ = Clock::now();
    window_loss_ = 0;
    window_tokens_ = 0;
  }

  void save() {
    progress_.seconds = elapsed();
    const auto folder = checkpoints_->save(progress_, model_, *optimiser_);
    saved_ = true;
    if (events_.saved) events_.saved(folder);
  }

  // The mean of the best checkpoints' weights, kept when validation says it is better than the best of them.
  void average() {
    const auto& t = config_.train;
    const auto folders = checkpoints_->best_folders(static_cast<std::size_t>(t.average));
    if (t.average < 2 || folders.size() < 2) return;
    NamedTensors weights = named_weights(*model_.network);
    std::vector<at::Tensor> sums;
    {
      at::NoGradGuard no_grad;
      for (const auto& folder : folders) {
        load_tensors(folder + "/weights.safetensors", weights);
        for (std::size_t i = 0; i < weights.size(); ++i) {
          if (sums.size() <= i) {
            sums.push_back(weights[i].second.detach().clone());
          } else {
            sums[i].add_(weights[i].second);
          }
        }
      }
      for (std::size_t i = 0; i < weights.size(); ++i) weights[i].second.copy_(sums[i] / static_cast<double>(folders.size()));
    }
    const auto evaluation = evaluate_dev();
    const double figure = evaluation.figure(t.metric);
    const bool better = larger_is_better(t.metric) ? figure > checkpoints_->best_figure() : figure < checkpoints_->best_figure();
    say(fmt::format("average of the {} best checkpoints: {} {:.4f}, best single {:.4f}{}", folders.size(), t.metric, figure,
                    checkpoints_->best_figure(), better ? "; kept as best" : ""));
    if (better) checkpoints_->save_average(progress_, figure, model_);
  }

  TrainEvents events_;
  Config config_;
  TrainPlan plan_;
  std::unique_ptr<Examples> examples_;
  TranslationModel model_;
  std::unique_ptr<Optimiser> optimiser_;
  Progress progress_;
  std::unique_ptr<BatchIterator> batches_;
  std::unique_ptr<Checkpoints> checkpoints_;
  Clock::time_point started_, rate_started_;
  double before_ = 0, window_loss_ = 0;
  std::int64_t window_tokens_ = 0;
  bool saved_ = false;
};

Trainer::Trainer(Start start, TrainEvents events) : run_(std::make_unique<Run>(std::move(start), std::move(events))) {}
Trainer::~Trainer() = default;
TrainPlan Trainer::plan() const { return run_->plan(); }
TrainResult Trainer::run(const std::atomic<bool>& stop) { return run_->run(stop); }

}  // namespace attend
