#pragma once
// What mechanisms with history share: one tensor or more for each hypothesis, carried from step to step.
#include "attend/attention/additive.h"
#include "attend/ops/additive_steps.h"

namespace attend {

/// x [B, H, K, *] as the rows of new hypotheses, item-major (see State::reorder): [B', H, K', *].
at::Tensor reorder_hypotheses(const at::Tensor& x, const at::Tensor& rows, std::int64_t beams);

/// Named tensors [B, H, K, S, *], all of them reordered alike. One thread at a time, as any State.
struct HistoryState final : State {
  std::map<std::string, at::Tensor> kept;
  void reorder(const at::Tensor& rows, std::int64_t beams) override;
};

/// What such a mechanism wants to know of each key beside the key itself, [B, H, S, *] or undefined, and what the loops of its steps read.
struct PerKey final : Prepared {
  PerKey(at::Tensor of_keys, std::shared_ptr<const AdditiveSource> of_steps) : value(std::move(of_keys)), source(std::move(of_steps)) {}
  /// Without a source: it is of all items.
  std::shared_ptr<Prepared> select(const at::Tensor& items) const override {
    return std::make_shared<PerKey>(value.defined() ? value.index_select(0, items) : value, nullptr);
  }
  std::shared_ptr<Prepared> append(const Prepared& later) const override {
    return std::make_shared<PerKey>(value.defined() ? at::cat({value, static_cast<const PerKey&>(later).value}, 2) : value, nullptr);
  }
  at::Tensor value;
  std::shared_ptr<const AdditiveSource> source;
};

/// An additive score with a further term of what was attended to before, Σ_j a[e, j] x[t, s, j] inside the tanh; called step by step, never
/// causal: its history has the source's length. Threads may share it as any Mechanism. What it remembers is in the State.
class AdditiveHistory : public ScoredAttention {
 public:
  AdditiveHistory(const std::string& name, const MechanismOptions& options);
  Memory prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const override;
  /// Why the loops of steps (ops/additive_steps.h) do not compute a call; empty where they do.
  std::string why_not_steps(const AttendCall& call) const;
  /// The same as attend_plainly, with scores and contexts by these loops.
  Result attend_steps(const AttendCall& call) const;

 protected:
  bool remembers() const override { return true; }
  at::Tensor energies(ScoreCall& call, const at::Tensor& query, const at::Tensor& keys) const final;
  /// x [B, H, K, S, F] of the next step, in the format of the scores; `by_loops`: what computes them may have first derivatives alone.
  virtual at::Tensor features(const HistoryState& state, bool by_loops) const = 0;
  /// a [H, E, F].
  virtual const at::Tensor& feature_weight() const = 0;
  /// What it wants to know of each key [B, H, S, *]: `keys` [B, Hk, S, D] as they are given, zero where hidden, in the format of the
  /// scores.
  virtual at::Tensor of_keys(const at::Tensor& /*keys*/) const { return {}; }
  static HistoryState& history(const ScoreCall& call) { return static_cast<HistoryState&>(*call.state); }
  /// Zeros [B, H, rows, S] in the format of the scores.
  at::Tensor nothing_yet(const Memory& memory, std::int64_t rows) const;
  const Additive& additive() const { return static_cast<const Additive&>(score()); }

 private:
  std::shared_ptr<const AdditiveSource> source_of(const Memory& memory) const;
};

}  // namespace attend
