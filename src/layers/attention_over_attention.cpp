#include "attend/layers/attention_over_attention.h"

#include "attend/attention/mask.h"
#include "attend/attention/score.h"

namespace attend {

AttentionOverAttention attention_over_attention(const at::Tensor& document, const at::Tensor& query, const at::Tensor& document_lengths,
                                                const at::Tensor& query_lengths) {
  constexpr const char* kWho = "attention_over_attention";
  ATTEND_CHECK(document.dim() == 3 && query.dim() == 3 && document.size(0) == query.size(0) && document.size(2) == query.size(2), kShape,
               "{}: document and query must be [B, S, N] and [B, T, N], got {} and {}", kWho, shape_text(document), shape_text(query));
  const auto batch = document.size(0), places = document.size(1), asked = query.size(1);
  const Mask mask{.key_lengths = document_lengths, .query_lengths = query_lengths};
  at::Tensor by_query = allowed_set(mask, {batch, 1, asked, places}, kWho), by_document;  // bool [B, T, S], [B, S, T]; undefined = all
  auto d = document, u = query;
  if (by_query.defined()) {
    by_query = by_query.squeeze(1).expand({batch, asked, places});                // [B, T, S]
    by_document = by_query.mT();                                                  // [B, S, T]
    d = d.masked_fill(by_document.any(-1, /*keepdim=*/true).logical_not(), 0.0);  // [B, S, N]
    u = u.masked_fill(by_query.any(-1, /*keepdim=*/true).logical_not(), 0.0);     // [B, T, N]
  }
  const auto scores = at::matmul(d, u.mT());  // [B, S, T]
  const auto count = (document_lengths.defined() ? document_lengths : at::full({batch}, places, index_options()))
                         .clamp_min(1)
                         .to(scores.scalar_type())
                         .unsqueeze(1);  // S_b [B, 1]
  AttentionOverAttention out;
  out.alpha = masked_softmax(scores.mT(), by_query).mT();                // [B, S, T]
  out.beta = masked_softmax(scores, by_document);                        // [B, S, T]
  out.beta_mean = out.beta.sum(1) / count;                               // [B, T]
  out.a = at::matmul(out.alpha, out.beta_mean.unsqueeze(2)).squeeze(2);  // [B, S]

  // The same in logarithms. Cells outside the lengths hold ±inf or NaN on the way and are masked at every sum.
  const auto log_alpha = scores - masked_logsumexp(scores.mT(), by_query).unsqueeze(1);  // [B, S, T]
  const auto log_beta = scores - masked_logsumexp(scores, by_document).unsqueeze(2);     // [B, S, T]
  const auto log_beta_mean = masked_logsumexp(log_beta.mT(), by_query) - count.log();    // [B, T]
  out.log_a = masked_logsumexp(log_alpha + log_beta_mean.unsqueeze(1), by_document);     // [B, S]
  return out;
}

at::Tensor word_log_prob(const at::Tensor& log_a, const at::Tensor& document_words, const at::Tensor& candidates) {
  const bool fits =
      log_a.dim() == 2 && document_words.sizes() == log_a.sizes() && candidates.dim() == 2 && candidates.size(0) == log_a.size(0);
  ATTEND_CHECK(fits, kShape, "word_log_prob: log_a, document_words and candidates must be [B, S], [B, S] and [B, C], got {}, {} and {}",
               shape_text(log_a), shape_text(document_words), shape_text(candidates));
  const auto stands = candidates.unsqueeze(2).eq(document_words.unsqueeze(1));  // [B, C, S]; padding adds exp(−inf) whatever its id
  return masked_logsumexp(log_a.unsqueeze(1).expand(stands.sizes()), stands);   // [B, C]
}

}  // namespace attend
