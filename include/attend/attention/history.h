#pragma once
// What mechanisms with history share: one tensor or more for each hypothesis, carried from step to step.
#include "attend/attention/additive.h"

namespace attend {

/// x [B, H, K, *] as the rows of new hypotheses, item-major (see State::reorder): [B', H, K', *].
at::Tensor reorder_hypotheses(const at::Tensor& x, const at::Tensor& rows, std::int64_t beams);

/// Named tensors [B, H, K, S, *], all of them reordered alike. One thread at a time, as any State.
struct HistoryState final : State {
  std::map<std::string, at::Tensor> kept;
  void reorder(const at::Tensor& rows, std::int64_t beams) override;
};

/// What such a mechanism wants to know of each key beside the key itself: [B, H, S, *].
struct PerKey final : Prepared {
  explicit PerKey(at::Tensor of_keys) : value(std::move(of_keys)) {}
  std::shared_ptr<Prepared> select(const at::Tensor& items) const override {
    return std::make_shared<PerKey>(value.index_select(0, items));
  }
  std::shared_ptr<Prepared> append(const Prepared& later) const override {
    return std::make_shared<PerKey>(at::cat({value, static_cast<const PerKey&>(later).value}, 2));
  }
  at::Tensor value;
};

/// An additive score with a further term of what was attended to before; called step by step, never causal: its history has the
/// source's length. Threads may share it as any Mechanism. What it remembers is in the State.
class AdditiveHistory : public ScoredAttention {
 public:
  AdditiveHistory(const std::string& name, const MechanismOptions& options);
  Memory prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const override;

 protected:
  bool remembers() const override { return true; }
  at::Tensor energies(ScoreCall& call, const at::Tensor& query, const at::Tensor& keys) const final;
  /// Adds the term to W q + U k + b [B, H, T, S, E] in place.
  virtual void add_history(const HistoryState& state, at::Tensor& sums) const = 0;
  static HistoryState& history(const ScoreCall& call) { return static_cast<HistoryState&>(*call.state); }
  /// Zeros [B, H, rows, S] in the format of the scores.
  at::Tensor nothing_yet(const Memory& memory, std::int64_t rows) const;
  const Additive& additive() const { return static_cast<const Additive&>(score()); }
};

}  // namespace attend
