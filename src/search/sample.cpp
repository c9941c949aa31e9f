#include "attend/search/sample.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "attend/core/random.h"
#include "attend/search/finite.h"
#include "search/best_tokens.h"
#include "search/steps.h"

namespace attend {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// One text while it is drawn.
struct DrawnText {
  std::int64_t item = 0;
  std::size_t number = 0;
  std::span<const std::int32_t> prompt;
  FoundHypothesis found;
  std::shared_ptr<GrowingRecord> record;
  bool done = false;
};

// Hides the tokens that would complete an n-gram which the text already holds.
void hide_repeats(const std::vector<std::int32_t>& tokens, std::int64_t n, std::span<float> scores) {
  if (n <= 0 || static_cast<std::int64_t>(tokens.size()) < n) return;
  const auto length = static_cast<std::ptrdiff_t>(n) - 1;
  const auto tail = tokens.end() - length;
  for (auto at = tokens.begin(); at + length < tokens.end(); ++at)
    if (std::equal(at, at + length, tail)) scores[static_cast<std::size_t>(at[length])] = kNever;
}

std::int32_t drawn(const std::vector<std::pair<std::int32_t, double>>& choices, double u) {
  double below = 0;
  for (const auto& [token, p] : choices)
    if ((below += p) > u) return token;
  return choices.back().first;
}

// Draws the texts of all items, a token of each at a time; finished ones leave.
class Sampler {
 public:
  Sampler(StepModel& model, const Prompts& prompts, const SampleOptions& options, const SearchControl& control);
  std::vector<SearchResult> run();

 private:
  void step();
  std::int32_t choose(const DrawnText& text, std::span<const float> scores);
  void take(DrawnText& text, std::int32_t token, float log_prob, const ShownRows& shown, std::int64_t row);

  StepModel& model_;
  const SampleOptions& o_;
  const SearchControl& control_;
  SpecialIds special_;
  std::vector<DrawnText> texts_;
  std::vector<DrawnText*> going_;
  std::vector<std::int32_t> parents_, tokens_;  // of the next step's rows
  std::vector<float> scores_;                   // [V], of one row, without what may not follow
  std::size_t step_ = 0;                        // tokens that every text has which still grows
};

Sampler::Sampler(StepModel& model, const Prompts& prompts, const SampleOptions& options, const SearchControl& control)
    : model_(model), o_(options), control_(control), special_(model.special()), texts_(prompts.tokens.size()) {
  ATTEND_CHECK(static_cast<std::size_t>(model.items()) == prompts.tokens.size(), kValue,
               "sample: {} sources and {} prompts; give one prompt a source", model.items(), prompts.tokens.size());
  std::size_t longest = 0;
  for (const auto& prompt : prompts.tokens) longest = std::max(longest, prompt.size());
  model_.start({.steps = static_cast<std::int64_t>(longest) + o_.max_tokens,
                .shown = control.record ? model_.sites() : std::vector<Site>{},
                .keep = control.keep});
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    auto& text = texts_[i];
    text.item = static_cast<std::int64_t>(i);
    text.number = prompts.first + i;
    text.prompt = prompts.tokens[i];
    text.record = begin_record(model_, text.item, control_);
    going_.push_back(&text);
    parents_.push_back(static_cast<std::int32_t>(i));
    tokens_.push_back(special_.begin);
  }
}

std::vector<SearchResult> Sampler::run() {
  for (; !going_.empty(); ++step_) {
    stop_if_asked(control_);
    step();
  }
  std::vector<SearchResult> results;
  for (auto& text : texts_) {
    SearchResult result;
    static_cast<SearchTree&>(result) = end_record(text.record);
    text.found.last_node = static_cast<std::int32_t>(text.found.tokens.size()) - 1;
    text.found.score = text.found.log_prob;
    result.best.push_back(std::move(text.found));
    results.push_back(std::move(result));
  }
  return results;
}

