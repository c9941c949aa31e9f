#include <algorithm>
#include <cmath>
#include <limits>

#include "attend/search/finite.h"
#include "attend/search/penalties.h"
#include "attend/search/search.h"
#include "search/best_tokens.h"
#include "search/steps.h"

namespace attend {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Live {
  std::int32_t node = -1;  // -1 before the first token
  double log_prob = 0;
  std::vector<double> coverage;  // Σ_t w[t, s], with a coverage penalty
};

struct Candidate {
  std::int32_t parent, token;  // parent: index among the live hypotheses
  double log_prob;             // of the whole hypothesis
  float token_log_prob;
};

// One item's search: its live hypotheses and what it found.
struct BeamItem {
  std::int64_t number = 0, max_length = 1;
  ItemSize size;
  std::vector<std::int32_t> sources;  // with replace_unk: per node
  std::vector<Live> live{Live{}};
  std::vector<std::pair<std::int32_t, std::int32_t>> next;  // of each live hypothesis: row of its parent in the item, token
  std::vector<FoundHypothesis> best;
  std::shared_ptr<GrowingRecord> record;
  bool done = false;
};

class BeamSearch {
 public:
  BeamSearch(StepModel& model, const SearchOptions& options, const SearchControl& control)
      : model_(model), o_(options), control_(control), layer_(options.source_layer()), special_(model.special()) {
    ATTEND_CHECK(options.n_best <= options.beam, kValue, "decode: n_best must be at most the beam, got {} and {}; raise the beam",
                 options.n_best, options.beam);
  }
  std::vector<SearchResult> run();

 private:
  StepPlan plan() const;
  std::int64_t max_length(const ItemSize& size) const;
  void expand(BeamItem& item, std::int64_t first_row, std::int64_t step, const StepScores& scores);
  std::vector<Candidate> best_candidates(const BeamItem& item, std::int64_t first_row, std::int64_t step, const StepScores& scores) const;
  Live followed(BeamItem& item, const Candidate& candidate, std::int64_t row, const ShownRows& shown);
  bool would_go_on(std::span<const float> scores) const;
  void mean_weights(const ShownRows& shown, std::int64_t row, std::int64_t columns);
  void finish(BeamItem& item, const Live& live, bool cut) const;
  bool cannot_improve(const BeamItem& item) const;
  void regroup(std::vector<BeamItem*>& going);

  StepModel& model_;
  const SearchOptions& o_;
  const SearchControl& control_;
  std::optional<std::int64_t> layer_;  // of the attention to the source; null is the last
  SpecialIds special_;
  std::int64_t beams_ = 1;                      // rows of each item
  std::vector<std::int32_t> parents_, tokens_;  // of the next step's rows
  std::vector<float> mean_;                     // of one row's weights over heads, [columns]
};

std::int64_t BeamSearch::max_length(const ItemSize& size) const {
  const auto limit = static_cast<std::int64_t>(o_.max_length_ratio * static_cast<double>(size.source)) + o_.max_length_extra;
  return std::max<std::int64_t>({1, o_.min_length, limit});
}

// What is recorded is shown whole. Otherwise only penalties and replacements read attention, and only that to the source.
StepPlan BeamSearch::plan() const {
  StepPlan plan;
  for (std::int64_t i = 0; i < model_.items(); ++i) plan.steps = std::max(plan.steps, max_length(model_.size_of(i)));
  const auto sites = model_.sites();
  if (o_.coverage_penalty > 0 || o_.replace_unk) {
    const auto source = source_site(sites, layer_);
    const bool coverage = o_.coverage_penalty > 0;
    ATTEND_CHECK(source, kValue, "decode.{} needs a model with attention to the source; set it to {}",
                 coverage ? "coverage_penalty" : "replace_unk", coverage ? "0" : "false");
    // A layer that is applied again and again may end before its last time, and then the last one that there was counts.
    for (const auto& site : sites)
      if (site == *source || (!layer_ && site.role == SiteRole::kSource && site.layers == SiteLayers::kRepeated))
        plan.shown.push_back(site);
  }
  if (control_.record) plan.shown = sites;
  plan.keep = control_.keep;
  return plan;
}

std::vector<SearchResult> BeamSearch::run() {
  const auto needed = plan();
  model_.start(needed);
  std::vector<BeamItem> items(static_cast<std::size_t>(model_.items()));
  std::vector<BeamItem*> going;
  for (auto& item : items) {
    item.number = static_cast<std::int64_t>(going.size());
    item.size = model_.size_of(item.number);
    item.max_length = max_length(item.size);
    item.record = begin_record(model_, item.number, control_);
    parents_.push_back(static_cast<std::int32_t>(item.number));
    tokens_.push_back(special_.begin);
    going.push_back(&item);
  }
  for (std::int64_t step = 0; !going.empty(); ++step) {
    stop_if_asked(control_);
    const auto scores = model_.step({.beams = beams_, .parents = parents_, .tokens = tokens_});
    for (std::size_t b = 0; b < going.size(); ++b) expand(*going[b], static_cast<std::int64_t>(b) * beams_, step, scores);
    regroup(going);
  }
  std::vector<SearchResult> results;
  for (auto& item : items) {
    SearchResult result;
    static_cast<SearchTree&>(result) = end_record(item.record);
    result.best = std::move(item.best);
    results.push_back(std::move(result));
  }
  return results;
}

// The best K continuations of all hypotheses of an item. Its rows begin at first_row.
std::vector<Candidate> BeamSearch::best_candidates(const BeamItem& item, std::int64_t first_row, std::int64_t step,
                                                   const StepScores& scores) const {
  const bool only_end = step + 1 >= item.max_length;
  const AllowedTokens allowed{special_, only_end || step + 1 >= o_.min_length, only_end, o_.allow_unknown || o_.replace_unk};
  const auto keep = static_cast<std::size_t>(o_.beam);
  std::vector<Candidate> candidates;
  std::vector<std::pair<float, std::int32_t>> best;
  for (std::size_t k = 0; k < item.live.size(); ++k) {
    const auto row = first_row + static_cast<std::int64_t>(k);
    const float norm = scores.normalisers[static_cast<std::size_t>(row)];
    check_score(norm, "search", static_cast<std::size_t>(step));
    best_tokens(scores.of_row(row), scores.peaks_of_row(row), keep, allowed, best);
    for (const auto& [score, token] : best)
      candidates.push_back({static_cast<std::int32_t>(k), token, item.live[k].log_prob + static_cast<double>(score) - norm, score - norm});
  }
  std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    if (a.log_prob != b.log_prob) return a.log_prob > b.log_prob;
    return a.parent != b.parent ? a.parent < b.parent : a.token < b.token;
  });
  if (candidates.size() > keep) candidates.resize(keep);
  ATTEND_CHECK(
      !candidates.empty(), kValue,
      "search: step {} has no token of finite score, so nothing can follow; the model's weights are not numbers (did training diverge?)",
      step);
  return candidates;
}

