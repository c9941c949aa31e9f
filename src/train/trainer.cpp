#include "attend/train/trainer.h"

#include <ATen/Parallel.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "attend/core/random.h"
#include "attend/ops/draws.h"
#include "attend/ops/products.h"
#include "attend/train/optimiser.h"
#include "attend/train/texts.h"
#include "train/checkpoints.h"
#include "train/learner.h"
#include "train/limits.h"
#include "train/run_lock.h"
#include "train/run_log.h"

namespace attend {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::uint64_t memory_peak() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

void refuse_a_run(const std::string& folder) {
  ATTEND_CHECK(!holds_run(folder), kFile, "{}: already holds a training run; continue it with --resume, or choose another --out", folder);
}

// A folder that is there already may hold files of its owner, with names that a run would take. A run that ended before its first
// checkpoint leaves some too: its lock tells it, and as long as it measured nothing it may begin again.
void refuse_files_of_others(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto is_empty = [&](const std::string& name) { return fs::file_size(folder + "/" + name, error) == 0; };
  const bool begun = RunLock::is_of_a_run(folder);
  for (const std::string name : {"config.yaml", "metrics.jsonl", "train.log", "end.json", "samples", "best", "last", "lock"}) {
    if (!fs::exists(fs::symlink_status(folder + "/" + name, error))) continue;
    const bool ours = begun && (name != "metrics.jsonl" || is_empty(name));
    ATTEND_CHECK(ours || !begun, kFile,
                 "{}/{}: measured by a run that ended before its first checkpoint, or whose checkpoints were removed; remove the folder to "
                 "start again, or choose another --out",
                 folder, name);
    ATTEND_CHECK(ours, kFile, "{}/{}: is there already, and training would write over it; choose another --out", folder, name);
  }
}

}  // namespace

class Trainer::Run {
 public:
  Run(Start start, TrainEvents events) : events_(std::move(events)), config_(std::move(start.config)) {
    ATTEND_CHECK(!start.resume || !start.given.contains("train.init_from") || start.given.at("train.init_from").where != "--init-from",
                 kValue, "train: --resume goes on with the run's own weights and --init-from starts another run; give one of them");
    if (start.resume) {
      if (!start.dry_run && std::filesystem::is_directory(config_.train.out)) lock_ = std::make_unique<RunLock>(config_.train.out);
      resumed_ = newest_sound(config_.train.out);
      for (const auto& change : settle_changes(config_, start.given, resumed_->from.path)) say("changed " + change);
    } else {
      plan_.notes = complete_config(config_, start.given);
      auto checked = config_;
      if (start.fit && checked.train.steps == 0) checked.train.steps = 1;  // the length is still to be chosen
      check_config(checked);
      refuse_unread_data(config_, start.given);
      refuse_a_run(config_.train.out);
      refuse_files_of_others(config_.train.out);
      if (const auto& from = config_.train.init_from; !from.empty()) {
        adopt_model(config_, start.given, from);
        const auto place = locate_model(from);
        if (!place.note.empty()) say(place.note);
        say(fmt::format("starting from {}: with its weights, vocabularies and settings of model and text", place.folder));
      }
    }
    const auto data = start.dry_run && !start.resume ? DataFingerprint{} : fingerprint_of(config_);
    const auto from = start.resume ? resumed_->from.path : config_.train.init_from;
    choose_products(config_.train.matmul);
    learner_ = find_task(config_.task).learner->make(config_);
    if (start.fit && !start.resume)
      for (auto& note : learner_->fit(config_, start.given)) plan_.notes.push_back(std::move(note));
    check_config(config_);
    if (config_.train.metric.empty()) config_.train.metric = find_task(config_.task).metric;
    choose_metric(config_.train.metric, {.who = "train.metric", .whose = "training for task " + config_.task, .has = learner_->has()});
    learner_->build(config_, start.given, from);
    network_ = learner_->model().network;
    learner_->describe(plan_);
    for (const auto& line : plan_.told) say(line);
    plan_.task = config_.task;
    plan_.parameters = parameter_count(*network_);
    plan_.config = to_yaml(list_options(config_));
    optimiser_ = std::make_unique<Optimiser>(config_.train, named_weights(*network_));
    if (start.resume) {
      progress_ = Checkpoints::load(from, *optimiser_);
      check_same_data(progress_.data, data, config_);
      saved_ = true;  // a run that has nothing left to do must not write its last checkpoint again
      say(fmt::format("resuming after update {} (epoch {})", progress_.step, progress_.position.epoch + 1));
    }
    progress_.data = data;
    batches_ = learner_->batches(progress_.position);
    plan_.batches_per_epoch = batches_->batches_in_epoch();
    const auto parts = static_cast<std::uint64_t>(config_.train.accumulate);
    plan_.updates_per_epoch = (plan_.batches_per_epoch + parts - 1) / parts;
    tell_plan();
  }

  TrainPlan plan() const { return plan_; }

