#pragma once
#include "attend/models/seq2seq.h"

namespace attend {

/// Recurrent language model: the decoder's cells and readout without a source. `output_attention` lets it look back at its own earlier
/// outputs. Its source is not read and may be empty. Site: output.self.
std::shared_ptr<Seq2Seq> make_rnn_lm(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary);

}  // namespace attend