// Continues one item's hypotheses by one token.
void BeamSearch::expand(BeamItem& item, std::int64_t first_row, std::int64_t step, const StepScores& scores) {
  const bool only_end = step + 1 >= item.max_length;
  const auto first_node = item.record->nodes().size();
  std::vector<KeptNode> kept;
  std::vector<Live> next;
  std::vector<std::pair<Live, bool>> finished;  // and whether the limit cut it
  std::vector<bool> continued(item.live.size(), false);
  item.next.clear();
  for (const auto& candidate : best_candidates(item, first_row, step, scores)) {
    const auto parent = static_cast<std::size_t>(candidate.parent);
    const auto row = first_row + candidate.parent;  // that of the parent: what was seen while this token was produced
    const bool ends = candidate.token == special_.end;
    continued[parent] = true;
    auto live = followed(item, candidate, row, scores.shown);
    live.node = static_cast<std::int32_t>(first_node + kept.size());
    kept.push_back({{item.live[parent].node, static_cast<std::uint32_t>(step), candidate.token, candidate.token_log_prob,
                     static_cast<float>(candidate.log_prob), ends ? NodeEnd::kFinished : NodeEnd::kLive},
                    row});
    if (ends) {
      finished.emplace_back(std::move(live), only_end && would_go_on(scores.of_row(row)));
    } else {
      next.push_back(std::move(live));
      item.next.emplace_back(candidate.parent, candidate.token);
    }
  }
  std::vector<std::int32_t> pruned;  // those nothing was kept of
  for (std::size_t k = 0; k < item.live.size(); ++k)
    if (item.live[k].node >= 0 && !continued[k]) pruned.push_back(item.live[k].node);
  item.record->add_step(kept, control_.record ? scores.shown : ShownRows{}, pruned);
  for (const auto& [live, cut] : finished) finish(item, live, cut);
  item.live = std::move(next);
  item.done = item.live.empty() || only_end || cannot_improve(item);
  if (item.done) {
    pruned.clear();
    for (const auto& live : item.live) pruned.push_back(live.node);
    item.record->prune(pruned);
    item.record->finish();
  }
  tell({.item = item.number, .step = step, .first_node = first_node, .done = item.done, .record = item.record}, control_);
}

