#pragma once
#include "attend/attention/observer.h"

namespace attend {

/// Attention of a decoder to its own earlier outputs, read by the output layer.
/// Formula: u_j = tanh(W_u [E y_j; h̃_j]), γ_t = softmax_{j < t}(h̃_tᵀ W_γ u_j), context Σ_j γ[t, j] u_j, joined to h̃_t before the output
/// layer. The first step has nothing to read: its context is 0. Paper: Paulus, Xiong & Socher 2018, §2.2 (intra-decoder attention). W_u [N,
/// Ne + N], W_γ [N, N]. Cost: B·T²·N. Site output.self: γ [B, 1, T, T] with column j + 1 for u_j, since E y_j is what step j + 1 reads.
/// Threads may share it as any Module. A History serves one thread at a time.
class OutputAttention : public Module {
 public:
  OutputAttention(std::int64_t embedding, std::int64_t size);

  /// What the steps so far have left behind; one row a hypothesis.
  struct History {
    Memory memory;      ///< u_0 ... u_{t−2}
    at::Tensor output;  ///< h̃_{t−1} [rows, N]
    void reorder(const at::Tensor& rows);
  };
  /// All steps: outputs h̃ [B, T, N], vectors E y_{t−1} [B, T, Ne] -> contexts [B, T, N].
  at::Tensor operator()(const at::Tensor& outputs, const at::Tensor& vectors, Observer* observer) const;
  /// One step of every row: h̃_t [rows, N], E y_{t−1} [rows, Ne] -> context [rows, N]; `history` then holds the step.
  at::Tensor step(const at::Tensor& output, const at::Tensor& vector, History& history, Observer* observer) const;
  static const Site& site();

 private:
  at::Tensor joined(const at::Tensor& outputs, const at::Tensor& vectors) const;  // u
  at::Tensor read(const at::Tensor& outputs, const Memory& memory, Observer* observer) const;
  at::Tensor weight_, bias_;
  std::shared_ptr<Mechanism> attention_;
};

}  // namespace attend
