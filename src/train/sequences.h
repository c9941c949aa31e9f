#pragma once
// Sequences that are learned by teacher forcing, whatever their source is.
#include "attend/run/text_batches.h"
#include "train/auxiliary.h"

namespace attend {

/// One padded batch. inputs begin with <s>; targets are the live target tokens, </s> included, in the order of `live`, their rows
/// in [B·T].
struct TrainBatch {
  at::Tensor source, source_lengths;  // what the encoder reads, int64 [B, S] for texts; [B]
  at::Tensor read_lengths;            // int64 [B]: positions that each target may attend to, where B is not that of the source
  at::Tensor inputs, target_lengths;  // int64 [B, T], [B]
  at::Tensor live, targets;           // int64 [n], [n]
  at::Tensor gold;                    // [B, T, S] rows that sum to 1, from the TSV's links; undefined unless asked for
  std::int64_t tokens = 0;            // n
};

PaddedBatch padded(const std::vector<std::vector<std::int64_t>>& sequences);
/// Fills inputs, target_lengths, live, targets and tokens from targets that end in </s>; `begin` is the id of <s>.
void set_targets(TrainBatch& batch, const PaddedBatch& targets, std::int32_t begin);

/// Adds the gradient of (−Σ ln p of the batch's tokens, smoothed, and the losses of `watching`) / tokens; returns −Σ ln p.
/// `watching`, when given, has seen the encoder.
/// The entropies that `watching` has seen are added to `entropies`.
double learn_sequences(const TokenDecoder& network, const Encoded& encoded, const TrainBatch& batch, std::int64_t tokens, double smoothing,
                       AuxiliaryLosses* watching, EntropySums& entropies);

}  // namespace attend
