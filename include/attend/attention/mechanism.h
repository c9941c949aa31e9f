#pragma once
// The one face of every attention mechanism, and the registry of them.
//
//   auto mechanism = make_mechanism("additive", {.query_size = 512, .key_size = 256});
//   Memory memory = mechanism->prepare(keys, values, mask);            // once a source
//   Result result = mechanism->attend(query, memory, nullptr, {});     // one step or all of them
//
// Shapes: query [B, H, T, Dq], keys [B, Hk, S, D], values [B, Hk, S, Dv] -> context [B, H, T, Dv]. Query head h reads key
// head h / (H/Hk). Under beam search the T rows of a call are the hypotheses of one step.
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attend/attention/memory.h"
#include "attend/attention/positions.h"
#include "attend/attention/statistics.h"
#include "attend/core/options.h"
#include "attend/ops/torch.h"

namespace attend {

/// What a mechanism with history carries from step to step.
///
/// A call without a state takes its T query rows as the target steps 0, 1, ..., T − 1 (t + S_b − T_b when causal). A call with
/// one takes them as the hypotheses of a single step, the next of those the state has seen. One thread at a time: every step changes it.
class State {
 public:
  virtual ~State() = default;
  /// Query rows are hypotheses, item-major: row r continues from the old row rows[r] (int64 [B'·K']); `beams` is K'.
  virtual void reorder(const at::Tensor& rows, std::int64_t beams) = 0;
};

/// A number on the way from a query to its scores, named as the formula writes it: "q·k", "W q", "tanh(W q + U k + b)", "v".
struct ScorePart {
  enum class Of { kQuery, kKey, kPair, kHead };
  std::string name;
  Of of;
  at::Tensor value;  ///< kQuery [B, H, T, *], kKey [B, H, S, *], kPair [B, H, T, S] or [B, H, T, S, *], kHead [H, *]; H may be 1
};

/// Sizes a mechanism is made with, and the options of its own, which are configuration keys of section `model`.
struct MechanismOptions {
  std::int64_t heads = 1;
  std::int64_t query_size = 0, key_size = 0, value_size = 0;  ///< Dq, D, Dv; value_size 0 = key_size
  std::int64_t output_size = 0;                               ///< of mechanisms that project their context; 0 = query_size
  bool bias = false;                                          ///< b of the additive family, biases of projections
  std::string position = "none";                              ///< relative, relative_bias, rotary or alibi; `positions` of self-attention
  at::Tensor shared_bias;  ///< relative_bias: a table that its owner registers; undefined = one of its own
  OptionSet own;           ///< by the structs that mechanisms declare: `own.of<LocalOptions>().window`

  template <OptionStruct Options>
  Options& of() {
    return own.of<Options>();
  }
  template <OptionStruct Options>
  const Options& of() const {
    return own.of<Options>();
  }
};

/// A way to attend: prepare() once a source, attend() for each step or for all of them. Threads may share one: all its members only read
/// it, and what changes from step to step is in the caller's State. It is trained and changed by one thread alone, as any Module.
class Mechanism : public Module {
 public:
  /// Projects the keys, zero-fills what no query may see. Throws kShape when sizes do not fit.
  virtual Memory prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const = 0;
  virtual Result attend(const at::Tensor& query, const Memory& memory, State* state, const Request& request) const = 0;
  /// The steps inside the score, in the order of the computation, for readers who want to follow it; empty when there are none.
  /// A mechanism that projects its output adds each head's own context as the part "context". Costs about one more attend().
  virtual std::vector<ScorePart> parts(const at::Tensor& query, const Memory& memory) const;
  /// A fresh state for `rows` query rows an item; null for mechanisms without history.
  virtual std::unique_ptr<State> start(const Memory& memory, std::int64_t rows) const;
  /// Size of the last dimension of the context for values of size `value_size`.
  virtual std::int64_t context_size(std::int64_t value_size) const { return value_size; }
  /// Heads of the weights it returns for queries with `heads` heads.
  virtual std::int64_t weight_heads(std::int64_t heads) const { return heads; }
};

/// What an entry promises. The contract suite believes nothing that it can test: a clause is skipped only where the entry says so,
/// and what is said to be unsupported must throw.
struct Capabilities {
  bool equal_sizes = false;     ///< needs Dq = D
  bool projected = false;       ///< returns a projection of Σ w v, not Σ w v itself
  bool position_aware = false;  ///< depends on the order of the keys
  bool stateful = false;        ///< carries a State
  bool wraps = false;           ///< takes another score as `inner`
  bool makes_heads = false;     ///< takes [B, 1, L, N] and cuts it into heads itself
  bool counts_steps = false;    ///< its weights depend on the number of the target step
  bool unnormalised = false;    ///< Σ w ≤ 1 only, unless an option says otherwise
  bool not_causal = false;      ///< refuses a causal mask
  bool ignores_keys = false;    ///< its scores do not read the keys
  bool ignores_query = false;   ///< its queries are parameters, as many as PoolingOptions says
  bool picks = false;           ///< the context is the value of one key, extras "choice", not Σ w v
  bool samples = false;         ///< draws at random in training
  bool rewarded = false;        ///< its draws carry no gradient: training learns them from a reward, by extras "reward_baseline"
  bool repeats_cost = false;    ///< training may add extras "coverage_loss", what is read twice
  bool adds_query = false;      ///< the context holds a map of the query itself
  bool effective = false;       ///< its weights are no normalisation of its scores, but what they amount to
  bool stops = false;           ///< its weights say where it stops; they come from no normaliser and have no lse
  bool reads_previous = false;  ///< its query is [h_{t−1}; h_t; q]
  bool scores_bounded = false;  ///< U8's sharp limit cannot be reached by scaling queries
};

class Score;

struct MechanismEntry {
  std::string_view name, sentence, formula, paper, parameters, cost;
  std::string_view range, score, source;  ///< class labels: global | local | hard; additive | multiplicative | location; ...
  Capabilities capabilities;
  /// Visits the options that it reads, its own and those it shares (core/options.h).
  void (*options)(OptionSet&, OptionVisitor&);
  std::shared_ptr<Mechanism> (*make)(const MechanismOptions&);
  /// The score alone, for mechanisms that take one as `inner`; null for entries that are not score × normaliser.
  std::shared_ptr<Score> (*make_score)(const MechanismOptions&) = nullptr;
  /// Where it is set, for entries that are not chosen as model.attention. Those that attend to nothing that is given have no `make`.
  std::string_view used_by = {};
};

/// All mechanisms, in the order of mechanisms.def.
std::span<const MechanismEntry* const> mechanisms();
std::vector<std::string> mechanism_names();
/// Those that are a score and nothing more, which others can take as `inner`.
std::vector<std::string> score_names();
/// Throws kUnknownName listing the valid names and the nearest.
const MechanismEntry& find_mechanism(std::string_view name);
std::shared_ptr<Mechanism> make_mechanism(std::string_view name, const MechanismOptions& options);

}  // namespace attend
