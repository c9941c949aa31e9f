#pragma once
// Linear maps, embeddings and positions.
#include "attend/core/options.h"
#include "attend/ops/dropout.h"
#include "attend/ops/packed_linear.h"

namespace attend {

/// y = f(x Wᵀ + b). weight [out, in] initialised by Glorot's rule (Glorot & Bengio 2010), bias zero. Threads may share it as any Module.
class Linear : public Module {
 public:
  Linear(std::int64_t in, std::int64_t out, bool bias = true);
  at::Tensor operator()(const at::Tensor& x, kernels::Activation f = kernels::Activation::kNone) const {
    return packed_.linear(x, weight, bias, f, uses_int8());  // [.., out]
  }
  at::Tensor weight, bias;

 private:
  PackedWeight packed_;
};

/// Table of token vectors. ids int64 [..] -> [.., N]; the padding id's row is zero and gets no gradient.
/// Threads may share it as any Module.
class Embedding : public Module {
 public:
  Embedding(std::int64_t vocabulary, std::int64_t size, bool scaled);
  at::Tensor operator()(const at::Tensor& ids) const;
  at::Tensor weight;  ///< [V, N]

 private:
  double scale_;  ///< √N when scaled (Vaswani et al. 2017, §3.4), else 1
};

/// Of positions that are added to token vectors.
struct InputOptions {
  std::string sinusoids;        ///< interleaved or halves
  bool sinusoid_end;            ///< the slowest sinusoid has the wavelength 2π · 10000 itself
  std::int64_t first_position;  ///< what the first token's position is called

  InputOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Adds positions to embeddings x [B, L, N], the first of which stands at `offset` + first_position.
/// sinusoidal: PE[p, 2i] = sin(p ω_i), PE[p, 2i+1] = cos(p ω_i), ω_i = 10000^(−2i/N) (Vaswani et al. 2017, §3.5), or as options say: see
/// sinusoidal_table. learned: a table [P, N]; positions beyond it throw kValue. none: x itself. Threads may share it as any Module.
class InputPositions : public Module {
 public:
  InputPositions(const std::string& kind, std::int64_t size, std::int64_t longest, const InputOptions& options = {});
  at::Tensor operator()(const at::Tensor& x, std::int64_t offset = 0) const;

 private:
  std::string kind_;
  InputOptions options_;
  at::Tensor table_;
};
/// The sinusoidal table [positions, size] in float32. sinusoids halves: sin(p ω_i) of all i, then cos(p ω_i) of all i, as released models
/// of Marian have it. sinusoid_end: ω_i = 10000^(−i/(N/2 − 1)), so that the last is 1/10000, as tensor2tensor and fairseq have it. Throws
/// kValue where these two do not go with the size.
at::Tensor sinusoidal_table(std::int64_t positions, std::int64_t size, const InputOptions& options = {});

/// Inverted dropout of what `owner` works out, x [B, ...], while it trains; x itself otherwise.
inline at::Tensor apply_dropout(const Module& owner, const at::Tensor& x, double rate) {
  return owner.is_training() && rate > 0 ? dropout(x, rate, owner.place()) : x;
}

}  // namespace attend