  TrainResult run(const std::atomic<bool>& stop) {
    const auto& t = config_.train;
    open_folder();
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
      // The last checkpoint too is judged before it is saved, so that it can be the best.
      const bool validate = (t.validate_every > 0 ? progress_.step % t.validate_every == 0 : epoch_ended) || !limit_reached().empty();
      if (validate) validate_now();
      if (validate || (t.save_every > 0 && progress_.step % t.save_every == 0)) save();
      if (stop) {
        if (!saved_) save();
        result.end = TrainEnd::kInterrupted;
        result.reason = "interrupted";
        break;
      }
      if (const auto reason = early_end(t, progress_); validate && !reason.empty()) {
        result.reason = reason;
        break;
      }
    }
    if (result.end == TrainEnd::kFinished) {
      if (progress_.validated_step != progress_.step) validate_now();  // of a checkpoint that an interrupt saved
      if (!saved_) save();
      average();
    }
    result.steps = progress_.step;
    result.seconds = progress_.seconds;
    result.best_figure = checkpoints_->best_figure().value_or(0);
    result.best = t.out + "/best";
    result.last = t.out + "/last";
    if (result.end == TrainEnd::kFinished) {
      checkpoints_->finish(result);
      say(fmt::format("done: {} ({} updates, {}); best {} {:.6g}", result.reason, result.steps, duration_text(result.seconds), t.metric,
                      result.best_figure));
    } else {
      say(fmt::format("interrupted after update {}; everything is saved. Go on with: attend train --resume --out {}", result.steps, t.out));
    }
    lock_.reset();
    return result;
  }

 private:
  void say(const std::string& line) {
    log_.say(line);
    if (events_.message) events_.message(line);
  }

  void tell_plan() {
    for (const auto& note : plan_.notes) say("chose " + note);
    if (const auto& r = plan_.corpus; r.blank + r.too_long + r.broken > 0) {
      say(fmt::format("left out {} blank, {} over-long and {} broken lines", r.blank, r.too_long, r.broken));
      for (const auto& example : r.examples) say("  " + example);
    }
    for (const auto& warning : plan_.warnings) say(warning);
  }

  // From here on the folder is ours: locked, with links that say what is so.
  void open_folder() {
    const auto& t = config_.train;
    std::error_code error;
    std::filesystem::create_directories(t.out, error);
    ATTEND_CHECK(!error, kFile, "{}: cannot make the run's folder: {}; choose another --out", t.out, error.message());
    if (!lock_) lock_ = std::make_unique<RunLock>(t.out);
    if (!resumed_) refuse_a_run(t.out);  // another may have been trained here meanwhile
    log_.open(t.out);
    checkpoints_ = std::make_unique<Checkpoints>(t.out, plan_.config, t.keep, larger_is_better(t.metric));
    for (const auto& line : checkpoints_->begin(progress_, resumed_ ? resumed_->damaged : std::vector<Checkpoint>{})) say(line);
    say(fmt::format("{} training examples, {} for validation, vocabularies {} and {}, {:.2f} million parameters, {} thread{}",
                    plan_.examples, plan_.dev_examples, plan_.source_vocabulary, plan_.target_vocabulary,
                    static_cast<double>(plan_.parameters) * 1e-6, at::get_num_threads(), at::get_num_threads() == 1 ? "" : "s"));
    say(fmt::format("best is what has the {} {}{}", larger_is_better(t.metric) ? "largest" : "smallest", t.metric,
                    plan_.validated_as.empty() ? "" : ": " + plan_.validated_as));
  }

  std::string limit_reached() const { return attend::limit_reached(config_.train, progress_.step, batches_->position().epoch, elapsed()); }

  double elapsed() const { return before_ + seconds_since(started_); }

  // What draws: how examples are varied, or the network. Each has draws of its own.
  enum class Drawing : std::uint64_t { kData = 1, kNetwork = 2 };
  std::unique_ptr<Draws> draws_of(const std::vector<std::size_t>& examples, Drawing what) const {
    const auto run = random_key(static_cast<std::uint64_t>(config_.train.seed), {static_cast<std::uint64_t>(what)});
    return std::make_unique<Draws>(run, static_cast<std::uint64_t>(progress_.step),
                                   std::vector<std::uint64_t>(examples.begin(), examples.end()));
  }

  // One update: `accumulate` batches, fewer at an epoch's end, and one step of the optimiser. Everything random in it depends on seed,
  // step and the examples' numbers alone.
  void update() {
    const auto& t = config_.train;
    const auto began = Clock::now();
    ++progress_.step;
    saved_ = false;
    std::vector<std::vector<std::size_t>> parts;
    std::int64_t tokens = 0;
    std::vector<std::unique_ptr<Learner::Batch>> batches;
    const auto epoch = batches_->position().epoch;
    for (std::int64_t i = 0; i < t.accumulate && batches_->position().epoch == epoch; ++i) {
      parts.push_back(batches_->next());
      const auto draws = draws_of(parts.back(), Drawing::kData);
      batches.push_back(learner_->batch(parts.back()));
      tokens += batches.back()->units;
    }
    double nll = 0;
    for (std::size_t i = 0; i < batches.size(); ++i) {
      const auto draws = draws_of(parts[i], Drawing::kNetwork);
      nll += learner_->backward(*batches[i], tokens, progress_.step);
      ATTEND_CHECK(std::isfinite(nll), kData,
                   "update {}: the loss is {}; lower train.rate or set train.clip, and look at these lines of the batch: {}",
                   progress_.step, nll, learner_->places(parts[i]));
    }
    add_entropies(progress_.entropies, learner_->take_entropies());
    progress_.position = batches_->position();
    const double norm = clip_gradients(optimiser_->parameters(), t.clip);
    ATTEND_CHECK(std::isfinite(norm), kData,
                 "update {}: the gradient is {}; lower train.rate or set train.clip, and look at these lines: {}", progress_.step, norm,
                 learner_->places(parts.back()));
    const double rate = progress_.plateau.factor *
                        scheduled_rate(t, progress_.step, config_.model.embedding, t.minutes > 0 ? elapsed() / (60 * t.minutes) : 0);
    optimiser_->step(rate);
    optimiser_->zero_gradients();
    progress_.seconds = elapsed();
    progress_.loss_sum += nll;
    progress_.loss_tokens += tokens;
    progress_.norm_sum += norm;
    ++progress_.loss_updates;
    last_rate_ = rate;
    trained_tokens_ += tokens;
    trained_seconds_ += seconds_since(began);
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
    r.progress = share_done(config_.train, progress_, plan_.batches_per_epoch);
    r.seconds_left = r.progress > 0 ? r.seconds * (1 - r.progress) / r.progress : 0;
    events_.step(r);
    if (window > 10) {  // a rate over the last seconds, not over the whole run
      window_loss_ = 0;
      window_tokens_ = 0;
      rate_started_ = Clock::now();
    }
  }

  Validation evaluate_dev(bool entropy = false) const {
    network_->eval();
    auto validation = learner_->validate();
    if (entropy) validation.attention_entropy = learner_->attention_entropy();
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
    auto validation = evaluate_dev(/*entropy=*/true);
    const double figure = figure_of(validation);
    const auto best = checkpoints_->best_figure();
    const bool better = !progress_.best_figure || checkpoints_->is_better(figure, *progress_.best_figure);
    if (better) {
      progress_.best_figure = figure;
      progress_.without_better = 0;
    } else {
      ++progress_.without_better;
    }
    if (t.schedule == "plateau") progress_.plateau.validated(better, t);
    progress_.validated_step = progress_.step;
    progress_.validated_figure = figure;
    progress_.seconds = elapsed();
    ValidationReport report;
    report.step = progress_.step;
    report.epoch = progress_.position.epoch;
    report.figures = std::move(validation.figures);
    report.train_loss = progress_.loss_tokens > 0 ? progress_.loss_sum / static_cast<double>(progress_.loss_tokens) : 0;
    report.seconds = progress_.seconds;
    report.rate = last_rate_;
    report.gradient_norm = progress_.loss_updates > 0 ? progress_.norm_sum / static_cast<double>(progress_.loss_updates) : 0;
    report.tokens_per_second = trained_seconds_ > 0 ? static_cast<double>(trained_tokens_) / trained_seconds_ : 0;
    report.attention_entropy = validation.attention_entropy;
    report.memory_peak = memory_peak();
    report.metric = t.metric;
    report.figure = figure;
    report.best = better && !saved_ && (!best || checkpoints_->is_better(figure, *best));
    report.samples = std::move(validation.samples);
    checkpoints_->log(report, progress_);
    progress_.loss_sum = progress_.norm_sum = 0;
    progress_.loss_tokens = progress_.loss_updates = 0;
    progress_.entropies.clear();
    trained_tokens_ = 0;
    trained_seconds_ = 0;
    log_.say(validation_text(report));
    if (events_.validated) events_.validated(report);
    if (!validation.message.empty()) say(validation.message);
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
    load_mean(folders, named_weights(*network_));
    const double figure = figure_of(evaluate_dev()), best = checkpoints_->best_figure().value_or(0);
    const bool better = checkpoints_->is_better(figure, best);
    say(fmt::format("average of the {} best checkpoints: {} {:.6g}, best so far {:.6g}{}", folders.size(), t.metric, figure, best,
                    better ? "; kept as best" : ""));
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
  std::optional<ResumePoint> resumed_;
  std::unique_ptr<RunLock> lock_;
  RunLog log_;
  double before_ = 0, window_loss_ = 0, last_rate_ = 0, trained_seconds_ = 0;
  std::int64_t window_tokens_ = 0, trained_tokens_ = 0;
  bool saved_ = false;
};

Trainer::Trainer(Start start, TrainEvents events) : run_(std::make_unique<Run>(std::move(start), std::move(events))) {}
Trainer::~Trainer() = default;
TrainPlan Trainer::plan() const { return run_->plan(); }
TrainResult Trainer::run(const std::atomic<bool>& stop) { return run_->run(stop); }

}  // namespace attend
