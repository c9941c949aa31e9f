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
#include "attend/attention/projections.h"
#include "attend/attention/statistics.h"
#include "attend/core/options.h"
#include "attend/ops/torch.h"

namespace attend {

/// What a mechanism with history carries from step to step.
///
/// A call without a state takes its T query rows as the target steps 0, 1, ..., T − 1 (t + S_b − T_b when causal). A call with
/// one takes them as the hypotheses of a single step, the next of those the state has seen.
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

/// Sizes a mechanism is made with, and its settings, which are configuration keys of section `model`.
struct MechanismOptions {
  std::int64_t heads = 1;
  std::int64_t query_size = 0, key_size = 0, value_size = 0;  ///< Dq, D, Dv; value_size 0 = key_size
  std::int64_t output_size = 0;                               ///< of mechanisms that project their context; 0 = query_size
  bool bias = false;                                          ///< b of the additive family, biases of projections
  at::Tensor shared_bias;  ///< relative_bias: a table that its owner registers; undefined = one of its own

  std::string inner = "scaled_dot";                         ///< `score`: of mechanisms that take one
  std::string scaling = "auto";                             ///< `score_scaling`: dot, general: none or root; auto: the model's choice
  double scale = 0;                                         ///< `score_scale`: scaled_dot: what multiplies products; 0 = 1/√D
  std::string head_attention;                               ///< multi_head: what runs inside each head; empty: the score alone
  std::vector<std::string> head_scores;                     ///< multi_head: a score for each head in place of one for all
  std::int64_t key_heads = 0;                               ///< grouped_query: Hk; 0 = half of the heads, or 1
  std::int64_t energy_size = 0;                             ///< `energy`: E of the additive family; 0 = key_size
  bool normed = false;                                      ///< additive: g v/‖v‖ instead of v
  bool concat_plain_source = false;                         ///< concat: vᵀ tanh(W q + k)
  double dropout = 0;                                       ///< `attention_dropout`: of the weights, in training
  std::string normaliser = "softmax";                       ///< softmax, sparsemax, entmax15 or entmax
  double alpha = 1.5;                                       ///< `entmax_alpha`
  double temperature = 1;                                   ///< softmax: divides the scores
  std::int64_t window = 10;                                 ///< local_*: keys on each side of the centre, R
  std::string centre = "default";                           ///< local_m: step or scaled; local_p: paper or inside
  bool clamp = true;                                        ///< local_m: no centre beyond the source's end
  bool renormalise = false;                                 ///< local_p: the Gaussian enters the scores, Σ w = 1
  std::string local_cell = "gru", local_inner = "softmax";  ///< local_rnn: its cell; softmax or raw
  std::int64_t local_size = 64;                             ///< local_rnn: N_r
  bool local_whole = true;                                  ///< local_rnn: R = ∞ in place of the window
  std::int64_t location_size = 512;                         ///< location: S_max, keys that have a weight
  std::string location_overflow = "zero";                   ///< location: keys beyond S_max get weight zero, or error
  std::string hard_test = "argmax";                         ///< hard family outside training: argmax, soft or sample
  double hard_soft_share = 0.5;                             ///< hard: share of training examples that are attended softly
  double gumbel_temperature = 1;                            ///< gumbel, gumbel_st
  std::string coverage = "sum";                             ///< coverage: sum, fertility or gru
  std::int64_t coverage_size = 10;                          ///< coverage gru: d
  std::string location_input = "previous";                  ///< location_sensitive: previous, cumulative or both
  std::int64_t location_filters = 10, location_width = 11;  ///< location_sensitive: n_f and the odd r
  double sharpening = 1;                                    ///< location_sensitive: multiplies the scores
  bool smoothing = false;                                   ///< location_sensitive: σ(e)/Σ σ(e)
  std::string position = "none";                            ///< relative, relative_bias, rotary or alibi; `positions` of self-attention
  std::int64_t position_reach = 16;                         ///< relative: R
  std::string rotary_pairs = "adjacent";                    ///< rotary: adjacent (2i, 2i+1) or halves (i, i + D/2)
  PositionOptions position_options;
  ProjectionOptions projections;
  std::int64_t pooling_rows = 1;  ///< attention_pooling: r
  std::int64_t knn_keys = 8;      ///< knn: K

  void visit(OptionVisitor& v);
};

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
  bool ignores_query = false;   ///< its queries are parameters, as many as options.pooling_rows
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
