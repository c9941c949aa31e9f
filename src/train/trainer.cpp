#include "attend/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "attend/core/random.h"
#include "attend/ops/products.h"
#include "attend/train/optimiser.h"
#include "train/checkpoints.h"
#include "train/learner.h"

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
    learner_ = make_learner(config_);
    if (config_.train.metric.empty()) config_.train.metric = default_metric(config_.task);
    if (const auto names = learner_->figures(); std::find(names.begin(), names.end(), config_.train.metric) == names.end())
      fail_unknown_name("train.metric", config_.train.metric, names);
    if (start.fit) plan_.notes = learner_->fit(config_, start.given);
    const auto stored = start.resume ? config_.train.out + "/last" : config_.train.init_from;
    if (!stored.empty() && !start.resume)
      say(fmt::format("starting from {}: its vocabularies and sizes replace those of the configuration", stored));
    learner_->build(config_, stored);
    network_ = learner_->model().network;
    learner_->describe(plan_);
    plan_.task = config_.task;
    plan_.parameters = parameter_count(*network_);
    plan_.config = to_yaml(list_options(config_));
    optimiser_ = std::make_unique<Optimiser>(config_.train, named_weights(*network_));
    if (start.resume) {
      progress_ = Checkpoints::load(config_.train.out + "/last", learner_->model(), *optimiser_);
      saved_ = true;  // a run that has nothing left to do must not write its last checkpoint again
      say(fmt::format("resuming after update {} (epoch {})", progress_.step, progress_.position.epoch + 1));
    }
    batches_ = learner_->batches(progress_.position);
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
    network_->train();
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
    std::vector<std::unique_ptr<Learner::Batch>> batches;
    for (std::int64_t i = 0; i < t.accumulate; ++i) {
      parts.push_back(batches_->next());
      batches.push_back(learner_->batch(parts.back()));
      tokens += batches.back()->units;
    }
    double nll = 0;
    for (std::size_t i = 0; i < batches.size(); ++i) {
      nll += learner_->backward(*batches[i], tokens, progress_.step);
      ATTEND_CHECK(std::isfinite(nll), kData,
                   "update {}: the loss is {}; lower train.rate or set train.clip, and look at these lines of the batch: {}",
                   progress_.step, nll, learner_->places(parts[i]));
    }
    progress_.position = batches_->position();
    const double norm = clip_gradients(optimiser_->parameters(), t.clip);
    ATTEND_CHECK(std::isfinite(norm), kData,
                 "update {}: the gradient is {}; lower train.rate or set train.clip, and look at these lines: {}", progress_.step, norm,
                 learner_->places(parts.back()));
    const double rate = progress_.plateau_factor * scheduled_rate(t, progress_.step, config_.model.embedding);
    optimiser_->step(rate);
    optimiser_->zero_gradients();
    progress_.seconds = elapsed();
    progress_.loss_sum += nll;
    progress_.loss_tokens += tokens;
    report(nll, tokens, rate, norm);
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

  Validation evaluate_dev() const {
    network_->eval();
    auto validation = learner_->validate();
    network_->train();
    return validation;
  }

  double figure_of(const Validation& validation) const {
    for (const auto& [name, value] : validation.figures)
      if (name == config_.train.metric) return value;
    ATTEND_ASSERT(false);
    return 0;
  }

  void validate_now() {
    const auto& t = config_.train;
    auto validation = evaluate_dev();
    const double figure = figure_of(validation);
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
    report.figures = std::move(validation.figures);
    report.train_loss = progress_.loss_tokens > 0 ? progress_.loss_sum / static_cast<double>(progress_.loss_tokens) : 0;
    report.seconds = progress_.seconds;
    report.best = better;
    report.samples = std::move(validation.samples);
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
    const auto folder = checkpoints_->save(progress_, learner_->model(), *optimiser_);
    saved_ = true;
    if (events_.saved) events_.saved(folder);
  }

  // The mean of the best checkpoints' weights, kept when validation says it is better than the best of them.
  void average() {
    const auto& t = config_.train;
    const auto folders = checkpoints_->best_folders(static_cast<std::size_t>(t.average));
    if (t.average < 2 || folders.size() < 2) return;
    NamedTensors weights = named_weights(*network_);
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
    const double figure = figure_of(evaluate_dev());
    const bool better = larger_is_better(t.metric) ? figure > checkpoints_->best_figure() : figure < checkpoints_->best_figure();
    say(fmt::format("average of the {} best checkpoints: {} {:.4f}, best single {:.4f}{}", folders.size(), t.metric, figure,
                    checkpoints_->best_figure(), better ? "; kept as best" : ""));
    if (better) checkpoints_->save_average(progress_, figure, learner_->model());
  }

  TrainEvents events_;
  Config config_;
  TrainPlan plan_;
  std::unique_ptr<Learner> learner_;
  std::shared_ptr<Module> network_;
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
