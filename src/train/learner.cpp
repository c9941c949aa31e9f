#include "train/learner.h"

#include <algorithm>

namespace attend {

#define TASK(name, learner, metric, sentence) std::unique_ptr<Learner> make_##learner##_learner(const Config& config);
#include "train/tasks.def"
#undef TASK

std::vector<std::string> task_names() {
  return {
#define TASK(name, learner, metric, sentence) #name,
#include "train/tasks.def"
#undef TASK
  };
}

bool larger_is_better(const std::string& metric) {
  static const std::vector<std::string> kErrors{"loss", "perplexity", "bits_per_character", "wer",
                                                "per",  "cer",        "error_rate",         "bit_errors"};
  return std::find(kErrors.begin(), kErrors.end(), metric) == kErrors.end();
}

std::string default_metric(const std::string& task) {
#define TASK(name, learner, metric, sentence) \
  if (task == #name) return metric;
#include "train/tasks.def"
#undef TASK
  fail_unknown_name("task", task, task_names());
}

std::unique_ptr<Learner> make_learner(const Config& config) {
#define TASK(name, learner, metric, sentence) \
  if (config.task == #name) return make_##learner##_learner(config);
#include "train/tasks.def"
#undef TASK
  fail_unknown_name("task", config.task, task_names());
}

}  // namespace attend
