#include "attend/models/recurrent_options.h"

#include "models/recurrent_decoder.h"

namespace attend {

void CellOptions::visit(OptionVisitor& v) { v(cell, "cell", "lstm", "recurrent cell", one_of({"rnn_tanh", "lstm", "gru"})); }
void ReadingOptions::visit(OptionVisitor& v) {
  v(encoder_hidden, "encoder_hidden", 256, "size of each encoder direction", between(1, 65536));
}
void DirectionOptions::visit(OptionVisitor& v) { v(bidirectional, "bidirectional", true, "read the source in both directions"); }
void SumOptions::visit(OptionVisitor& v) { v(sum_directions, "sum_directions", false, "add the two directions instead of joining them"); }
void RecurrentBiasOptions::visit(OptionVisitor& v) { v(recurrent_bias, "recurrent_bias", true, "biases in cells, bridge and readout"); }
void HiddenOptions::visit(OptionVisitor& v) {
  v(hidden, "hidden", 512, "size of the state of a recurrent decoder, or of a controller", between(1, 65536));
}

void RecurrentDecoderOptions::visit(OptionVisitor& v) {
  v(timing, "timing", "after", "attend with the state before the step (Bahdanau) or after it (Luong)", one_of({"before", "after"}));
  v(input_feeding, "input_feeding", true, "feed the attended state into the next step");
  v(readout, "readout", "tanh", "between state and output layer: tanh, maxout or linear", one_of({"tanh", "maxout", "linear"}));
  v(readout_embedding, "readout_embedding", false, "let the readout see the previous token's vector too");
}

void FixedContextOptions::visit(OptionVisitor& v) {
  v(fixed_context, "fixed_context", false, "with attention none: feed the encoder's last state at every step");
}
void ContextGateOptions::visit(OptionVisitor& v) {
  v(context_gate, "context_gate", false, "timing before: a gate says how much of the context each step takes in");
}
void SoftPsiOptions::visit(OptionVisitor& v) {
  v(psi_replace_query, "psi_replace_query", true, "soft_psi: the next state reads the context");
}
void OutputAttentionOptions::visit(OptionVisitor& v) {
  v(output_attention, "output_attention", false, "let the output layer look back at the decoder's own earlier outputs");
}

RecurrentEncoderOptions recurrent_encoder_options(const ModelOptions& o, std::int64_t input_size) {
  const bool both = o.of<DirectionOptions>().bidirectional;
  return {.cell = o.of<CellOptions>().cell,
          .input_size = input_size,
          .size = o.of<ReadingOptions>().encoder_hidden,
          .layers = o.of<EncoderDepthOptions>().encoder_layers,
          .bidirectional = both,
          .sum_directions = both && o.of<SumOptions>().sum_directions,
          .bias = o.of<RecurrentBiasOptions>().recurrent_bias,
          .dropout = o.dropout};
}

void visit_recurrent_encoder(ModelOptions& o, OptionVisitor& v) {
  visit_options<CellOptions, ReadingOptions, EncoderDepthOptions, DirectionOptions, RecurrentBiasOptions>(o.own, v);
  if (o.of<DirectionOptions>().bidirectional) v.once<SumOptions>(o.own);
}

void visit_recurrent_decoder_alone(ModelOptions& o, OptionVisitor& v) {
  visit_options<CellOptions, HiddenOptions, DecoderDepthOptions, RecurrentBiasOptions, RecurrentDecoderOptions, OutputAttentionOptions,
                TiedOptions>(o.own, v);
}

void visit_recurrent_decoder(ModelOptions& o, OptionVisitor& v) {
  visit_attention(o, v);
  visit_recurrent_decoder_alone(o, v);
  const auto name = attention_of(o);
  if (name == "none") {
    v.once<FixedContextOptions>(o.own);
    return;
  }
  const auto& mechanism = find_mechanism(name);
  mechanism.options(o.own, v);
  if (mechanism.capabilities.reads_previous) v.once<SoftPsiOptions>(o.own);
  if (o.of<RecurrentDecoderOptions>().timing == "before") v.once<ContextGateOptions>(o.own);
}

std::string recurrent_looks_by(const ModelOptions& o) {
  const auto attention = attention_of(o);
  return attention == "none" && o.of<OutputAttentionOptions>().output_attention ? "output_attention" : attention;
}

}  // namespace attend
