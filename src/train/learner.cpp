#include "train/learner.h"

#include <algorithm>
#include <limits>

#include "attend/attention/score.h"
#include "attend/core/memory.h"
#include "attend/core/random.h"

namespace attend {

#define TASK(name, learner, metric) extern const LearnerEntry learner##_learner;
#include "train/tasks.def"
#undef TASK

namespace {

constinit const TaskEntry kTasks[] = {
#define TASK(name, learner, metric) {#name, &learner##_learner, metric},
#include "train/tasks.def"
#undef TASK
};

}  // namespace

const TaskEntry& find_task(std::string_view name) {
  for (const auto& task : kTasks)
    if (task.name == name) return task;
  fail_unknown_name("task", name, task_names());
}

std::vector<std::string> task_names() {
  std::vector<std::string> names;
  for (const auto& task : kTasks) names.emplace_back(task.name);
  return names;
}

bool larger_is_better(const std::string& metric) { return find_metric(metric).larger_is_better; }

MetricList validated_metrics(MetricNeeds has, const std::string& chosen) {
  auto wanted = usual_metrics(has, MetricPlace::kTraining);
  const auto& metric = find_metric(chosen);
  if (std::find(wanted.begin(), wanted.end(), &metric) == wanted.end()) wanted.push_back(&metric);
  return wanted;
}

Figures figures_of(const MetricFigures& counted) {
  Figures figures;
  for (const auto& [metric, value, text] : counted)
    figures.emplace_back(metric->name, value.value_or(metric->larger_is_better ? 0 : std::numeric_limits<double>::infinity()));
  std::stable_partition(figures.begin(), figures.end(), [](const auto& figure) { return figure.first == "loss"; });
  return figures;
}

void Learner::build(Config& config, const GivenValues& given, const std::string& stored) {
  if (!stored.empty()) {
    model_ = read_any_model(stored, [&](ModelOptions& m) {
      m.dropout = config.model.dropout;
      m.of<WeightDropoutOptions>().dropout = config.model.of<WeightDropoutOptions>().dropout;
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
    model_.network = make_network(config.model, model_.source.get(), model_.target.get());
    const auto parameters = static_cast<std::uint64_t>(parameter_count(*model_.network));
    check_memory(3 * sizeof(float) * parameters,
                 fmt::format("training {} parameters (gradients and the two averages of the optimiser)", parameters));
  }
  begin(config, given);
  check_entropy_sites(config.train.of<EntropyLossOptions>(), dynamic_cast<const Network&>(*model_.network).sites());
}

BatchPlan batch_plan(const TrainOptions& o) {
  return {.size = o.batch_size, .by_tokens = o.batch_by == "tokens", .window = o.window, .seed = static_cast<std::uint64_t>(o.seed)};
}

}  // namespace attend