// A hypothesis after one more token, but for its node: what it has attended to, and the source word that an unknown token stands for.
Live BeamSearch::followed(BeamItem& item, const Candidate& candidate, std::int64_t row, const ShownRows& shown) {
  if (o_.replace_unk) {
    std::int32_t source = -1;
    if (candidate.token == special_.unknown) {
      mean_weights(shown, row, item.size.words);
      source = static_cast<std::int32_t>(std::max_element(mean_.begin(), mean_.end()) - mean_.begin());
    }
    item.sources.push_back(source);
  }
  Live live{-1, candidate.log_prob, item.live[static_cast<std::size_t>(candidate.parent)].coverage};
  if (o_.coverage_penalty > 0) {
    mean_weights(shown, row, item.size.source);
    live.coverage.resize(mean_.size(), 0.0);
    for (std::size_t s = 0; s < mean_.size(); ++s) live.coverage[s] += mean_[s];
  }
  return live;
}

// Whether the model likes some word better than the end.
bool BeamSearch::would_go_on(std::span<const float> scores) const {
  const AllowedTokens words{special_, /*end=*/false, /*only_end=*/false, /*unknown=*/false};
  const auto end = scores[static_cast<std::size_t>(special_.end)];
  for (std::size_t token = 0; token < scores.size(); ++token)
    if (scores[token] > end && words(static_cast<std::int32_t>(token))) return true;
  return false;
}

// The attention of one row to the source, mean over heads -> mean_.
void BeamSearch::mean_weights(const ShownRows& shown, std::int64_t row, std::int64_t columns) {
  const auto* source = source_among(
      shown.sites, [](const SiteRows& rows) -> const Site& { return *rows.site; }, layer_);
  ATTEND_ASSERT(source);
  mean_.assign(static_cast<std::size_t>(columns), 0.0F);
  for (std::int64_t head = 0; head < source->weights.heads; ++head) {
    const auto weights = source->weights.at(row, head, columns);
    for (std::size_t s = 0; s < mean_.size(); ++s) mean_[s] += weights[s];
  }
  for (auto& mean : mean_) mean /= static_cast<float>(source->weights.heads);
}

void BeamSearch::finish(BeamItem& item, const Live& live, bool cut) const {
  const auto& nodes = item.record->nodes();
  FoundHypothesis found;
  found.cut = cut;
  for (auto at = live.node; at >= 0; at = nodes[static_cast<std::size_t>(at)].parent) {
    found.tokens.push_back(nodes[static_cast<std::size_t>(at)].token);
    found.log_probs.push_back(nodes[static_cast<std::size_t>(at)].logp);
    if (o_.replace_unk) found.sources.push_back(item.sources[static_cast<std::size_t>(at)]);
  }
  std::reverse(found.sources.begin(), found.sources.end());
  std::reverse(found.tokens.begin(), found.tokens.end());
  std::reverse(found.log_probs.begin(), found.log_probs.end());
  found.last_node = live.node;
  found.log_prob = live.log_prob;
  found.score = live.log_prob / length_penalty(o_.length_penalty, found.tokens.size()) +
                (o_.coverage_penalty > 0 ? o_.coverage_penalty * coverage_term(live.coverage) : 0);
  auto& best = item.best;
  const auto place = std::upper_bound(best.begin(), best.end(), found.score, [](double s, const auto& other) { return s > other.score; });
  best.insert(place, std::move(found));
  if (best.size() > static_cast<std::size_t>(o_.n_best)) best.pop_back();
}

// The most a live hypothesis can still score: its log-probability only falls, its divisor grows up to max_length, cp ≤ 0.
bool BeamSearch::cannot_improve(const BeamItem& item) const {
  if (item.best.size() < static_cast<std::size_t>(o_.n_best)) return false;
  double bound = -kInfinity;
  for (const auto& live : item.live)
    bound = std::max(bound, live.log_prob / length_penalty(o_.length_penalty, static_cast<std::size_t>(item.max_length)));
  return bound <= item.best.back().score;
}

// Drops finished items and lines the survivors' hypotheses up as rows of the next step.
void BeamSearch::regroup(std::vector<BeamItem*>& going) {
  const auto old_beams = static_cast<std::int32_t>(beams_);
  std::size_t beams = 0;
  for (const auto* item : going)
    if (!item->done) beams = std::max(beams, item->live.size());
  parents_.clear();
  tokens_.clear();
  for (std::size_t b = 0; b < going.size(); ++b) {
    if (going[b]->done) continue;
    const auto& next = going[b]->next;
    for (std::size_t k = 0; k < beams; ++k) {  // an item with fewer hypotheses repeats its first; the copy is never read
      const auto& [parent, token] = next[k < next.size() ? k : 0];
      parents_.push_back(static_cast<std::int32_t>(b) * old_beams + parent);
      tokens_.push_back(token);
    }
  }
  beams_ = static_cast<std::int64_t>(beams);
  std::erase_if(going, [](const BeamItem* item) { return item->done; });
}

}  // namespace

std::vector<SearchResult> search(StepModel& model, const SearchOptions& options, const SearchControl& control) {
  return BeamSearch(model, options, control).run();
}

}  // namespace attend
