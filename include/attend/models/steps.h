#pragma once
// Networks as a search sees them (search/step_model.h).
#include <memory>
#include <span>
#include <vector>

#include "attend/models/seq2seq.h"
#include "attend/search/step_model.h"

namespace attend {

/// A network about to write what it reads: source and lengths as for Seq2Seq::encode, in vocabularies with these special ids. Scores are
/// its logits in float32, normalised by row_logsumexp; no gradients are kept, and
/// what observers see are inference tensors (c10::InferenceMode): clone() what is to be changed or to have gradients. The network must
/// outlive what is returned. It is only read, and should be in eval mode; each object belongs to one thread at a time.
std::unique_ptr<StepModel> steps_of(const Seq2Seq& model, const at::Tensor& source, const at::Tensor& lengths,
                                    const BothSpecialIds& special = {});
/// A language model, or another that reads no source, about to write `texts` texts.
std::unique_ptr<StepModel> steps_without_source(const Seq2Seq& model, std::int64_t texts, const SpecialIds& special = {});

/// Drafts as a second pass reads them, from an item's tokens each, with </s>: ids [B, 1 + D], of which the first is `begin`, and lengths
/// [B] of Seq2Seq::encode_with_draft.
struct Drafts {
  at::Tensor ids, lengths;
};
Drafts pad_drafts(std::span<const std::vector<std::int32_t>> drafts, std::int32_t begin);

}  // namespace attend
