#pragma once
// Steps of additive attention that are taken one after another over one source, as a recurrent decoder takes them.
//
//   e[r, s] = scale Σ_c u_h[c] f(q_r[c] + k_s[c] + Σ_j a_h[j, c] x[r, s, j]),  f = tanh or relu,     c_r = Σ_s w[r, s] v_s
//
// q, u: Bahdanau et al. 2015, A.1.2. x: what a step knows of each key beside the key itself, how much of it was read (See, Liu & Manning
// 2017, eq. 11) or filters of where the step before looked (Chorowski et al. 2015, eq. 8). The product a x never exists for all channels.
//
// A step's way back gives at once what the steps before it wait for: the gradients of q, x and w. What it does to the source, to k, v, u
// and a, is written down in a record; the gradients of the source are made of the records of many steps at once, so that they are written
// once, not read and written again at every step.
//
// All functions return the instruction set whose loops ran; their bits depend on each item alone, but for sums over items, which are added
// in order. A gradient or a weight of exactly 0 says that a row does not see a key: whatever the key, its value or x hold there, NaN too,
// changes nothing. Threads may call all of them at once, each with workers of its own. They throw kShape or kValue for calls that cannot
// be, naming `who`.
#include "attend/kernels/fused_attention.h"

namespace attend::kernels {

/// Scores of the rows of a step. Not Rows is contiguous.
struct AdditiveSteps {
  Number number = Number::kFloat32;  ///< or kFloat64
  ScoreKind score = ScoreKind::kTanh;
  int64_t batch = 0, heads = 0, queries = 0, keys = 0;  ///< B, H, R, S
  int64_t size = 0, features = 0;                       ///< E, F
  double scale = 1;
  Rows query, key;                        ///< [B, H, R, E], [B, H, S, E]
  const void* energy = nullptr;           ///< u [H, E]
  const void* feature = nullptr;          ///< x [B, H, R, S, F]
  const void* feature_weights = nullptr;  ///< a [H, F, E]
  const int64_t* key_lengths = nullptr;   ///< [B]: S_b; null = S
  const PackedSource* packed = nullptr;   ///< these keys, packed both ways for the same score, scale, energy and lengths; without features
  int64_t value_size = 0;                 ///< Dv of the packed source
};

/// e [B, H, R, S]; 0 from S_b on. Nothing of `packed` is read. Cost: B·H·R·S·E·(F + 17) instructions on a number.
Isa additive_step_scores(const AdditiveSteps& call, void* scores, Workers& workers, const char* who = "additive_step_scores");

/// Numbers of a row of a record: q, the scores' gradient, x.
constexpr int64_t score_record_size(int64_t size, int64_t keys, int64_t features) { return size + keys * (1 + features); }

/// What flows back through the scores of a step.
struct AdditiveStepGradients {
  const void* scores = nullptr;  ///< [B, H, R, S]; not read from S_b on
  void* query = nullptr;         ///< [B, H, R, E]
  void* feature = nullptr;       ///< [B, H, R, S, F]; null = not asked for
  void* record = nullptr;        ///< [B, H, R, score_record_size()]; null = the source needs no gradients
};
Isa additive_step_backward(const AdditiveSteps& call, const AdditiveStepGradients& gradients, Workers& workers,
                           const char* who = "additive_step_backward");

/// Gradients of a source.
struct AdditiveSourceGradients {
  MutableRows key;                  ///< [B, H, S, E]
  void* energy = nullptr;           ///< [H, E]; null = not asked for
  void* feature_weights = nullptr;  ///< [H, F, E]; null = not asked for
};
/// Of steps of R rows each whose records [B, H, R, *] are named; the call's query, feature and their gradients are not read. With no record
/// they are 0.
Isa additive_source_backward(const AdditiveSteps& call, const void* const* records, int64_t count, const AdditiveSourceGradients& gradients,
                             Workers& workers, const char* who = "additive_source_backward");

/// Contexts of the rows of a step.
struct StepValues {
  Number number = Number::kFloat32;                                     ///< or kFloat64
  int64_t batch = 0, heads = 0, queries = 0, keys = 0, value_size = 0;  ///< B, H, R, S, Dv
  Rows value;                                                           ///< [B, H, S, Dv]
};

/// c [B, H, R, Dv] of weights w [B, H, R, S].
Isa step_contexts(const StepValues& call, const void* weights, void* contexts, Workers& workers, const char* who = "step_contexts");

/// Numbers of a row of a record: w, the context's gradient.
constexpr int64_t value_record_size(int64_t keys, int64_t value_size) { return keys + value_size; }

/// The gradient of w from that of c, 0 where w is; and the record [B, H, R, value_record_size()], or null.
Isa step_contexts_backward(const StepValues& call, const void* weights, Rows context_gradient, void* weight_gradient, void* record,
                           Workers& workers, const char* who = "step_contexts_backward");

/// The gradient [B, H, S, Dv] of the values from the records of steps of R rows each. The call's value is not read.
Isa value_source_backward(const StepValues& call, const void* const* records, int64_t count, MutableRows value_gradient, Workers& workers,
                          const char* who = "value_source_backward");

}  // namespace attend::kernels
