#pragma once
#include "attend/models/seq2seq.h"

namespace attend {

/// Transformer encoder–decoder (Vaswani et al. 2017): layers of multi-head attention and feed-forward parts with residual
/// connections; norm `post` as in the paper or `pre` with one more norm at the end of each stack. `attention` names the score inside the
/// heads. Sites: encoder.self, decoder.self, decoder.cross.
std::shared_ptr<Seq2Seq> make_transformer(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary);

}  // namespace attend
