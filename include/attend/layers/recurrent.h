#pragma once
// Recurrent cells and encoders. What is known of the input before the loop is projected in one matrix product; the loop
// does only what depends on the state.
#include "attend/ops/recurrent.h"
#include "attend/ops/torch.h"

namespace attend {

class Observer;

/// What a cell carries: h [rows, N], and for the LSTM c [rows, N].
struct CellState {
  at::Tensor h, c;
};

/// One recurrent cell: "rnn_tanh" h = tanh(W x + U h₋ + b), "lstm" (Hochreiter & Schmidhuber 1997; gates in PyTorch's order
/// input, forget, cell, output), "gru" in PyTorch's form n = tanh(W x + b_i + r ⊙ (U h₋ + b_h)), h = (1 − z) n + z h₋
/// (Cho et al. 2014 put r inside: U (r ⊙ h₋)). Forget gates start with bias 1.
/// Threads may share it as any Module. Steps serve one thread each.
class RecurrentCell : public Module {
 public:
  RecurrentCell(const std::string& kind, std::int64_t input_size, std::int64_t size, bool bias = true);

  /// W x + b for inputs known before the loop; x [.., k] meets the first k columns of W.
  at::Tensor project(const at::Tensor& x) const;
  CellState zero_state(std::int64_t rows) const;
  bool has_cell_state() const { return kind_ == Kind::kLstm; }
  std::int64_t size() const { return size_; }
  /// The name of that sum: "before tanh", or "gates i f g o before activation".
  const char* before_name() const { return kind_ == Kind::kLstm ? "gates i f g o before activation" : "before tanh"; }

  /// The loop's body, made once a sequence: the last `fed_size` columns of W meet what only the loop knows.
  class Steps {
   public:
    Steps(const RecurrentCell& cell, std::int64_t fed_size);
    /// projected [rows, G·N] from project(), undefined when all input is fed; fed [rows, fed_size], undefined when fed_size is 0.
    /// `before`, when given, receives what goes into the activations [rows, G·N]; it stays undefined in a GRU, which has no such sum.
    CellState operator()(const at::Tensor& projected, const at::Tensor& fed, const CellState& state, at::Tensor* before = nullptr) const;

   private:
    const RecurrentCell& cell_;
    std::optional<StepLinear> joint_, fed_;  // joint: [fed; h] at once; the GRU needs the two apart
  };

 private:
  enum class Kind { kTanh, kLstm, kGru } kind_;
  std::int64_t size_;
  at::Tensor input_weight_, hidden_weight_, bias_, hidden_bias_;  // [G·N, in], [G·N, N], [G·N], [3N] (GRU)
};

/// What an encoder returns: states [B, S, M] (rows beyond the item's length are unspecified) and each direction's last state,
/// last [B, M], last_cell [B, M] (LSTM), first_backward [B, M/2 or 0] = the backward direction's state at position 0.
struct EncodedSequence {
  at::Tensor states, last, last_cell, first_backward;
};

struct RecurrentEncoderOptions {
  std::string cell = "lstm";
  std::int64_t input_size = 0, size = 0, layers = 1;
  bool bidirectional = true, sum_directions = false, bias = true;
  double dropout = 0;  ///< between layers
};

/// Stacked, optionally bidirectional. Padding never enters a state: the backward direction starts at each item's own last token.
/// Threads may share it as any Module.
class RecurrentEncoder : public Module {
 public:
  explicit RecurrentEncoder(const RecurrentEncoderOptions& options);
  /// x [B, S, in], lengths int64 [B], each at least 1. Numbers: encoder.forward.L and encoder.backward.L [B, S, size], before and
  /// after the activation, in the order of the source.
  EncodedSequence operator()(const at::Tensor& x, const at::Tensor& lengths, Observer* observer = nullptr) const;
  std::int64_t output_size() const;

 private:
  RecurrentEncoderOptions options_;
  std::vector<std::shared_ptr<RecurrentCell>> forward_, backward_;
};

}  // namespace attend
