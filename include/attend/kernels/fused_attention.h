#pragma once
// Softmax attention computed tile by tile: no [T, S] is ever stored, nor [T, S, D] of additive scores. Statistics of the weights are made
// on the way, while a tile's weights are in the cache.
//
//   e[t, s] = cap(scale x[t, s]) − slope_h |s − step_t| + far_h[clip(s − step_t, −F, F)] + bias[t, s],
//   x[t, s] = q_t · k_s, or Σ_d u_h[d] tanh(q_t[d] + k_s[d]), or the same with relu,
//   cap(y) = y, or C tanh(y / C) with a soft cap C,
//   w = softmax over the keys that t may see, or another normaliser (alpha),  c_t = Σ_s w[t, s] v_s
//
// With a window around a centre, keys |s − p_t| > R are not seen, and a Gaussian G[t, s] = exp(−(s − p_t)²/2ς²) multiplies w or enters e.
// With noise, e gets c g[t, s] more, g being drawn from Gumbel's distribution.
//
// step_t = t + S_b − T_b, or t and the item's first step. Which keys: s < S_b, keep[t, s] true, and t_abs − left <= s <= t_abs + right with
// t_abs = t + S_b − T_b (causal: right = 0). Rows t >= T_b and rows that see nothing are empty: context 0, lse −inf, entropy 0, maximum 0,
// argmax −1.
//
// Papers: Vaswani et al. 2017, eq. 1; Bahdanau et al. 2015, A.1.2; the tiles are those of Rabe & Staats 2021 and Dao et al. 2022, with
// whole score rows while they fit. Soft caps: Gemma Team 2024 (Gemma 2), §2. Windows: Luong, Pham & Manning 2015, §3.2. Sparse
// normalisers: Martins & Astudillo 2016; Peters, Niculae & Martins 2019. Draws: Xu et al. 2015, §4.1; Jang, Gu & Poole 2017.
#include <stdint.h>

