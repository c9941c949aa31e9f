#include "train/sequences.h"

#include "attend/ops/cross_entropy.h"

namespace attend {

PaddedBatch padded(const std::vector<std::vector<std::int64_t>>& sequences) {
  std::vector<const std::vector<std::int64_t>*> pointers;
  for (const auto& one : sequences) pointers.push_back(&one);
  return pad_batch(pointers);
}

void set_targets(TrainBatch& batch, const PaddedBatch& targets, std::int32_t begin) {
  const auto steps = targets.ids.size(1);
  batch.target_lengths = targets.lengths;
  batch.inputs = at::cat({at::full({targets.ids.size(0), 1}, begin, index_options()), targets.ids.narrow(1, 0, steps - 1)}, 1);  // [B, T]
  batch.live = within_lengths(targets.lengths, steps).flatten().nonzero().squeeze(1);                                            // [n]
  batch.targets = targets.ids.flatten().index_select(0, batch.live);                                                             // [n]
  batch.tokens = batch.targets.size(0);
}

double learn_sequences(const TokenDecoder& network, const Encoded& encoded, const TrainBatch& batch, std::int64_t tokens, double smoothing,
                       AuxiliaryLosses* watching, EntropySums& entropies) {
  const auto states = network.decode(encoded, batch.inputs, batch.target_lengths, watching);  // [B, T, N]
  const auto live = states.flatten(0, 1).index_select(0, batch.live);                         // [n, N]
  const auto entropy = cross_entropy(network.logits(live), batch.targets, smoothing);
  auto loss = entropy.loss;
  AuxiliaryBatch known;
  if (watching) {
    known.target_lengths = batch.target_lengths;
    known.source_lengths = batch.read_lengths.defined() ? batch.read_lengths : batch.source_lengths;
    known.log_probs =
        at::zeros({batch.inputs.numel()}, entropy.rows.options()).index_copy(0, batch.live, entropy.rows).view_as(batch.inputs);  // [B, T]
    known.gold = batch.gold;
    known.units = batch.tokens;
    if (const auto more = watching->loss(known); more.defined()) loss = loss + more;
  }
  (loss / static_cast<double>(tokens)).backward();
  if (watching) {
    watching->move_baselines(known);
    add_entropies(entropies, watching->entropies(known));
  }
  return entropy.nll;
}

}  // namespace attend
