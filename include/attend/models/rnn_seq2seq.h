#pragma once
#include "attend/models/recurrent_options.h"
#include "attend/models/seq2seq.h"

namespace attend {

/// How the encoder's end starts the decoder.
struct BridgeOptions {
  std::string bridge;  ///< zero, copy, linear, mean or backward_first

  BridgeOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of a model that reads what it wrote.
struct ReviseOptions {
  bool revise;  ///< with a second pass

  ReviseOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Recurrent encoder–decoder with any mechanism, or with none: the bottleneck baseline (Sutskever, Vinyals & Le 2014; Cho et al.
/// 2014), which must carry the whole sentence through the bridge.
/// timing before (Bahdanau, Cho & Bengio 2015, A.2): c_t from s_{t−1}, then s_t = cell([E y_{t−1}; c_t], s_{t−1}).
/// timing after (Luong, Pham & Manning 2015, §3): s_t = cell(E y_{t−1}, s_{t−1}), then c_t from s_t.
/// Readout: h̃_t = tanh(W_c [c_t; s_t]) (Luong eq. 5), maxout over pairs (Bahdanau A.2.2), or [c_t; s_t] itself (linear);
/// logits W_o h̃_t + b. Input feeding gives h̃_{t−1} to step t (Luong §3.3).
std::shared_ptr<Seq2Seq> make_rnn_seq2seq(const ModelOptions& options, std::int64_t source_vocabulary, std::int64_t target_vocabulary);

}  // namespace attend
