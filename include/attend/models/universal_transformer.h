#pragma once
#include "attend/models/seq2seq.h"

namespace attend {

/// Transformer whose encoder is one layer, applied to every position as often as that position finds necessary (Dehghani et al. 2019, with
/// adaptive computation time, layers/act.h); the decoder is that of `transformer`. The ponder cost is a loss (train.ponder_weight).
/// Sites: encoder.self, one layer a step; act.steps; decoder.self, decoder.cross.
std::shared_ptr<Seq2Seq> make_universal_transformer(const ModelOptions& options, std::int64_t source_vocabulary,
                                                    std::int64_t target_vocabulary);

}  // namespace attend
