#pragma once
// How an attention knows where its keys stand relative to its queries. Schemes sit inside a mechanism, beside its score.
#include <optional>
#include <string>
#include <string_view>

#include "attend/attention/span.h"
#include "attend/core/options.h"
#include "attend/ops/module.h"

namespace attend {

struct MechanismOptions;

/// Of scheme relative.
struct RelativeOptions {
  std::int64_t reach;  ///< R; distances beyond count as this far

  RelativeOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of scheme relative_bias.
struct RelativeBiasOptions {
  std::int64_t buckets, farthest;  ///< rows of its table; distances from here on share the last one
  bool shared;                     ///< one table for all layers of a stack, as in T5

  RelativeBiasOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Of scheme rotary.
struct RotaryOptions {
  std::string pairs;    ///< adjacent (2i, 2i+1) or halves (i, i + D/2)
  double base, share;   ///< b in θ_i = b^(−2i/R); share of a head's numbers that are turned, R/D
  std::string scaling;  ///< none, linear, dynamic or llama3
  double factor;        ///< how many times longer than it was trained for a sequence may be
  double low_frequency_factor, high_frequency_factor;
  std::int64_t original_length;  ///< L₀, the longest sequence in training, where scaling asks for it

  RotaryOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};
/// Visits the options of a scheme by its name; schemes without any have none.
void visit_position(const std::string& scheme, OptionSet& set, OptionVisitor& v);

/// How fast each pair of a head turns, and the turning itself: pair i of the R = rotary_share · D numbers that turn by p θ_i, p being the
/// position, θ_i = b^(−2i/R) with b = rotary_base. With f = rotary_factor:
///   linear   θ_i / f (Chen et al. 2023, position interpolation)
///   dynamic  b (f L/L₀ − f + 1)^(R/(R−2)) in place of b for a sequence of L > L₀ keys (Peng et al. 2024, §3.3, NTK-aware, by length).
///            Step by step a key keeps the turn of its own step, as in released programs: beyond L₀ steps differ from the whole sequence.
///   llama3   by wavelength λ_i = 2π/θ_i: θ_i where λ_i < L₀/high, θ_i / f where λ_i > L₀/low, between them ((1 − m)/f + m) θ_i with
///            m = (L₀/λ_i − low)/(high − low), low and high being the frequency factors (Grattafiori et al. 2024, released program)
///
/// Threads may share one: it is never changed once it is made.
class Rotation {
 public:
  /// Throws kValue where the share leaves no even number of numbers.
  Rotation(const RotaryOptions& options, std::int64_t head_size);
  /// x [B, H, L, D] at positions int64 [B or 1, L] of sequences of `lengths` keys, int64 [B or 1].
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& positions, const at::Tensor& lengths) const;

 private:
  double base_, factor_, original_;
  bool adjacent_, dynamic_;
  std::int64_t turned_;  // R
  at::Tensor rates_;     // float64 [R/2], undefined when dynamic
};

/// A scheme by name (MechanismOptions::position). t_abs is a query's absolute position, s a key's.
///   relative       e = q·(k_s + a_K[r])/√D, c = Σ w (v_s + a_V[r]), r = clip(s − t_abs, −R, R); a_K, a_V [H, 2R+1, *], R = position_reach
///                  (Shaw et al. 2018, §3.2); for dot and scaled_dot, which have a product to share
///   relative_bias  e += b[h, bucket(s − t_abs)], b [H, relative_buckets] (Raffel et al. 2020, §2.1 and released program)
///   rotary         each pair of q and k turned by p θ_i, p their position (Su et al. 2021, §3), θ_i as Rotation says; Dq = D, even
///   alibi          e −= m_h |t_abs − s|, m_h = 2^(−8(h+1)/H) (Press et al. 2022, §3)
/// Values are not turned. All but rotary cost one more [H, T, S] block; rotary one pass over q and k. Threads may share it as any Module.
class Positions : public Module {
 public:
  /// Throws kUnknownName for another name, kValue for a score or sizes that the scheme does not go with.
  Positions(const MechanismOptions& options, std::string_view score);

  /// [B, Hk, S, D], the first one at `first`; lengths int64 [B], undefined = first + S.
  at::Tensor keys(const at::Tensor& keys, std::int64_t first, const at::Tensor& lengths) const;
  /// [B, H, T, D]; t_abs int64 [B or 1, T]; lengths of the keys, int64 [B or 1].
  at::Tensor query(const at::Tensor& query, const at::Tensor& t_abs, const at::Tensor& lengths) const;
  /// What alibi and relative_bias add to scores, as data.
  void extend(Span& span, const at::Tensor& t_abs, bool causal) const;
  /// Scores [B, H, T, S] with the term of relative, which takes part in the product.
  at::Tensor scores(const at::Tensor& scores, const at::Tensor& query, const at::Tensor& t_abs) const;
  /// What the scheme adds to a context mixed with `mixing` [B, H, T, S]; undefined = nothing.
  at::Tensor values(const at::Tensor& mixing, const at::Tensor& t_abs) const;

 private:
  enum class Kind { kRelative, kRelativeBias, kRotary, kAlibi } kind_;
  std::int64_t heads_, reach_ = 0, farthest_ = 0;
  double scale_ = 1;  // what the score divides products by
  std::optional<Rotation> rotation_;
  at::Tensor key_table_, value_table_, bias_;
};

/// x [B, H, L, D] with each pair of the last dimension turned by its position (int64 [B or 1, L]). `adjacent` pairs (2i, 2i+1), else
/// (i, i + D/2): weights made for one are wrong with the other, and nothing else would tell.
at::Tensor rotate(const at::Tensor& x, const at::Tensor& positions, bool adjacent);
/// ALiBi's slope of each head, float64 [H].
at::Tensor alibi_slopes(std::int64_t heads);
/// T5's bucket of distances s − t_abs (int64, any shape), 0 to buckets − 1; distances from `farthest` on share the last one.
at::Tensor relative_buckets(const at::Tensor& distance, bool causal, std::int64_t buckets = 32, std::int64_t farthest = 128);

}  // namespace attend
