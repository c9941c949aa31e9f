#pragma once
// Options of recurrent encoders and decoders, which several models are built from.
#include "attend/models/model_options.h"

namespace attend {

/// Which cell.
struct CellOptions {
  std::string cell;  ///< rnn_tanh, lstm or gru

  CellOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of what reads with a cell.
struct ReadingOptions {
  std::int64_t encoder_hidden;  ///< size of each direction

  ReadingOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of an encoder that may read backwards too.
struct DirectionOptions {
  bool bidirectional;

  DirectionOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of an encoder that reads in two directions.
struct SumOptions {
  bool sum_directions;  ///< they are added, not joined

  SumOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of cells and the maps around them.
struct RecurrentBiasOptions {
  bool recurrent_bias;

  RecurrentBiasOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Size of a state.
struct HiddenOptions {
  std::int64_t hidden;  ///< N, of the decoder, or of a controller

  HiddenOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of a recurrent decoder.
struct RecurrentDecoderOptions {
  std::string timing, readout;  ///< attends before the step or after it; what stands before the output layer
  bool input_feeding, readout_embedding;

  RecurrentDecoderOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of a decoder without attention.
struct FixedContextOptions {
  bool fixed_context;

  FixedContextOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of a decoder that attends before its step.
struct ContextGateOptions {
  bool context_gate;

  ContextGateOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of a decoder with soft_psi.
struct SoftPsiOptions {
  bool psi_replace_query;

  SoftPsiOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of a decoder that may look back at its own outputs (attention/output_attention.h).
struct OutputAttentionOptions {
  bool output_attention;

  OutputAttentionOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

}  // namespace attend
