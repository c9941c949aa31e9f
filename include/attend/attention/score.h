#pragma once
// A mechanism of the first kind: score × normaliser over the allowed set, as plain tensor compositions. The score says how
// well a key fits a query; everything else (masks, empty rows, statistics, dropout, context) is done here once.
#include "attend/attention/implementations.h"
#include "attend/attention/mechanism.h"
#include "attend/attention/positions.h"
#include "attend/attention/span.h"
#include "attend/ops/additive_steps.h"

namespace attend {

struct FusedAttentionOptions;
struct FusedAttentionOutputs;

/// How scores become weights; every mechanism that normalises scores reads them.
struct WeightOptions {
  std::string normaliser;  ///< softmax, sparsemax, entmax15 or entmax
  double alpha;            ///< of entmax
  double temperature;      ///< softmax: divides the scores

  WeightOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Dropout of the weights, in training.
struct WeightDropoutOptions {
  double dropout;

  WeightDropoutOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of scores that are products: whether a soft cap keeps them small (Gemma Team 2024, Gemma 2, §2).
struct SoftCapOptions {
  double cap;  ///< C of z = C tanh(e / C); 0 = none

  SoftCapOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of mechanisms that take a score: which.
struct InnerScoreOptions {
  std::string score;

  InnerScoreOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};
/// Visits the score's name, then what that score reads.
void visit_inner_score(OptionSet& set, OptionVisitor& v);
/// MechanismEntry::options of a ScoredAttention with `Options` of its own.
template <OptionStruct... Options>
void visit_scored(OptionSet& set, OptionVisitor& v) {
  visit_options<WeightOptions, WeightDropoutOptions, Options...>(set, v);
}
/// The same of one that takes a score.
template <OptionStruct... Options>
void visit_with_inner_score(OptionSet& set, OptionVisitor& v) {
  visit_scored<Options...>(set, v);
  visit_inner_score(set, v);
}

/// All that a kernel needs to know of a score, beside the prepared keys k: e = scale f(q) · k, or e = Σ_d u_d tanh(f(q)_d + k_d), or relu.
struct Factor {
  at::Tensor query;     ///< f(q) [B, H, T, *]
  double scale = 1;     ///< of a product
  at::Tensor energy;    ///< u [H, *], float32 or float64; of the others
  double soft_cap = 0;  ///< C of a product: C tanh(e / C) is the score; 0 = e is
};

/// e[t, s] = score(q_t, k_s). Parameters exist per head: their first dimension is H.
/// Threads may share one as any Module: all its members only read.
class Score : public Module {
 public:
  Score() { stay_wide(); }
  /// Position-wise preparation of the keys, done once a source, never in half precision: [B, Hk, S, D] -> [B, Hk or H, S, *].
  virtual at::Tensor prepare(const at::Tensor& keys) const { return keys; }
  /// query [B, H, T, Dq] (float32 for half precision), prepared keys with the head count of the query [B, H, S, *] -> [B, H, T, S].
  virtual at::Tensor scores(const at::Tensor& query, const at::Tensor& prepared) const = 0;
  /// Keys it has a score for, from the first; those beyond count as hidden.
  virtual std::int64_t reach() const { return std::numeric_limits<std::int64_t>::max(); }
  /// What kernels compute it by; nothing where they do not know it.
  virtual std::optional<kernels::ScoreKind> kind() const { return std::nullopt; }
  /// Of a score with a kind: query as for scores().
  virtual Factor factor(const at::Tensor& /*query*/) const { ATTEND_ASSERT(false); }
  /// What scores() computes on its way, same arguments; empty when there is nothing between.
  virtual std::vector<ScorePart> parts(const at::Tensor& /*query*/, const at::Tensor& /*prepared*/) const { return {}; }
};

/// One call of the fused kernel (ops/fused_attention.h), as a mechanism may change it.
struct FusedCall {
  const AttendCall& call;
  const at::Tensor &query, &keys, &values;  ///< what the kernel reads: f(q) [B, H, T, *], [B, Hk or H, S, *], [B, Hk or H, S, Dv]
  FusedAttentionOptions& options;
  Result& result;  ///< for extras
};

/// A score that is a product with the prepared keys: e = scale f(q) · k, or C tanh(e / C). Threads may share it as any Score.
class ProductScore : public Score {
 public:
  std::optional<kernels::ScoreKind> kind() const override { return kernels::ScoreKind::kProduct; }
  at::Tensor scores(const at::Tensor& query, const at::Tensor& prepared) const override;
};

/// The α of a normaliser by name: softmax 1, sparsemax 2, entmax15 1.5, entmax the option. Throws kUnknownName.
double normaliser_alpha(const MechanismOptions& options);

/// Counts the steps that were taken with it. One thread at a time, as any State.
struct StepState : State {
  std::int64_t step = 0;
  void reorder(const at::Tensor& /*rows*/, std::int64_t /*beams*/) override {}
};

/// One call of a ScoredAttention, as its parts see it.
struct ScoreCall {
  const at::Tensor& query;  // [B, H, T, Dq], zero in empty rows
  const Memory& memory;
  CallSizes sizes;
  State* state;
  const Request& request;
  Span span;
  Hidden hidden;
  const AdditiveSource* source;  // keys and values for the loops of steps; null = tensor operations
  at::Tensor scores;             // [B, H, T, S] once they are known, −inf where hidden (finite on empty rows)
  Result result;

