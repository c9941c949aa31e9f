#pragma once
#include "attend/models/answerer.h"

namespace attend {

/// Classes of a text: an encoder (`encoder`: recurrent, transformer, universal or adaptive), pooling (`pooling`), one linear layer.
/// With `whole` the line is one input, x = Σ_s E[s, w_s]: every place s has token vectors of its own, up to `longest` places.
/// Reads Questions::text. Papers: Yang et al. 2016 (attention pooling), Graves 2016 (adaptive), Dehghani et al. 2019 (universal).
/// Sites: encoder.self, pool, act.steps.
std::shared_ptr<Answerer> make_encoder_classifier(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t answers);

}  // namespace attend
