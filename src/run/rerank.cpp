#include "attend/run/rerank.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace attend {
namespace {

enum Feature : std::size_t { kLogProb, kCoverage, kEntropy, kUnknown, kReverse, kLanguageModel, kFeatures };

// weights [T, all tokens of the source], of which `part` are what is attended to.
void add_attention(RerankCandidate& candidate, const WeightMatrix& weights, const SourcePart& part, CoverageTerm kind) {
  std::vector<double> coverage(part.end - part.begin, 0.0);
  double entropy = 0;
  for (std::uint32_t t = 0; t < weights.rows; ++t)
    for (std::uint32_t s = part.begin; s < part.end; ++s) {
      const double w = weights.at(t, s);
      coverage[s - part.begin] += w;
      if (w > 0) entropy -= w * std::log(w);
    }
  candidate.features[kCoverage] = coverage_term(coverage, kind);
  candidate.features[kEntropy] = weights.rows > 0 ? entropy / weights.rows : 0;
}

}  // namespace

std::vector<std::string> rerank_features() { return {"log_prob", "coverage", "entropy", "unknown", "reverse", "language_model"}; }

Reranker::Reranker(const Runner& runner, RerankOptions options, const Runner* reverse, const Runner* language_model)
    : runner_(runner), options_(std::move(options)), reverse_(reverse), language_model_(language_model) {
  ATTEND_CHECK(!language_model || language_model->kind().reads == Matter::kNothing, kValue,
               "rerank: the language model ({}) answers to a source text; give one of task generate", language_model->model().model.type);
}

std::vector<CandidateList> Reranker::candidates(std::span<const std::string> sources) const {
  const auto alpha = options_.search.length_penalty;
  const auto unknown = runner_.writer().target->special().unknown;
  std::vector<CandidateList> lists;
  std::vector<std::string> all_sources, all_texts;
  for (const auto& result :
       runner_.translate(sources, options_.search, {.record = true, .keep = MapKeeping::full(), .stop = options_.stop})) {
    const auto* map = result.record ? result.record->source_map(options_.search.source_layer()) : nullptr;
    auto& list = lists.emplace_back();
    for (std::size_t n = 0; n < result.best.size(); ++n) {
      const auto& found = result.best[n];
      RerankCandidate candidate{found.text, std::vector<double>(kFeatures, 0.0)};
      candidate.features[kLogProb] = found.log_prob / length_penalty(alpha, found.tokens.size());
      candidate.features[kUnknown] = static_cast<double>(std::count(found.tokens.begin(), found.tokens.end(), unknown));
      if (map) add_attention(candidate, result.record->mean_map(*map, n), result.record->part(map->site.columns), options_.coverage);
      all_sources.push_back(sources[lists.size() - 1]);
      all_texts.push_back(found.text);
      list.push_back(std::move(candidate));
    }
  }
  const auto backward = reverse_ ? reverse_->score(all_texts, all_sources) : std::vector<Translated>{};
  const auto fluency = language_model_ ? language_model_->score_texts(all_texts) : std::vector<ScoredText>{};
  std::size_t place = 0;
  for (auto& list : lists) {
    double least = 0;
    for (auto& candidate : list) {
      if (reverse_) least = std::min(least, candidate.features[kReverse] = backward[place].best[0].log_prob);
      if (language_model_)
        candidate.features[kLanguageModel] = fluency[place].log_prob / length_penalty(alpha, fluency[place].tokens.size());
      ++place;
    }
    for (auto& candidate : list)
      if (reverse_ && reverse_->writer().source->encode(candidate.text).empty()) candidate.features[kReverse] = least;
  }
  return lists;
}

double rerank_score(const RerankCandidate& candidate, const RerankWeights& weights) {
  const auto names = rerank_features();
  for (const auto& [name, weight] : weights)
    if (std::find(names.begin(), names.end(), name) == names.end()) fail_unknown_name("rerank feature", name, names);
  double score = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = weights.find(names[i]);
    score += (found != weights.end() ? found->second : i == kLogProb ? 1.0 : 0.0) * candidate.features[i];
  }
  return score;
}

std::vector<std::size_t> rerank(const CandidateList& list, const RerankWeights& weights) {
  std::vector<double> scores;
  for (const auto& candidate : list) scores.push_back(rerank_score(candidate, weights));
  std::vector<std::size_t> order(list.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  return order;
}

RerankWeights tune_weights(std::span<const CandidateList> lists, const RerankWeights& start, std::span<const std::string> tuned,
                           const std::function<double(std::span<const std::string>)>& quality) {
  const auto quality_of = [&](const RerankWeights& weights) {
    std::vector<std::string> texts;
    for (const auto& list : lists) texts.push_back(list.empty() ? "" : list[rerank(list, weights)[0]].text);
    return quality(texts);
  };
  auto best = start;
  double reached = quality_of(best);
  for (double step = 1; step >= 1.0 / 64;) {
    bool moved = false;
    for (const auto& name : tuned)
      for (const double direction : {step, -step}) {
        auto next = best;
        next[name] += direction;
        const double here = quality_of(next);
        if (!(here > reached)) continue;
        best = std::move(next);
        reached = here;
        moved = true;
        break;
      }
    if (!moved) step /= 2;
  }
  return best;
}

}  // namespace attend
