#pragma once
// Beam search over token ids. Greedy search is a beam of one.
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "attend/core/options.h"
#include "attend/models/seq2seq.h"
#include "attend/record/record.h"

namespace attend {

/// Config section `decode`, and the flags of running verbs.
struct SearchOptions {
  std::int64_t beam, n_best, min_length, max_length_extra, rounds;
  double length_penalty, coverage_penalty, max_length_ratio;
  bool allow_unknown, replace_unk;
  std::string layer;                        ///< whose attention to the source counts: last, or a number from 0
  const std::atomic<bool>* stop = nullptr;  ///< looked at before each step: once it is set, the search throws kInterrupted
  SearchOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
  std::optional<std::int64_t> source_layer() const { return parse_layer(layer); }
};

/// A finished hypothesis of a search.
struct FoundHypothesis {
  std::vector<std::int32_t> tokens;   ///< with </s>
  std::vector<float> log_probs;       ///< of each token
  std::vector<std::int32_t> sources;  ///< with replace_unk: the source word each <unk> attends to most, −1 for other tokens
  std::int32_t last_node = -1;
  double log_prob = 0;  ///< natural log, summed over all tokens
  double score = 0;     ///< log_prob / lp + cp, what hypotheses are ranked by
  bool cut = false;     ///< the length limit ended it where the model would have gone on
};

/// What a search over one item found: n-best first to last, and the tree of everything that was kept.
struct SearchResult {
  std::vector<FoundHypothesis> best;
  std::vector<std::int32_t> draft;  ///< what a second pass has read beside the source, with </s>; empty of a first pass
  std::vector<Node> nodes;
  std::vector<AttentionMap> maps;    ///< when recording: every site, layer and head; rows are nodes
  std::vector<NodeScalars> scalars;  ///< when recording: what the mechanism says of each node beside its weights
};

/// Searches for each item of a batch. source int64 [B, S] with </s>, padded; lengths int64 [B].
///
/// A step keeps the best K of all continuations of the live hypotheses. One that ends in </s> counts only if it ranks among
/// those K, and leaves the beam; the rest live on. Length |Y| counts </s>; at max_length = max(ratio·S_b + extra, min_length) only </s> may
/// follow. Final order: log P / lp + cp, lp = ((5 + |Y|)/6)^α, cp = β Σ_s ln min(Σ_t w[t, s], 1) (Wu et al. 2016, eq. 14;
/// sums clamped at 1e-6; weights: the mean over heads of the attention to the source in options.layer). The search of an item
/// ends when no live hypothesis can still enter the n-best. Ties: lower parent, then lower token id.
/// Constraints only remove continuations, so log_prob is the model's own.
std::vector<SearchResult> search(const Seq2Seq& model, const at::Tensor& source, const at::Tensor& lengths, const SearchOptions& options,
                                 bool record);

/// Drafts as a second pass reads them, from an item's tokens each, with </s>: ids [B, 1 + D] and lengths [B] of
/// Seq2Seq::encode_with_draft.
struct Drafts {
  at::Tensor ids, lengths;
};
Drafts pad_drafts(const std::vector<std::vector<std::int32_t>>& drafts);

/// The same by the second pass of a model that revises, reading `drafts`. Scores are ln p₂(y | x, ŷ).
/// Throws kValue for a model without one.
std::vector<SearchResult> revise(const Seq2Seq& model, const at::Tensor& source, const at::Tensor& lengths,
                                 const std::vector<std::vector<std::int32_t>>& drafts, const SearchOptions& options, bool record);

/// Search, then for a model that revises up to options.rounds times what it found as the draft of the next. An item ends when its text
/// repeats, or when ln p₂ has fallen, with what came before the fall. For other models, or no rounds, search alone.
std::vector<SearchResult> search_in_rounds(const Seq2Seq& model, const at::Tensor& source, const at::Tensor& lengths,
                                           const SearchOptions& options, bool record);

/// Forced decoding of given targets by the first pass: targets int64 [B, T] ending in </s> and padded. One hypothesis an item, same shape
/// as `search`.
std::vector<SearchResult> force(const Seq2Seq& model, const at::Tensor& source, const at::Tensor& lengths, const at::Tensor& targets,
                                const at::Tensor& target_lengths, bool record);

}  // namespace attend
