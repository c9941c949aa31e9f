#include "train/learner.h"

#include "attend/core/memory.h"
#include "attend/core/random.h"

namespace attend {

#define TASK(name, learner, metric) std::unique_ptr<Learner> make_##learner##_learner(const Config& config);
#include "train/tasks.def"
#undef TASK

std::vector<std::string> task_names() {
  return {
#define TASK(name, learner, metric) #name,
#include "train/tasks.def"
#undef TASK
  };
}

bool larger_is_better(const std::string& metric) {
  return metric != "loss" && metric != "perplexity" && metric != "bits_per_character" && metric != "wer";
}

std::string default_metric(const std::string& task) {
#define TASK(name, learner, metric) \
  if (task == #name) return metric;
#include "train/tasks.def"
#undef TASK
  fail_unknown_name("task", task, task_names());
}

void Learner::build(Config& config, const GivenValues& given, const std::string& stored) {
  if (!stored.empty()) {
    model_ = read_any_model(stored, [&](ModelOptions& m) {
      m.dropout = config.model.dropout;
      m.mechanism.dropout = config.model.mechanism.dropout;
    });
    config.model = model_.model;
    config.text = model_.text;
    check(config.model);
  } else {
    check(config.model);
    model_.model = config.model;
    model_.text = config.text;
    make_vocabularies(config.text, model_);
    config.text = model_.text;
    at::manual_seed(random_key(static_cast<std::uint64_t>(config.train.seed), {0}));
    const auto size = [](const std::shared_ptr<Tokenizer>& side) { return side ? side->size() : 0; };
    model_.network = make_network(config.model, size(model_.source), size(model_.target));
    const auto parameters = static_cast<std::uint64_t>(parameter_count(*model_.network));
    check_memory(3 * sizeof(float) * parameters,
                 fmt::format("training {} parameters (gradients and the two averages of the optimiser)", parameters));
  }
  begin(config, given);
}

BatchPlan batch_plan(const TrainOptions& o) {
  return {.size = o.batch_size, .by_tokens = o.batch_by == "tokens", .window = o.window, .seed = static_cast<std::uint64_t>(o.seed)};
}

std::unique_ptr<Learner> make_learner(const Config& config) {
#define TASK(name, learner, metric) \
  if (config.task == #name) return make_##learner##_learner(config);
#include "train/tasks.def"
#undef TASK
  fail_unknown_name("task", config.task, task_names());
}

}  // namespace attend
