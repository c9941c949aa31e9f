#pragma once
// The addressing of a neural Turing machine (Graves, Wayne & Danihelka 2014, §3), and a controller that reads and writes by it.
// A memory M [B, N_m, W] has N_m rows of width W; heads weigh its rows, w [B, H, N_m].
#include "attend/layers/basic.h"
#include "attend/layers/recurrent.h"

namespace attend {

/// By content: w^c = softmax_i(β cos(κ, M_i)), cos(x, y) = x·y / (‖x‖ ‖y‖ + 1e-8). Eq. 5–6.
/// key [B, H, W], strength β [B, H], memory [B, N_m, W] -> [B, H, N_m]. Cost: B·H·N_m·W.
at::Tensor ntm_content(const at::Tensor& key, const at::Tensor& strength, const at::Tensor& memory);

/// Content or where the head was: w^g = g w^c + (1 − g) w_{t−1}. Eq. 7. content, previous [.., N_m], gate [..] -> [.., N_m].
at::Tensor ntm_gate(const at::Tensor& content, const at::Tensor& previous, const at::Tensor& gate);

/// Circular shift: w̃_i = Σ_j w_j ŝ_{i−j}, so that ŝ at +1 moves weight from row j to row j + 1. Eq. 8.
/// weights [.., N_m], shift [.., 2r + 1] over {−r, .., +r} -> [.., N_m]. Throws kShape for an even number. Cost: [..]·N_m·(2r + 1).
at::Tensor ntm_shift(const at::Tensor& weights, const at::Tensor& shift);

/// w_i ∝ w̃_i^γ, as softmax(γ ln(w̃ + 1e-16)): the powers alone underflow to 0/0. Eq. 9. weights [.., N_m], sharpness γ [..] -> [.., N_m].
at::Tensor ntm_sharpen(const at::Tensor& weights, const at::Tensor& sharpness);

/// M_i ← M_i ⊙ (1 − w_i e) + w_i a. Eq. 3–4. memory [B, N_m, W], weights [B, N_m], erase e and add a [B, W] -> [B, N_m, W].
at::Tensor ntm_write(const at::Tensor& memory, const at::Tensor& weights, const at::Tensor& erase, const at::Tensor& add);

/// r = Σ_i w_i M_i. Eq. 2. memory [B, N_m, W], weights [B, H, N_m] -> [B, H, W].
at::Tensor ntm_read(const at::Tensor& memory, const at::Tensor& weights);

/// What a head says about where it goes.
struct NtmAddress {
  at::Tensor key;        ///< κ [B, H, W]
  at::Tensor strength;   ///< β ≥ 0 [B, H]
  at::Tensor gate;       ///< g in 0 to 1 [B, H]
  at::Tensor shift;      ///< ŝ [B, H, 3] over {−1, 0, +1}, Σ ŝ = 1
  at::Tensor sharpness;  ///< γ ≥ 1 [B, H]
};
/// The four in their order: content, gate, shift, sharpen. previous [B, H, N_m], memory [B, N_m, W] -> [B, H, N_m].
at::Tensor ntm_address(const NtmAddress& address, const at::Tensor& previous, const at::Tensor& memory);

struct NtmOptions {
  std::int64_t input_size = 0, size = 0;  ///< of the controller: x and N
  std::string controller = "lstm";        ///< a RecurrentCell, or feed_forward: tanh(W [x_t; r_{t−1}] + b)
  std::int64_t rows = 128, width = 20;    ///< N_m, W
  std::int64_t read_heads = 1, write_heads = 1;
  bool learned_start = false;  ///< w₋₁ a parameter instead of one-hot at row 0
};

/// What is carried from step to step. Heads are in the order they act: write heads, then read heads.
struct NtmState {
  at::Tensor memory;                               ///< M [B, N_m, W]; at the start 1e-6 everywhere (Collier & Beel 2018)
  at::Tensor weights;                              ///< w [B, heads, N_m]
  at::Tensor read;                                 ///< r [B, read heads · W]; at the start 0
  CellState controller;                            ///< h [B, N], for the LSTM c [B, N]
  NtmState select(const at::Tensor& items) const;  ///< the chosen items (int64 [B']), in that order
};

/// The heads of one memory. A step: every write head addresses M_{t−1}, they write in head order, then every read head addresses M_t
/// and reads it.
/// Formula: from the controller's h by one linear map: κ, β = softplus, g = σ, γ = 1 + softplus, ŝ = softmax; of write heads
/// also e = σ and a.
/// Parameters: map.weight [write·(3W + 6) + read·(W + 6), N], map.bias; start [heads, N_m] when learned (w₋₁ is its softmax).
/// Threads may share it as any Module. Steps serve one thread each.
class NtmHeads : public Module {
 public:
  /// Throws kValue unless all sizes and head counts are at least 1.
  explicit NtmHeads(const NtmOptions& options);
  /// M₋₁, w₋₁ and r₋₁ of `batch` items.
  NtmState start(std::int64_t batch) const;
  std::int64_t count() const { return options_.read_heads + options_.write_heads; }

