#pragma once
#include "attend/models/seq2seq.h"

namespace attend {

/// Transformer language model: the decoder alone, p(y) = Π p(y_t | y_<t) (Vaswani et al. 2017, without the encoder). Its source is
/// not read and may be empty. Site: decoder.self.
std::shared_ptr<Seq2Seq> make_transformer_lm(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary);

}  // namespace attend
