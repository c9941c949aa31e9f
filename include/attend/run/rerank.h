#pragma once
// Second thoughts about an n-best list: more is known of a whole translation than of its beginning.
#include <atomic>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "attend/run/runner.h"
#include "attend/search/penalties.h"

namespace attend {

/// What a hypothesis is judged by, in this order:
///   log_prob        log P(Y | X) / lp(Y), lp = ((5 + |Y|)/6)^α
///   coverage        cp(X; Y) with β = 1 (search/penalties.h)
///   entropy         of the attention in nats, mean over rows
///   unknown         number of <unk>
///   reverse         log P(X | Y) by a model of the other direction; an empty Y has the least of its list
///   language_model  log P(Y) / lp(Y) by a language model
/// Attention to the source is that of the layer in the search's options, mean over heads.
std::vector<std::string> rerank_features();
/// One weight a feature; those not named are 0, log_prob 1.
using RerankWeights = std::map<std::string, double>;

struct RerankOptions {
  SearchOptions search;  ///< finds the list; its length_penalty is α
  CoverageTerm coverage = CoverageTerm::kWu;
  const std::atomic<bool>* stop = nullptr;  ///< ends the search for the list (SearchControl)
};

struct RerankCandidate {
  std::string text;
  std::vector<double> features;  ///< in the order of rerank_features()
};
using CandidateList = std::vector<RerankCandidate>;

/// Finds the n-best lists of sources and counts the features of each hypothesis. Threads may share one as they may the Runners it was
/// given: candidates() only reads. The Runners must outlive it.
class Reranker {
 public:
  /// `reverse` and `language_model` may be null: their features are 0. Throws kValue when the language model reads a source.
  Reranker(const Runner& runner, RerankOptions options, const Runner* reverse = nullptr, const Runner* language_model = nullptr);
  /// The n-best list of every source, in the order of the search.
  std::vector<CandidateList> candidates(std::span<const std::string> sources) const;

 private:
  const Runner& runner_;
  RerankOptions options_;
  const Runner* reverse_;
  const Runner* language_model_;
};

/// Σ weight · feature. Throws kUnknownName for a weight of no feature.
double rerank_score(const RerankCandidate& candidate, const RerankWeights& weights);
/// Places of a list, best first; equal scores keep their order.
std::vector<std::size_t> rerank(const CandidateList& list, const RerankWeights& weights);

/// Coordinate ascent: each of `tuned` in turn is moved up and down by a step, a move that raises `quality` of the best texts is
/// kept, and when none does the step is halved, from 1 to 1/64. Quality never falls below that of `start`.
RerankWeights tune_weights(std::span<const CandidateList> lists, const RerankWeights& start, std::span<const std::string> tuned,
                           const std::function<double(std::span<const std::string> texts)>& quality);

}  // namespace attend