  /// The loop's body, made once a sequence.
  class Steps {
   public:
    explicit Steps(const NtmHeads& heads);
    /// h [B, N]: what the controller says. Its own state is passed on as it is. Cost: B·heads·(N·W + N_m·W).
    NtmState operator()(const at::Tensor& h, const NtmState& state) const;

   private:
    const NtmHeads& heads_;
    StepLinear map_;
  };

 private:
  NtmOptions options_;
  std::shared_ptr<Linear> map_;
  at::Tensor start_;
};

/// A whole sequence through a neural Turing machine; all but the memories zero in padding.
struct NtmSequence {
  at::Tensor outputs;   ///< the controller's h [B, T, N]
  at::Tensor reads;     ///< r [B, T, read heads · W]
  at::Tensor weights;   ///< w [B, heads, T, N_m], write heads before read heads
  at::Tensor memories;  ///< M [B, T, N_m, W] after each step, when asked for
  NtmState last;        ///< after each item's last input; an empty item passes its start on
};

/// A controller with a memory: h_t from [x_t; r_{t−1}], then NtmHeads.
/// Paper: Graves, Wayne & Danihelka 2014. Parameters: controller.*, heads.*.
/// Cost of T steps: T times the controller's and the heads'; memory for training B·T·(N_m·W·write heads + heads·N_m).
/// Threads may share it as any Module. Steps serve one thread each.
class NtmMemory : public Module {
 public:
  /// Throws kUnknownName for another controller, kValue unless all sizes and head counts are at least 1.
  explicit NtmMemory(const NtmOptions& options);
  NtmState start(std::int64_t batch) const;
  /// W x + b for inputs known before the loop: x [.., in] -> [.., *].
  at::Tensor project(const at::Tensor& x) const;

  /// One step, from a projected input [B, *].
  class Steps {
   public:
    explicit Steps(const NtmMemory& memory);
    NtmState operator()(const at::Tensor& projected, const NtmState& state) const;

   private:
    std::optional<RecurrentCell::Steps> cell_;
    std::optional<StepLinear> from_read_;
    NtmHeads::Steps heads_;
  };

  /// x [B, T, in]; lengths int64 [B], undefined = T: in padding nothing moves, and it may hold anything; from: undefined memory = start().
  /// Throws kShape or kValue when they do not fit.
  NtmSequence operator()(const at::Tensor& x, const at::Tensor& lengths = {}, const NtmState& from = {}, bool keep_memories = false) const;

 private:
  std::int64_t read_size() const { return options_.read_heads * options_.width; }

  NtmOptions options_;
  std::shared_ptr<RecurrentCell> cell_;  // or
  std::shared_ptr<Linear> feed_forward_;
  std::shared_ptr<NtmHeads> heads_;
};

}  // namespace attend
