#pragma once
// Numbers that a call of a mechanism returns beside its context. Each has an axis, which says what becomes of it when the calls of single
// steps are joined into one.
#include <array>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "attend/ops/torch.h"

namespace attend {

struct Operands;

/// What a number of a call belongs to.
enum class Axis : std::uint8_t {
  kRow,    ///< a query: [B, T], [B, H, T] or [B, H, T, *]; steps stand behind one another
  kKey,    ///< a key: [B, H, S]; steps add up
  kCell,   ///< a query and a key: [B, H, T, S] or [B, H, T, S, S]; steps stand behind one another
  kBlock,  ///< a block of queries and keys: [B, H, ⌈T/p⌉, ⌈S/q⌉]; steps are pooled into blocks of p
  kItem,   ///< an item: [B]; that of the last step counts
  kModule  ///< the mechanism itself: a buffer of any shape, which is one and the same at every step
};

struct Statistic {
  at::Tensor value;
  Axis axis = Axis::kRow;
};

/// Which numbers a call should return beside the context. What is not asked for costs nothing.
struct Request {
  bool weights = false;      ///< [B, H, T, S], before dropout, exactly 0 where hidden
  bool lse = false;          ///< [B, H, T], natural log of the sum of exp(scores); −inf on an empty row
  bool entropy = false;      ///< [B, H, T], in nats, of the weights or, where those do not sum to 1, of the shares they come from
  bool scores = false;       ///< [B, H, T, S], what the normaliser reads: position bias added, −inf where hidden
  bool maximum = false;      ///< [B, H, T], the largest weight, and its key (int64); 0 and −1 on an empty row
  bool column_sums = false;  ///< [B, H, S], Σ_t w[t, s] over the call's rows
  std::int64_t top = 0;  ///< K: the K largest weights [B, H, T, K], the largest first, and their keys; 0 and −1 where fewer are above 0
  std::int64_t pool_rows = 0, pool_keys = 0;  ///< p, q: mean and maximum of the weights over blocks of p rows and q keys; 0 is off
  at::Tensor rows;                            ///< int64 [R], ascending: rows of the call whose weights [B, H, R, S] are returned in full
  bool operands = false;                      ///< what the weights can be computed from, where the fused kernel takes the call

  /// All of them that need no sizes.
  static Request everything();
  /// What the call of step t alone has to return, so that the steps' results can be joined.
  Request of_step(std::int64_t t) const;
};

/// How rows of weights are normalised: Σ w = 1 and all above 0, Σ w = 1 with zeros among them, or neither.
enum class WeightKind { kSoftmax, kSparse, kUnnormalised };

struct Result {
  at::Tensor context;  ///< [B, H, T, Dv]; zeros on an empty row
  at::Tensor weights, lse, entropy, scores;
  at::Tensor maximum, argmax;              ///< [B, H, T]
  at::Tensor column_sums;                  ///< [B, H, S]
  at::Tensor top_weights, top_keys;        ///< [B, H, T, K]
  at::Tensor pooled_mean, pooled_max;      ///< [B, H, ⌈T/p⌉, ⌈S/q⌉]; the last block of each side may be smaller
  at::Tensor rows;                         ///< [B, H, R, S]
  WeightKind kind = WeightKind::kSoftmax;  ///< of the weights
  /// What the mechanism's page names: centre, choice, coverage, coverage_loss, ...
  std::map<std::string, Statistic> extras;
  std::shared_ptr<const Operands> operands;  ///< attention/operands.h; null where the call was not the fused kernel's
  std::string_view by;                       ///< the implementation that took the call (attention/implementations.h)
};

/// A number of Result that a Request can ask for, and its axis.
struct StatisticEntry {
  const char* name;
  at::Tensor Result::*value;
  Axis axis;
};
/// All of them, the context first.
std::span<const StatisticEntry> statistics();

/// The results of the calls of one step after another as that of one call, which was to return `request`: joined by their axes.
Result join_steps(std::span<const Result> steps, const Request& request);

/// Adds what `request` asks for and `result` does not have yet, from the weights [B, H, T, S] that the call used (not lse and scores, which
/// weights do not tell). Differentiable wherever the mathematics is. Cost: a few passes over the weights.
void add_statistics(Result& result, const Request& request, const at::Tensor& weights);

/// −Σ w ln w over the last dimension with 0 ln 0 = 0, in nats.
at::Tensor entropy_of(const at::Tensor& weights);

}  // namespace attend
