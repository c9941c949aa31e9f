#pragma once
// Options of models that are small enough to be looked through.
#include "attend/attention/multi_head.h"
#include "attend/models/recurrent_options.h"
#include "attend/models/transformer_options.h"

namespace attend::testing {

inline ModelOptions rnn_options() {
  ModelOptions o;
  o.embedding = 4;
  o.of<ReadingOptions>().encoder_hidden = 3;
  o.of<HiddenOptions>().hidden = 6;
  return o;
}
inline ModelOptions transformer_options() {
  ModelOptions o;
  o.type = "transformer";
  o.attention = "multi_head";
  o.embedding = 8;
  o.of<HeadOptions>().heads = 2;
  o.of<TransformerOptions>().feed_forward = 12;
  o.of<EncoderDepthOptions>().encoder_layers = o.of<DecoderDepthOptions>().decoder_layers = 2;
  o.of<LongestOptions>().longest = 10;
  return o;
}

}  // namespace attend::testing