  at::Tensor key_lengths() const;  ///< int64 [B or 1]
  at::Tensor steps() const;        ///< the absolute target step of every row, int64 [B or 1, T]
};

/// Soft attention: a score, what of the source it sees, a normaliser. As it stands, it sees all that is allowed.
/// Threads may share it as any Mechanism. Derived ones keep to that: what a call changes is in its ScoreCall and its State.
class ScoredAttention : public Mechanism {
 public:
  /// A position scheme goes with the score that the name or, of a mechanism that wraps one, InnerScoreOptions says.
  ScoredAttention(std::string name, std::shared_ptr<Score> score, const MechanismOptions& options);
  Memory prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const override;
  /// Asks the implementations in their order (attention/implementations.h).
  Result attend(const at::Tensor& query, const Memory& memory, State* state, const Request& request) const override;
  /// The plain composition: every weight is made. With a source, scores and contexts of its steps are computed by the loops that it has.
  Result attend_plainly(const at::Tensor& query, const Memory& memory, State* state, const Request& request,
                        const AdditiveSource* source = nullptr) const;
  /// Why the fused kernel (ops/fused_attention.h) does not compute a call; empty where it does.
  std::string why_not_fused(const AttendCall& call) const;
  /// Why it computes none whatever; empty where it may.
  std::string why_never_fused(at::ScalarType queries) const;
  /// The same as attend_plainly, by the fused kernel.
  Result attend_fused(const AttendCall& call) const;
  /// What a call sees beside its mask, as data.
  Span span_of(const at::Tensor& query, const Memory& memory, State* state) const;
  std::vector<ScorePart> parts(const at::Tensor& query, const Memory& memory) const override;
  const Score& score() const { return *score_; }
  const std::string& called() const { return name_; }
  const MechanismOptions& options() const { return options_; }
  const WeightOptions& weighing() const { return weighing_; }
  double weight_dropout() const { return weight_dropout_; }
  bool has_positions() const { return positions_ != nullptr; }

 protected:
  /// True for mechanisms whose steps depend on the weights of the steps before: they are called step by step, with a state.
  virtual bool remembers() const { return false; }
  /// Says what a call sees beside its mask, in call.span.
  virtual void look(ScoreCall& /*call*/) const {}
  /// Whether a call is softmax attention in the sight that look() says, so that the fused kernel may compute it. Of others weigh() or mix()
  /// does something else.
  virtual bool fuses() const { return false; }
  /// Of a class that fuses(): why not a call, empty where it does.
  virtual std::string why_not_fused_itself(const AttendCall& /*call*/) const { return {}; }
  /// Whether the fused kernel takes single steps with this state.
  virtual bool fuses_with(const State& state) const { return dynamic_cast<const StepState*>(&state) != nullptr; }
  /// The context and what else was asked for. A mechanism that does not mix values by its weights says here what it does.
  virtual FusedAttentionOutputs mix_fused(FusedCall& call) const;
  /// Scores [B, H, T, S] of a call: query in float32 at least, prepared keys [B, H, S, *].
  virtual at::Tensor energies(ScoreCall& call, const at::Tensor& query, const at::Tensor& keys) const;
  /// Weights [B, H, T, S] from call.scores; says their kind, fills lse and entropy when asked.
  virtual at::Tensor weigh(ScoreCall& call) const { return normalise(call, call.scores); }
  /// The context from the weights that are returned; a mechanism with history also remembers them.
  virtual at::Tensor mix(ScoreCall& call, const at::Tensor& weights) const;

