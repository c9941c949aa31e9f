#pragma once
// Differentiable pieces of recurrent steps, arranged so that a loop over time does only what depends on the state.
#include "attend/ops/torch.h"

namespace attend {

/// A linear map used at every step of a loop: y = x Wᵀ, and what else is added to it in the same pass. Its weight gradient is one matrix
/// product over all steps at the end of the backward pass, instead of one product and one accumulation a step. Steps of few rows share one
/// packed form of the weight, and their backward another (PackedWeight, ops/packed_linear.h).
///
///   StepLinear map(weight);             // once per sequence
///   auto y = map(x);                    // each step; x [rows, in] -> [rows, out]
///
/// Same as: at::linear(x, weight). First derivatives only: a backward pass with create_graph throws kUnsupported. Threads may share one
/// while no gradients are kept. With gradients it serves one thread, backward pass included: its steps write to one list.
class StepLinear {
 public:
  explicit StepLinear(const at::Tensor& weight);  ///< weight [out, in]
  /// x [rows, in]; `addend` [rows, out] or [out] is added, undefined is nothing.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& addend = {}) const;

  struct Tape;  ///< packed weights; inputs and output gradients of the steps, filled by the backward pass

 private:
  at::Tensor weight_, anchor_;
  std::shared_ptr<Tape> tape_;
};

/// The LSTM's pointwise part. gates [rows, 4N] in the order input, forget, cell, output (before activation), cell state
/// c [rows, N]. Returns {h, c'}: c' = σ(f) c + σ(i) tanh(g), h = σ(o) tanh(c'). (Hochreiter & Schmidhuber 1997; PyTorch's order.)
/// First derivatives only, as above.
std::pair<at::Tensor, at::Tensor> lstm_pointwise(const at::Tensor& gates, const at::Tensor& c);

/// The GRU's pointwise part in the PyTorch form: from_input, from_state [rows, 3N] in the order reset, update, new;
/// n = tanh(W x + b_i + r (U h + b_h)), h' = (1 − z) n + z h. (Cho et al. 2014 put r inside U's argument instead.)
/// Throws kUnsupported for second derivatives.
at::Tensor gru_pointwise(const at::Tensor& from_input, const at::Tensor& from_state, const at::Tensor& h);

}  // namespace attend
