#pragma once
// How an attention knows where its keys stand relative to its queries. Schemes sit inside a mechanism, beside its score.
#include "attend/attention/mechanism.h"

namespace attend {

/// A scheme by name (MechanismOptions::position). t_abs is a query's absolute position, s a key's.
///   relative       e = q·(k_s + a_K[r])/√D, c = Σ w (v_s + a_V[r]), r = clip(s − t_abs, −R, R); a_K, a_V [H, 2R+1, *], R = position_reach
///                  (Shaw et al. 2018, §3.2); for dot and scaled_dot, which have a product to share
///   relative_bias  e += b[h, bucket(s − t_abs)], 32 buckets (Raffel et al. 2020, §2.1 and released program)
///   rotary         each pair of q and k turned by p θ_i, θ_i = 10000^(−2i/D), p their position (Su et al. 2021, §3); Dq = D, even
///   alibi          e −= m_h |t_abs − s|, m_h = 2^(−8(h+1)/H) (Press et al. 2022, §3)
/// Values are not turned. All but rotary cost one more [H, T, S] block; rotary one pass over q and k.
class Positions : public Module {
 public:
  /// Throws kUnknownName for another name, kValue for a score or sizes that the scheme does not go with.
  Positions(const MechanismOptions& options, std::string_view score);

  at::Tensor keys(const at::Tensor& keys, std::int64_t first) const;         ///< [B, Hk, S, D], the first one at `first`
  at::Tensor query(const at::Tensor& query, const at::Tensor& t_abs) const;  ///< [B, H, T, D]; t_abs int64 [B or 1, T]
  /// Scores [B, H, T, S] with the scheme's term.
  at::Tensor scores(const at::Tensor& scores, const at::Tensor& query, const at::Tensor& t_abs, bool causal) const;
  /// What the scheme adds to a context mixed with `mixing` [B, H, T, S]; undefined = nothing.
  at::Tensor values(const at::Tensor& mixing, const at::Tensor& t_abs) const;

 private:
  enum class Kind { kRelative, kRelativeBias, kRotary, kAlibi } kind_;
  std::int64_t heads_, reach_;
  bool adjacent_;
  double scale_ = 1;  // what the score divides products by
  at::Tensor key_table_, value_table_, bias_;
};

/// x [B, H, L, D] with each pair of the last dimension turned by its position (int64 [B or 1, L]). `adjacent` pairs (2i, 2i+1), else
/// (i, i + D/2): weights made for one are wrong with the other, and nothing else would tell.
at::Tensor rotate(const at::Tensor& x, const at::Tensor& positions, bool adjacent);
/// ALiBi's slope of each head, float64 [H].
at::Tensor alibi_slopes(std::int64_t heads);
/// T5's bucket of distances s − t_abs (int64, any shape), 0 to 31.
at::Tensor relative_buckets(const at::Tensor& distance, bool causal);

}  // namespace attend
