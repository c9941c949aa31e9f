#pragma once
// A mechanism of the first kind: score × normaliser over the allowed set, as plain tensor compositions. The score says how
// well a key fits a query; everything else (masks, empty rows, statistics, dropout, context) is done here once.
#include "attend/attention/mechanism.h"

namespace attend {

/// e[t, s] = score(q_t, k_s). Parameters exist per head: their first dimension is H.
class Score : public torch::nn::Module {
 public:
  /// Position-wise preparation of the keys, done once a source, never in half precision: [B, Hk, S, D] -> [B, Hk or H, S, *].
  virtual at::Tensor prepare(const at::Tensor& keys) const { return keys; }
  /// query [B, H, T, Dq] (float32 for half precision), prepared keys with the head count of the query [B, H, S, *] -> [B, H, T, S].
  virtual at::Tensor scores(const at::Tensor& query, const at::Tensor& prepared) const = 0;
  /// What scores() computes on its way, same arguments; empty when there is nothing between.
  virtual std::vector<ScorePart> parts(const at::Tensor& /*query*/, const at::Tensor& /*prepared*/) const { return {}; }
};

/// Global soft attention: the softmax of a score over all allowed keys.
class ScoredAttention final : public Mechanism {
 public:
  ScoredAttention(std::string name, std::shared_ptr<Score> score, const MechanismOptions& options);
  Memory prepare(const at::Tensor& keys, const at::Tensor& values, const Mask& mask) const override;
  Result attend(const at::Tensor& query, const Memory& memory, State* state, const Request& request) const override;
  std::vector<ScorePart> parts(const at::Tensor& query, const Memory& memory) const override;
  const Score& score() const { return *score_; }

 private:
  std::string name_;
  std::shared_ptr<Score> score_;
  MechanismOptions options_;
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

/// What a call on this memory may not see.
Hidden hidden_from(const Memory& memory, const CallSizes& sizes, std::string_view who);

/// Softmax over the allowed set (undefined = all), the last dimension. A row with nothing allowed gives zeros and zero gradients.
at::Tensor masked_softmax(const at::Tensor& scores, const at::Tensor& allowed);
/// ln Σ exp over the allowed set, −inf on an empty row.
at::Tensor masked_logsumexp(const at::Tensor& scores, const at::Tensor& allowed);
/// −Σ w ln w with 0 ln 0 = 0, in nats.
at::Tensor entropy_of(const at::Tensor& weights);

/// float16 and bfloat16 as float32, everything else as it is.
at::Tensor widened(const at::Tensor& x);

/// x [B, Hk, T, in] times a weight per head [H, out, in] -> [B, H, T, out], in the number format of x. Head h reads x's head h / (H/Hk).
at::Tensor per_head_linear(const at::Tensor& x, const at::Tensor& weight);

/// Uniform in ±√(3/fan_in) (variance 1/fan_in), shape sizes, from torch's generator.
at::Tensor initial_weight(at::IntArrayRef sizes, std::int64_t fan_in);

}  // namespace attend
