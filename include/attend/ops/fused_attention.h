#pragma once
#include "attend/kernels/packed_source.h"
#include "attend/ops/torch.h"

namespace attend {

/// What a call of fused_attention sees, and what it should return beside the context. Undefined tensors ask nothing.
struct FusedAttentionOptions {
  double scale = 1;
  double soft_cap = 0;  ///< C of C tanh(scale x / C); 0 = none
  kernels::ScoreKind score = kernels::ScoreKind::kProduct;
  at::Tensor energy;  ///< float32 (float64 for float64) [H, D]: u of kTanh and kRelu, with a gradient
  std::int64_t left = kernels::kEverything, right = kernels::kEverything;  ///< keys seen before and behind t + S_b − T_b; causal: right = 0
  at::Tensor query_lengths, key_lengths;                                   ///< int64 [B]: T_b, S_b
  at::Tensor keep;                                                         ///< bool, broadcastable to [B, H, T, S]; true = may attend
  at::Tensor bias;         ///< float32 (float64 for float64), broadcastable to [B, H, T, S]; −inf hides; with a gradient
  at::Tensor slopes;       ///< float32 [H]: e −= slope |s − step_t|, step_t = t + S_b − T_b
  at::Tensor by_distance;  ///< float32 (float64 for float64) [H, 2F + 1]: e += far[clip(s − step_t, −F, F) + F]; with a gradient
  at::Tensor first_steps;  ///< int64 [B]: step_t is t and this instead
  double drop_rate = 0;    ///< of the weights that values are mixed by, in [0, 1)
  at::Tensor drop_keys;    ///< int64 [B, H, T]: a key for each row, which says what is dropped (dropout_row_keys); with a rate above 0
  at::Tensor centres;      ///< float64, broadcastable to [B, H, T]: keys |s − p| > radius are not seen; with a gradient
  std::int64_t radius = 0;
  double deviation = 0;       ///< ς of exp(−(s − p)²/2ς²), which multiplies the weights; 0 = none
  bool renormalised = false;  ///< its exponent enters the scores instead
  kernels::Normaliser normaliser = kernels::Normaliser::kSoftmax;  ///< the others have gradients of the context alone
  at::Tensor noise_keys;   ///< int64 [B, H, T]: a key for each row of Gumbel noise g (dropout_row_keys)
  double noise_scale = 0;  ///< c of e + c g; with 0 the noise is that of choice alone
  bool context = true;     ///< whether values are mixed
  bool choice = false;     ///< the best key, or one drawn by its weight where there are noise_keys and a noise_scale of 0
  bool lse = false, entropy = false, maximum = false, column_sums = false;
  std::int64_t top = 0;                       ///< K, at most kernels::kMostTop and S
  std::int64_t pool_rows = 0, pool_keys = 0;  ///< p, q: rows and keys of a block; 0 is off
  at::Tensor rows;                            ///< int64 [R], ascending: rows whose weights are returned in full
  at::Tensor cache_rows;  ///< int32 [B, S]: where key and value s of item b lie among key [R, Hk, S, D] and value, of up to 8 queries
  std::shared_ptr<const kernels::PackedSource> packed;  ///< of key and value, by pack_source(): for many calls of few queries
};

struct FusedAttentionOutputs {
  at::Tensor context;                ///< [B, H, T, Dv]; zeros on a row that sees nothing
  at::Tensor choice, log_choice;     ///< [B, H, T]: a key, −1 where nothing is seen; ln of its weight, 0 there, with a gradient
  at::Tensor lse, entropy;           ///< [B, H, T], float32 for bfloat16; with gradients, as maximum and column_sums
  at::Tensor maximum, argmax;        ///< [B, H, T], argmax int64
  at::Tensor column_sums;            ///< [B, H, S]
  at::Tensor top_weights, top_keys;  ///< [B, H, T, K], the largest first; 0 and −1 where fewer are above 0; without gradients, as all below
  at::Tensor pooled_mean, pooled_max;  ///< [B, H, ⌈T/p⌉, ⌈S/q⌉]
  at::Tensor rows;                     ///< [B, H, R, S]
  kernels::Isa ran;                    ///< the instruction set of the loops
};

/// softmax(cap(scale x) − slopes |distance| + far[distance] + bias) v without the [T, S] between, with windows, other normalisers and noise
/// where the options say so, and statistics of the weights from the same pass; x are products q kᵀ, or Σ_d u_d tanh(q_d + k_d) without the
/// [T, S, D]. Formula and empty rows: attend/kernels/fused_attention.h. query [B, H, T, D], key [B, Hk, S, D], value [B, Hk, S, Dv] of one
/// number format (float32, bfloat16, float64), any strides. Same as: the plain composition of mechanism scaled_dot. Throws kShape or kValue
/// for what does not fit. First derivatives only: create_graph throws kUnsupported. Cost: B·H·T·S·(D + Dv) products, memory (T + S)·(D +
/// Dv) a head. Threads may call it at once; it runs on libtorch's threads, and its bits do not depend on how many there are.
FusedAttentionOutputs fused_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                                      const FusedAttentionOptions& options = {});

/// Key and value packed once for calls with these options (scale, score, energy and key lengths count), `heads` of the queries to come;
/// `both_ways` if gradients flow back. Errors as fused_attention(). Threads may share what it returns.
std::shared_ptr<const kernels::PackedSource> pack_source(const at::Tensor& key, const at::Tensor& value,
                                                         const FusedAttentionOptions& options, std::int64_t heads, bool both_ways);

/// The weights [B, H, R, K] of the queries and keys of a tile (R, K of each) of a call whose lse [B, H, T] is
/// known, without the rest of the map: a closer look at a map that is too large to be stored. Those that fused_attention() returns in
/// `rows`, up to rounding; of before some are dropped, and without gradients. Throws as fused_attention(), and kValue for a tile that is
/// not within T and S. Cost: B·H·R·K·D products, and the keys packed once. Threads may call it at once.
at::Tensor fused_weights(const at::Tensor& query, const at::Tensor& key, const at::Tensor& lse, const kernels::WeightTile& tile,
                         const FusedAttentionOptions& options = {});

}  // namespace attend