namespace attend::kernels {

enum class Isa : uint8_t;
class Workers;
class PackedSource;

/// How numbers are stored. Products are summed in float32, of float64 in float64.
enum class Number : uint8_t { kFloat32, kBfloat16, kFloat64 };

/// What a query and a key make of each other.
enum class ScoreKind : uint8_t { kProduct, kTanh, kRelu };

/// Queries up to which an item may read keys and values that lie among those of others (FusedAttention::cache_rows).
constexpr int64_t kCacheQueries = 8;
/// How scores become weights: w = exp(e − τ), ((e − τ) / 2)² or e − τ where that is above 0, τ such that they add up to 1.
enum class Normaliser : uint8_t { kSoftmax, kEntmax15, kSparsemax };

/// Keys around a centre, |s − p| <= radius.
struct CentredWindow {
  const double* centres = nullptr;  ///< [B, H, T]: p; null = every key is near enough
  int64_t radius = 0;               ///< R
  double deviation = 0;             ///< ς of the Gaussian; 0 = none
  bool renormalised = false;        ///< the exponent of the Gaussian enters the scores; else it multiplies the weights of a softmax
};

/// Draws by counter (attend/ops/draws.h): u[t, s] in (0, 1), g = −ln(−ln u).
struct GumbelNoise {
  const uint64_t* keys = nullptr;  ///< [B, H, T]: the key of a row's draws; null = there are none
  double scale = 0;                ///< c: of the noise in the scores
};

/// No limit, of left and right.
constexpr int64_t kEverything = INT64_MAX / 4;

/// [B, H, L, *], the last dimension with stride 1; strides in elements, 0 where it is one and the same for all.
struct Rows {
  const void* data = nullptr;
  int64_t batch = 0, head = 0, row = 0;
};
struct MutableRows {
  void* data = nullptr;
  int64_t batch = 0, head = 0, row = 0;
};

/// [B, H, T, S] with any strides, in elements; no data = there is none.
template <class T>
struct Cells {
  T* data = nullptr;
  int64_t batch = 0, head = 0, row = 0, key = 0;
};

/// One call.
struct FusedAttention {
  Number number = Number::kFloat32;
  int64_t batch = 0, heads = 0, key_heads = 0;  ///< B, H, Hk; query head h reads key head h / (H/Hk)
  int64_t queries = 0, keys = 0;                ///< T, S
  int64_t size = 0, value_size = 0;             ///< D, Dv
  double scale = 1;
  double soft_cap = 0;  ///< C: scores stay between −C and C; 0 = no cap
  ScoreKind score = ScoreKind::kProduct;
  const void* energy = nullptr;            ///< u [H, D], in the numbers of the sums: of kTanh and kRelu, which take Hk = H
  Rows query, key, value;                  ///< [B, H, T, D], [B, Hk, S, D], [B, Hk, S, Dv]
  const int32_t* cache_rows = nullptr;     ///< [B, S]: key and value s of item b are those of item cache_rows[b, s]; null = b itself
  const PackedSource* packed = nullptr;    ///< of these keys and values (kernels/packed_source.h): they are not packed again
  const int64_t* query_lengths = nullptr;  ///< T_b; null = T
  const int64_t* key_lengths = nullptr;    ///< S_b; null = S
  int64_t left = kEverything, right = kEverything;  ///< keys seen before and behind t_abs
  Cells<const uint8_t> keep;                        ///< 0 = hidden
  Cells<const void> bias;                           ///< in the numbers of the sums; −inf hides
  const float* slopes = nullptr;                    ///< [H]
  const void* by_distance = nullptr;                ///< [H, 2F + 1], in the numbers of the sums: what a distance adds
  int64_t farthest = 0;                             ///< F: distances beyond count as this far
  const int64_t* first_steps = nullptr;             ///< [B]: step of row 0, for slopes and by_distance; null = S_b − T_b
  const uint64_t* drop_keys = nullptr;              ///< [B, H, T]: a row's key of what is dropped of its weights; null = nothing is
  CentredWindow window;
  Normaliser normaliser = Normaliser::kSoftmax;  ///< the others: of rows that see at most kMostWhole keys
  GumbelNoise noise;
  double drop_rate = 0;  ///< in [0, 1); what is kept is divided by 1 − rate. Statistics are of before.
};

/// What it gives. Statistics are contiguous, in the numbers of the sums; null = not asked for, and then it costs nothing.
struct FusedResults {
  MutableRows context;                   ///< [B, H, T, Dv], as stored; no data = not asked for
  void* lse = nullptr;                   ///< [B, H, T]: τ of the normaliser, of softmax ln Σ exp(e)
  void* lse_rest = nullptr;              ///< [B, H, T]: what τ has beyond the digits of lse; of the sparse normalisers
  void* slope_context = nullptr;         ///< [B, H, T, Dv]: Σ r v / Σ r, r = √w or 1 where w is above 0; of the sparse normalisers
  int64_t* choice = nullptr;             ///< [B, H, T]: the first key of the largest w, or of w / −ln u with noise of scale 0
  void* log_choice = nullptr;            ///< [B, H, T]: ln w of that key; −1 and 0 on an empty row
  void* entropy = nullptr;               ///< [B, H, T]: −Σ w ln w, in nats
  void* maximum = nullptr;               ///< [B, H, T]: the largest weight
  int64_t* argmax = nullptr;             ///< [B, H, T]: the first key that has it
  void* column_sums = nullptr;           ///< [B, H, S]: Σ_t w[t, s]
  int64_t top = 0;                       ///< K, at most kMostTop: how many of the largest weights of each row are returned
  void* top_weights = nullptr;           ///< [B, H, T, K], falling; 0 where fewer are above 0
  int64_t* top_keys = nullptr;           ///< [B, H, T, K], of equal ones the lower first; −1 where fewer are above 0
  int64_t pool_rows = 0, pool_keys = 0;  ///< p, q: rows and keys of a block; the last block of each side may be smaller
  void* pooled_mean = nullptr;           ///< [B, H, ⌈T/p⌉, ⌈S/q⌉]: mean of the weights of each block
  void* pooled_max = nullptr;            ///< the same of the largest weight; both or none
  const int64_t* rows = nullptr;         ///< [R], ascending: queries whose weights are returned in full
  int64_t row_count = 0;                 ///< R
  void* row_weights = nullptr;           ///< [B, H, R, S], 0 where a key is not seen
};

/// Weights of a row that `top` can ask for.
constexpr int64_t kMostTop = 16;
/// Keys that a row of a sparse normaliser, of a choice, or of a Gaussian that multiplies may see.
constexpr int64_t kMostWhole = 16384;

/// What flows back into a call. Statistics as FusedResults holds them; null = no gradient comes from there.
struct FusedGradients {
  Rows context;                                       ///< [B, H, T, Dv]: the context that the call gave
  const void* lse = nullptr;                          ///< [B, H, T]: its lse, always needed
  const void *entropy = nullptr, *maximum = nullptr;  ///< [B, H, T]: needed where a gradient of theirs is given, as argmax is
  const int64_t* argmax = nullptr;
  const void *lse_rest = nullptr, *slope_context = nullptr;  ///< of a sparse normaliser, which takes gradients of the context alone
  const int64_t* choice = nullptr;                           ///< needed where the gradient of its logarithm is given
  const void* choice_gradient = nullptr;                     ///< [B, H, T]: of log_choice
  Rows context_gradient;                                     ///< [B, H, T, Dv]
  const void* lse_gradient = nullptr;                        ///< [B, H, T]
  const void* entropy_gradient = nullptr;                    ///< [B, H, T]
  const void* maximum_gradient = nullptr;                    ///< [B, H, T]
  const void* column_gradient = nullptr;                     ///< [B, H, S]: g of the column sums
  const void* column_dots = nullptr;                         ///< [B, H, T]: Σ_s w[t, s] g[s], which is the context of the values g
  MutableRows query_gradient, key_gradient, value_gradient;  ///< [B, H, T, D], [B, Hk, S, D], [B, Hk, S, Dv]: what is computed
  void* energy_gradient = nullptr;                           ///< [H, D]: of energy; null = not asked for
  void* distance_gradient = nullptr;                         ///< [H, 2F + 1]: of by_distance, added to
  double* centre_gradient = nullptr;                         ///< [B, H, T]: of the centres; null = not asked for
  Cells<void> bias_gradient;                                 ///< in the numbers of the sums; added to, with stride 0 where it is broadcast
};

/// Computes one call and returns the instruction set whose loops ran: the active one (kernels/isa.h), or the next lower that has loops for
/// these numbers. Bits depend on the call alone: not on workers, on other items of the batch, or on what statistics are asked for.
/// Throws kShape or kValue for a call that cannot be, naming `who`. Memory: keys and values once more at most, 24 rows of scores a worker,
/// for column sums ⌈T/120⌉ (at most 64) partial rows of S a head. Threads may call it at once, each with workers of its own.
Isa fused_attention(const FusedAttention& call, const FusedResults& results, Workers& workers, const char* who = "fused_attention");

/// The gradients of one call; all that is not visible to anybody gets 0. Weights are computed anew from lse. Bits, errors and threads as
/// fused_attention. Memory: queries, keys, values and the context's gradient twice more at most, and a gradient of the queries for each 512
/// keys, at most 8.
Isa fused_attention_backward(const FusedAttention& call, const FusedGradients& gradients, Workers& workers,
                             const char* who = "fused_attention_backward");

/// Queries [first_row, end_row) and keys [first_key, end_key) of the weights.
struct WeightTile {
  int64_t first_row = 0, end_row = 0, first_key = 0, end_key = 0;
};

/// The weights [B, H, end_row − first_row, end_key − first_key], in the numbers of the sums, of a tile of a call whose lse [B, H, T] is
/// known: of any size, without what lies around it. Values are not read. They are of before some are dropped, and equal those that the call
/// itself returns up to rounding. Throws as fused_attention, and kValue for a tile that is not within T and S.
Isa fused_weights(const FusedAttention& call, const void* lse, const WeightTile& tile, void* weights, Workers& workers,
                  const char* who = "fused_weights");

}  // namespace attend::kernels
