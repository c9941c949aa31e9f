#pragma once
#include "attend/attention/observer.h"

namespace attend {

/// The output layer of a decoder that may copy words of its source.
/// Formula: g_t = σ(w_c·c_t + w_s·s_t + w_x·x_t + b), P(y) = g_t P_vocab(y) + (1 − g_t) Σ_{s: x_s = y} w[t, s], over the vocabulary and the
/// source's own words. Paper: See, Liu & Manning 2017, eq. 8–9. Parameters w_c [Dv], w_s [N], w_x [Ne], b []. Cost: B·T·(V + S).
/// Threads may share it as any Module.
class PointerGenerator : public Module {
 public:
  PointerGenerator(std::int64_t context, std::int64_t state, std::int64_t embedding);
  /// The switch before σ: contexts c [B, T, Dv], states s [B, T, N], vectors x of the tokens read [B, T, Ne] -> [B, T].
  at::Tensor operator()(const at::Tensor& contexts, const at::Tensor& states, const at::Tensor& vectors) const;

 private:
  at::Tensor context_weight_, state_weight_, vector_weight_, bias_;
};

/// What tokens of a batch of sources are to the target's side.
struct SourceWords {
  at::Tensor ids;        ///< int64 [B, S]: below V a word of the target's vocabulary, from V on one of the item's own outside it
  std::int64_t own = 0;  ///< the most own words of an item
  SourceWords select(const at::Tensor& items) const;
};

struct PointerMixture {
  at::Tensor log_probs;  ///< ln P [B, T, V + own]; −inf for what neither part can say
  at::Tensor p_gen;      ///< g [B, T]
  at::Tensor weights;    ///< what is copied by, [B, T, S]: sums to 1, or is zero where nothing was attended to
};

/// Mixes logits [B, T, V] and weights [B, T, S] ≥ 0 on source words by the switch before σ [B, T], in logarithms. Weights that sum to less
/// than 1 are divided by their sum; a row without weight has g = 1. Throws kShape when sizes do not fit.
/// Same as: log(g softmax(logits) + (1 − g) zeros.scatter_add(words, weights / Σ weights)).
PointerMixture pointer_mixture(const at::Tensor& logits, const at::Tensor& switches, const at::Tensor& weights, const SourceWords& words);

}  // namespace attend
