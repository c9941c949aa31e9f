#pragma once
// Adaptive computation time (Graves 2016): the model decides how many steps it spends on an input before it goes on.
#include <functional>

#include "attend/layers/basic.h"
#include "attend/layers/recurrent.h"

namespace attend {

struct ActOptions {
  double epsilon = 0.01;        ///< a step that brings Σ h to 1 − ε is the last
  std::int64_t max_steps = 10;  ///< M
  double bias = 1;              ///< b_h at the start
};

/// What halting probabilities decide.
struct Halting {
  at::Tensor steps;      ///< N, int64 [..]
  at::Tensor weights;    ///< p [.., M], zero after N
  at::Tensor remainder;  ///< R [..]
  at::Tensor ponder;     ///< ρ = N + R [..]
};

/// How many steps are taken, and what each of them counts, from halting probabilities h [.., M] of M steps.
/// Formula: N = min(M, min{n : Σ_{i≤n} hⁱ ≥ 1 − ε}), pⁿ = hⁿ for n < N, p^N = R = 1 − Σ_{n<N} hⁿ, ρ = N + R; Σ p = 1, 0 < R ≤ 1.
/// Paper: Graves 2016, §2. N counts as constant: ∂ρ/∂hⁿ = −1 for n < N, and h^N has no gradient. What stands after h^N is not
/// read. Throws kShape for M = 0 and kValue unless 0 ≤ ε < 1. Cost: [..]·N.
Halting halt(const at::Tensor& h, double epsilon = 0.01);

/// What pondering over a batch of sequences [B, T] came to; all zero in padding.
struct Pondering {
  at::Tensor steps;      ///< N, int64 [B, T]
  at::Tensor remainder;  ///< R [B, T]
  at::Tensor halting;    ///< p [B, T, M]
  at::Tensor ponder;     ///< Σ_t ρ_t [B]: times τ (1e-4 to 1e-2), a term of the loss
};

struct AdaptiveSequence : Pondering {
  at::Tensor outputs;  ///< h_t = Σ_n pⁿ hⁿ [B, T, N], zero in padding. A linear output of it is Graves's Σ pⁿ yⁿ, because Σ p = 1.
  at::Tensor cells;    ///< c_t = Σ_n pⁿ cⁿ, as outputs (LSTM)
  CellState last;      ///< after each item's last input; an empty item passes its start on
};

/// A recurrent cell that takes as many steps over each input as it finds necessary.
/// Formula: s¹ = cell(s_{t−1}, [x_t; 1]), sⁿ = cell(sⁿ⁻¹, [x_t; 0]), hⁿ = σ(w_h·hidden(sⁿ) + b_h), s_t = Σ_n pⁿ sⁿ with p from halt();
/// of an LSTM both h and c are averaged, and w_h reads h.
/// Paper: Graves 2016, §2. Parameters: cell.*, whose input is one wider (the flag, last), halting.weight [1, N], halting.bias [1].
/// An item's N depends on itself alone: a batch goes on until its slowest item halts, and items that halted no longer change.
/// Cost: max_b N times the cell's, at most M times. Threads may share it as any Module.
class AdaptiveCell : public Module {
 public:
  /// Throws kUnknownName for another cell than RecurrentCell has, kValue unless M ≥ 1 and 0 ≤ ε < 1.
  AdaptiveCell(const std::string& cell, std::int64_t input_size, std::int64_t size, const ActOptions& options = {});
  /// x [B, T, in]; lengths int64 [B], undefined = T: padding neither ponders nor counts, and may hold anything. start: undefined h = zeros.
  /// Throws kShape or kValue when they do not fit.
  AdaptiveSequence operator()(const at::Tensor& x, const at::Tensor& lengths = {}, const CellState& start = {}) const;
  CellState zero_state(std::int64_t rows) const { return cell_->zero_state(rows); }

 private:
  std::int64_t input_size_;
  ActOptions options_;
  std::shared_ptr<RecurrentCell> cell_;
  std::shared_ptr<Linear> halting_;
};

struct AdaptivePositions : Pondering {
  at::Tensor outputs;  ///< Σ_n pⁿ Xⁿ [B, S, N], zero in padding
};

/// A block of a universal Transformer, applied to each position as often as that position finds necessary.
/// Formula: X⁰ = x, Xⁿ = block(Xⁿ⁻¹ + P_pos + P_step(n)), n = 1, 2, ..., both P sinusoidal; hⁿ = σ(w_h·Xⁿ + b_h) position by position,
/// output = Σ_n pⁿ Xⁿ with p from halt(). A position that halted is frozen at X^N, where the others still see it as a key.
/// Paper: Dehghani et al. 2019, §2. combine = "interpolate" is instead the rule of Tensor2Tensor, for models that come from
/// there: h is read from the block's input, output ← pⁿ Xⁿ + (1 − pⁿ) output, positions that halted keep changing, and one that reaches M
/// keeps p^M = h^M and R = 0, so that Σ p < 1.
/// Parameters: halting.weight [1, N], halting.bias [1]; the block's are its owner's. Cost: at most M times the block's.
/// Threads may share it as any Module.
class AdaptiveBlock : public Module {
 public:
  /// [B, S, N] -> [B, S, N]. It hides padding by itself; what it returns there is not read.
  using Block = std::function<at::Tensor(const at::Tensor&)>;

  /// combine: weighted or interpolate. Throws kUnknownName for another, kValue unless M ≥ 1 and 0 ≤ ε < 1.
  explicit AdaptiveBlock(std::int64_t size, const ActOptions& options = {}, const std::string& combine = "weighted");
  /// x [B, S, N], its first position standing at `offset`; lengths int64 [B], undefined = S. Padding enters the block as zeros and the
  /// signals. Throws kShape when x, lengths or what the block returns does not fit.
  AdaptivePositions operator()(const Block& block, const at::Tensor& x, const at::Tensor& lengths = {}, std::int64_t offset = 0) const;

 private:
  ActOptions options_;
  bool interpolate_;
  std::shared_ptr<Linear> halting_;
};

}  // namespace attend
