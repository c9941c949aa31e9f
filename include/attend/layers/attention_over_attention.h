#pragma once
#include "attend/ops/torch.h"

namespace attend {

/// What attention over attention returns. Zero outside the lengths, and everywhere in an item without a document or a query.
struct AttentionOverAttention {
  at::Tensor a;      ///< attention to the document [B, S], Σ a = 1
  at::Tensor log_a;  ///< ln a [B, S], summed in logarithms so that it stays finite where a underflows; −inf where a is zero by contract
  at::Tensor alpha;  ///< each query word over the document [B, S, T], Σ_s α = 1
  at::Tensor beta;   ///< each document word over the query [B, S, T], Σ_t β = 1
  at::Tensor beta_mean;  ///< β̄ [B, T], Σ β̄ = 1
};

/// Attention to a document, averaged over the words of a query by how much the document attends to each of them.
/// Formula: M = d uᵀ, α[:, t] = softmax_s(M[:, t]), β[s, :] = softmax_t(M[s, :]), β̄ = (1/S_b) Σ_s β[s, :], a = α β̄.
/// Paper: Cui et al. 2017, §3. No parameters.
/// Shapes: document d [B, S, N], query u [B, T, N] -> the above; lengths int64 [B], undefined = S and T (in errors: of keys and of
/// queries). Padding may hold anything.
/// Throws kShape and kValue when a shape or a length does not fit. Cost: B·S·T·N; memory 5·B·S·T.
AttentionOverAttention attention_over_attention(const at::Tensor& document, const at::Tensor& query,
                                                const at::Tensor& document_lengths = {}, const at::Tensor& query_lengths = {});

/// ln P(w) of candidate words: all the attention that the document gives to the places where the word stands.
/// Formula: P(w) = Σ_{s: d_s = w} a_s, as logsumexp over ln a_s. Paper: Cui et al. 2017, §3. The loss is −ln P(answer).
/// Shapes: log_a [B, S], document_words int64 [B, S], candidates int64 [B, C] -> [B, C]. Candidates = document_words gives each place its
/// word's value. A word that the document does not hold gets −inf and no gradient: drop such answers in training, count them as wrong
/// in evaluation. Throws kShape when the three do not fit. Cost: B·S·C.
at::Tensor word_log_prob(const at::Tensor& log_a, const at::Tensor& document_words, const at::Tensor& candidates);

}  // namespace attend