void Sampler::step() {
  const auto scores = model_.step({.beams = 1, .parents = parents_, .tokens = tokens_});
  parents_.clear();
  tokens_.clear();
  for (std::size_t row = 0; row < going_.size(); ++row) {
    auto& text = *going_[row];
    const auto own = scores.of_row(static_cast<std::int64_t>(row));
    check_score(scores.normalisers[row], "sample", step_);
    const bool given = step_ < text.prompt.size();
    ATTEND_CHECK(!given || static_cast<std::size_t>(text.prompt[step_]) < own.size(), kValue,
                 "sample: token {} of a prompt is not in the vocabulary of {}", given ? text.prompt[step_] : 0, own.size());
    const auto token = given ? text.prompt[step_] : choose(text, own);
    take(text, token, own[static_cast<std::size_t>(token)] - scores.normalisers[row], scores.shown, static_cast<std::int64_t>(row));
    if (text.done) continue;
    parents_.push_back(static_cast<std::int32_t>(row));
    tokens_.push_back(token);
  }
  std::erase_if(going_, [](const DrawnText* text) { return text->done; });
}

std::int32_t Sampler::choose(const DrawnText& text, std::span<const float> scores) {
  scores_.assign(scores.begin(), scores.end());
  const AllowedTokens allowed{special_};  // a vocabulary may pad or begin with the </s> that ends its texts
  for (const auto id : {special_.unknown, special_.pad, special_.begin})
    if (!allowed(id)) scores_[static_cast<std::size_t>(id)] = kNever;
  hide_repeats(text.found.tokens, o_.no_repeat_ngram, scores_);
  RandomStream random(random_key(static_cast<std::uint64_t>(o_.seed), {text.number, step_}));
  return drawn(candidates(scores_, o_), random.uniform());
}

void Sampler::take(DrawnText& text, std::int32_t token, float log_prob, const ShownRows& shown, std::int64_t row) {
  check_score(log_prob, "sample", step_);
  auto& found = text.found;
  found.tokens.push_back(token);
  found.log_probs.push_back(log_prob);
  found.log_prob += log_prob;
  const bool drawn_all = step_ + 1 >= text.prompt.size() + static_cast<std::size_t>(o_.max_tokens);
  text.done = drawn_all || (token == special_.end && !o_.past_end && step_ >= text.prompt.size());
  const KeptNode kept{{static_cast<std::int32_t>(step_) - 1, static_cast<std::uint32_t>(step_), token, log_prob,
                       static_cast<float>(found.log_prob), text.done ? NodeEnd::kFinished : NodeEnd::kLive},
                      row};
  text.record->add_step({&kept, 1}, control_.record ? shown : ShownRows{}, {});
  if (text.done) text.record->finish();
  tell({.item = text.item, .step = static_cast<std::int64_t>(step_), .first_node = step_, .done = text.done, .record = text.record},
       control_);
}

}  // namespace

std::vector<std::pair<std::int32_t, double>> candidates(std::span<const float> scores, const SampleOptions& o) {
  std::vector<std::int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const auto score = [&](std::int32_t id) { return scores[static_cast<std::size_t>(id)]; };
  std::erase_if(order, [&](std::int32_t id) { return !(score(id) > kNever); });
  ATTEND_CHECK(!order.empty(), kValue, "sample: no token may follow; loosen the constraints, or the model's weights are not numbers");
  const auto better = [&](std::int32_t a, std::int32_t b) { return score(a) != score(b) ? score(a) > score(b) : a < b; };
  auto keep = order.size();
  if (o.temperature == 0) keep = 1;
  if (o.top_k > 0) keep = std::min(keep, static_cast<std::size_t>(o.top_k));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(keep), order.end(), better);
  order.resize(keep);
  std::vector<std::pair<std::int32_t, double>> choices;
  const double temperature = o.temperature == 0 ? 1 : o.temperature, top = score(order.front());
  double sum = 0;
  for (const auto id : order) {
    choices.emplace_back(id, std::exp((score(id) - top) / temperature));
    sum += choices.back().second;
  }
  double mass = 0;
  std::size_t kept = 0;
  while (kept < choices.size() && (kept == 0 || mass < o.top_p * sum)) mass += choices[kept++].second;
  choices.resize(kept);
  for (auto& [id, p] : choices) p /= mass;
  return choices;
}

std::vector<SearchResult> sample(StepModel& model, const Prompts& prompts, const SampleOptions& options, const SearchControl& control) {
  return Sampler(model, prompts, options, control).run();
}

}  // namespace attend
