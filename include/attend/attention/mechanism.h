#pragma once
// The one face of every attention mechanism, and the registry of them.
//
//   auto mechanism = make_mechanism("additive", {.query_size = 512, .key_size = 256});
//   Memory memory = mechanism->prepare(keys, values, mask);            // once a source
//   Result result = mechanism->attend(query, memory, nullptr, {});     // one step or all of them
//
// Shapes: query [B, H, T, Dq], keys [B, Hk, S, D], values [B, Hk, S, Dv] -> context [B, H, T, Dv]. Query head h reads key
// head h / (H/Hk). Under beam search the T rows of a call are the hypotheses of one step.
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attend/attention/mask.h"
#include "attend/ops/torch.h"

namespace attend {

/// A source made ready for any number of queries: keys projected once, hidden positions zeroed, the mask kept beside them.
/// Prepared keys belong to one position each, so memories of the same mechanism can be joined along S (decoder caches).
struct Memory {
  at::Tensor keys;    ///< prepared, [B, Hk, S, *]
  at::Tensor values;  ///< [B, Hk, S, Dv]
  Mask mask;
  at::Tensor visible;            ///< bool [B, S], undefined = all
  std::optional<Hidden> hidden;  ///< of `mask`, worked out once where it is the same for every query
  Memory select(const at::Tensor& items) const;  ///< the chosen items (int64 [B']), in that order
};

/// What a mechanism with history carries from step to step.
class State {
 public:
  virtual ~State() = default;
  /// Query rows are hypotheses, item-major: row r continues from the old row rows[r] (int64 [B'·K']); `beams` is K'.
  virtual void reorder(const at::Tensor& rows, std::int64_t beams) = 0;
};

/// Which numbers a call should return beside the context. What is not asked for costs nothing.
struct Request {
  bool weights = false;  ///< [B, H, T, S], before dropout, exactly 0 where hidden
  bool lse = false;      ///< [B, H, T], natural log of the sum of exp(scores); −inf on an empty row
  bool entropy = false;  ///< [B, H, T], in nats; 0 on an empty row
  bool scores = false;   ///< [B, H, T, S], what the normaliser reads: position bias added, −inf where hidden
  static Request everything() { return {true, true, true, true}; }
};

struct Result {
  at::Tensor context;  ///< [B, H, T, Dv]; zeros on an empty row
  at::Tensor weights, lse, entropy, scores;
  std::map<std::string, at::Tensor> extras;  ///< what the mechanism's page names: centre, choice, coverage, ...
};

/// A number on the way from a query to its scores, named as the formula writes it: "q·k", "W q", "tanh(W q + U k + b)", "v".
struct ScorePart {
  enum class Of { kQuery, kKey, kPair, kHead };
  std::string name;
  Of of;
  at::Tensor value;  ///< kQuery [B, H, T, *], kKey [B, H, S, *], kPair [B, H, T, S] or [B, H, T, S, *], kHead [H, *]; H may be 1
};

/// Sizes and settings a mechanism is made with.
struct MechanismOptions {
  std::int64_t heads = 1;
  std::int64_t query_size = 0, key_size = 0, value_size = 0;  ///< Dq, D, Dv; value_size 0 = key_size
  std::int64_t energy_size = 0;                               ///< E of the additive family; 0 = key_size
  bool bias = false;                                          ///< b of the additive family, biases of projections
  bool normed = false;                                        ///< additive: g v/‖v‖ instead of v
  bool concat_plain_source = false;                           ///< concat: vᵀ tanh(W q + k)
  std::string inner = "scaled_dot";                           ///< multi_head: the score inside
  std::int64_t output_size = 0;                               ///< multi_head: size of its output; 0 = query_size
  double dropout = 0;                                         ///< of the weights, in training
};

class Mechanism : public torch::nn::Module {
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
  bool scores_bounded = false;  ///< U8's sharp limit cannot be reached by scaling queries
};

struct MechanismEntry {
  std::string_view name, sentence, formula, paper, parameters, cost;
  std::string_view range, score, source;  ///< class labels: global | local | hard; additive | multiplicative | location; ...
  Capabilities capabilities;
  std::shared_ptr<Mechanism> (*make)(const MechanismOptions&);
};

/// All mechanisms, in the order of mechanisms.def.
std::span<const MechanismEntry* const> mechanisms();
std::vector<std::string> mechanism_names();
/// Throws kUnknownName listing the valid names and the nearest.
const MechanismEntry& find_mechanism(std::string_view name);
std::shared_ptr<Mechanism> make_mechanism(std::string_view name, const MechanismOptions& options);

}  // namespace attend