  /// Packs the source for the fused kernel, where scores are additive: a decoder's steps would pack it each anew.
  void pack(Memory& memory) const;

  at::Tensor normalise(ScoreCall& call, const at::Tensor& scores) const;
  /// The context of given mixing vectors [B, H, T, S], dropout included.
  at::Tensor mixed(const ScoreCall& call, const at::Tensor& mixing) const;

 private:
  /// The parts of a call, and what it sees.
  ScoreCall begin(const at::Tensor& query, const Memory& memory, State* state, const Request& request, Hidden hidden) const;
  /// Rows that are taken together: of all masks, those of these rows.
  struct RowMasks {
    Hidden hidden;
    at::Tensor bias;
  };
  Result attend_rows(const at::Tensor& query, const Memory& memory, State* state, const Request& request, RowMasks masks,
                     const AdditiveSource* source) const;

  std::string name_;
  std::shared_ptr<Score> score_;
  MechanismOptions options_;
  WeightOptions weighing_;
  double weight_dropout_;
  std::shared_ptr<Positions> positions_;  // null without a scheme
  double alpha_;
};

/// Throws kValue unless heads, query size and key size are at least 1.
void check_sizes(std::string_view who, const MechanismOptions& options);
/// Throws kShape unless Dq = D.
void check_equal_sizes(std::string_view who, const MechanismOptions& options);

template <class S>
std::shared_ptr<Mechanism> make_scored(std::string_view name, const MechanismOptions& options) {
  check_sizes(name, options);
  return std::make_shared<ScoredAttention>(std::string(name), std::make_shared<S>(options), options);
}

/// The score alone, as MechanismEntry::make_score.
template <class S>
std::shared_ptr<Score> make_score_of(const MechanismOptions& options) {
  return std::make_shared<S>(options);
}
/// The score that InnerScoreOptions names. Throws kValue when `who` cannot take it.
std::shared_ptr<Score> make_inner_score(std::string_view who, const MechanismOptions& options);

/// Also hides what `narrower` (bool, true = hidden, broadcastable to [B, H, T, S] with its last dimension S) does.
void hide(Hidden& hidden, const at::Tensor& narrower);

/// Softmax over the allowed set (undefined = all), the last dimension. A row with nothing allowed gives zeros and zero gradients.
at::Tensor masked_softmax(const at::Tensor& scores, const at::Tensor& allowed);
/// ln Σ exp over the allowed set, −inf on an empty row.
at::Tensor masked_logsumexp(const at::Tensor& scores, const at::Tensor& allowed);
/// float16 and bfloat16 as float32, everything else as it is.
at::Tensor widened(const at::Tensor& x);
/// Throws kValue, naming `who` and `what`, where `x` holds wider numbers than the weights of `part`: a call turns no weights.
void check_format(std::string_view who, const char* what, const at::Tensor& x, const Module& part);

/// Key heads repeated for the query heads that share them: head h reads key head h / (H/Hk). x [B, Hk, S, *] -> [B, H, S, *].
at::Tensor share_heads(const at::Tensor& x, std::int64_t heads);

/// x [B, Hk, T, in] times a weight per head [H, out, in], both of one number format -> [B, H, T, out]. Head h reads x's head h / (H/Hk).
at::Tensor per_head_linear(const at::Tensor& x, const at::Tensor& weight);

/// Uniform in ±√(3/fan_in) (variance 1/fan_in), shape sizes, from torch's generator.
at::Tensor initial_weight(at::IntArrayRef sizes, std::int64_t fan_in);

}  // namespace attend
