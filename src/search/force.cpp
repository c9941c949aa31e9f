#include <algorithm>

#include "attend/search/finite.h"
#include "attend/search/search.h"
#include "search/steps.h"

namespace attend {
namespace {

using Targets = std::span<const std::vector<std::int32_t>>;

// Writes given targets, whole or step by step.
class Forcing {
 public:
  Forcing(StepModel& model, Targets targets, const SearchControl& control);
  std::vector<SearchResult> run();

 private:
  void take_all(const ForcedScores& forced);
  void go_by_steps();
  void take(std::size_t item, std::size_t step, float log_prob, const ShownRows& shown, std::int64_t row);

  StepModel& model_;
  Targets targets_;
  const SearchControl& control_;
  std::size_t longest_ = 0;
  std::vector<FoundHypothesis> found_;
  std::vector<std::shared_ptr<GrowingRecord>> records_;
};

Forcing::Forcing(StepModel& model, Targets targets, const SearchControl& control)
    : model_(model), targets_(targets), control_(control), found_(targets.size()) {
  ATTEND_CHECK(static_cast<std::size_t>(model.items()) == targets.size(), kValue,
               "score: {} sources and {} targets; give one target a source", model.items(), targets.size());
  for (const auto& target : targets) {
    ATTEND_CHECK(!target.empty(), kValue, "score: a target is empty; end it with </s>");
    longest_ = std::max(longest_, target.size());
  }
}

std::vector<SearchResult> Forcing::run() {
  stop_if_asked(control_);
  model_.start({.steps = static_cast<std::int64_t>(longest_),
                .shown = control_.record ? model_.sites() : std::vector<Site>{},
                .keep = control_.keep});
  for (std::size_t i = 0; i < targets_.size(); ++i) records_.push_back(begin_record(model_, static_cast<std::int64_t>(i), control_));
  if (const auto* forced = model_.force_all(targets_)) {
    take_all(*forced);
    if (control_.record && targets_.size() == 1) records_[0]->add_summaries(model_.take_summaries());
  } else {
    go_by_steps();
  }
  std::vector<SearchResult> results;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    SearchResult result;
    static_cast<SearchTree&>(result) = end_record(records_[i]);
    found_[i].last_node = static_cast<std::int32_t>(targets_[i].size()) - 1;
    found_[i].score = found_[i].log_prob;
    result.best.push_back(std::move(found_[i]));
    results.push_back(std::move(result));
  }
  return results;
}

void Forcing::take_all(const ForcedScores& forced) {
  for (std::size_t step = 0; step < longest_; ++step)
    for (std::size_t item = 0; item < targets_.size(); ++item) {
      if (step >= targets_[item].size()) continue;
      const auto row = item * static_cast<std::size_t>(forced.longest) + step;
      take(item, step, forced.log_probs[row], forced.shown, static_cast<std::int64_t>(row));
    }
}

void Forcing::go_by_steps() {
  std::vector<std::size_t> going(targets_.size());
  std::vector<std::int32_t> parents(going.size()), tokens(going.size(), model_.special().begin);
  for (std::size_t i = 0; i < going.size(); ++i) parents[i] = static_cast<std::int32_t>(going[i] = i);
  for (std::size_t step = 0; !going.empty(); ++step) {
    stop_if_asked(control_);
    const auto scores = model_.step({.beams = 1, .parents = parents, .tokens = tokens});
    parents.clear();
    tokens.clear();
    for (std::size_t row = 0; row < going.size(); ++row) {
      const auto& target = targets_[going[row]];
      const auto own = scores.of_row(static_cast<std::int64_t>(row));
      check_score(scores.normalisers[row], "score", step);
      const auto token = static_cast<std::size_t>(target[step]);
      ATTEND_CHECK(token < own.size(), kValue, "score: token {} is not in the vocabulary of {}", target[step], own.size());
      take(going[row], step, own[token] - scores.normalisers[row], scores.shown, static_cast<std::int64_t>(row));
      if (step + 1 == target.size()) continue;
      parents.push_back(static_cast<std::int32_t>(row));
      tokens.push_back(target[step]);
    }
    std::erase_if(going, [&](std::size_t item) { return step + 1 == targets_[item].size(); });
  }
}

void Forcing::take(std::size_t item, std::size_t step, float log_prob, const ShownRows& shown, std::int64_t row) {
  check_score(log_prob, "score", step);
  auto& found = found_[item];
  found.tokens.push_back(targets_[item][step]);
  found.log_probs.push_back(log_prob);
  found.log_prob += log_prob;
  const bool last = step + 1 == targets_[item].size();
  const KeptNode kept{{static_cast<std::int32_t>(step) - 1, static_cast<std::uint32_t>(step), targets_[item][step], log_prob,
                       static_cast<float>(found.log_prob), last ? NodeEnd::kFinished : NodeEnd::kLive},
                      row};
  records_[item]->add_step({&kept, 1}, control_.record ? shown : ShownRows{}, {});
  if (last) records_[item]->finish();
  tell({.item = static_cast<std::int64_t>(item),
        .step = static_cast<std::int64_t>(step),
        .first_node = step,
        .done = last,
        .record = records_[item]},
       control_);
}

}  // namespace

std::vector<SearchResult> force(StepModel& model, std::span<const std::vector<std::int32_t>> targets, const SearchControl& control) {
  return Forcing(model, targets, control).run();
}

}  // namespace attend
