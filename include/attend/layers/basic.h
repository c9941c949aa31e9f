#pragma once
// Embeddings, positions, norms and feed-forward blocks.
#include "attend/ops/dropout.h"

namespace attend {

/// y = x Wᵀ + b. weight [out, in] initialised by Glorot's rule (Glorot & Bengio 2010), bias zero.
class Linear : public Module {
 public:
  Linear(std::int64_t in, std::int64_t out, bool bias = true);
  at::Tensor operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }
  at::Tensor weight, bias;
};

/// Table of token vectors. ids int64 [..] -> [.., N]; the padding id's row is zero and gets no gradient.
class Embedding : public Module {
 public:
  Embedding(std::int64_t vocabulary, std::int64_t size, bool scaled);
  at::Tensor operator()(const at::Tensor& ids) const;
  at::Tensor weight;  ///< [V, N]

 private:
  double scale_;  ///< √N when scaled (Vaswani et al. 2017, §3.4), else 1
};

/// Layer normalisation (Ba, Kiros & Hinton 2016) over the last dimension, ε = 1e-5.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(std::int64_t size);
  at::Tensor operator()(const at::Tensor& x) const;
  at::Tensor weight, bias;
};

/// W_2 relu(W_1 x + b_1) + b_2 with dropout after the rectifier (Vaswani et al. 2017, §3.3).
class FeedForward : public Module {
 public:
  FeedForward(std::int64_t size, std::int64_t hidden, double dropout);
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  std::shared_ptr<Linear> in_, out_;
  double dropout_;
};

/// Adds positions to embeddings x [B, L, N], the first of which stands at `offset`.
/// sinusoidal: PE[p, 2i] = sin(p ω_i), PE[p, 2i+1] = cos(p ω_i), ω_i = 10000^(−2i/N) (Vaswani et al. 2017, §3.5).
/// learned: a table [P, N]; positions beyond it throw kValue. none: x itself.
class InputPositions : public Module {
 public:
  InputPositions(const std::string& kind, std::int64_t size, std::int64_t longest);
  at::Tensor operator()(const at::Tensor& x, std::int64_t offset = 0) const;

 private:
  std::string kind_;
  at::Tensor table_;
};
/// The sinusoidal table [positions, size] in float32.
at::Tensor sinusoidal_table(std::int64_t positions, std::int64_t size);

/// Inverted dropout when `training`, x itself otherwise.
inline at::Tensor apply_dropout(const at::Tensor& x, double rate, bool training) { return training && rate > 0 ? dropout(x, rate) : x; }

}  // namespace attend
