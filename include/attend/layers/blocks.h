#pragma once
// What transformers of every kind are made of beside attention: norms and feed-forward blocks, as published models differ in them.
#include "attend/layers/basic.h"

namespace attend {

/// Which norm and which feed-forward block.
struct BlockOptions {
  std::string norm_kind;   ///< layer or rms
  double norm_epsilon;     ///< added to the variance, or to the mean square
  bool norm_bias;          ///< of a layer norm
  std::string activation;  ///< relu, gelu, gelu_tanh or silu
  bool gated;              ///< feed-forward: act(W_1 x) is multiplied by W_3 x
  bool feed_forward_bias;

  BlockOptions() { set_defaults(*this); }
  void visit(OptionVisitor& v);
};

/// Normalisation over the last dimension, times a gain.
///   layer  (x − mean x) / √(var x + ε) ⊙ g + b (Ba, Kiros & Hinton 2016)
///   rms    x / √(mean x² + ε) ⊙ g, without b (Zhang & Sennrich 2019, eq. 4)
///
/// Threads may share it as any Module.
class Norm : public Module {
 public:
  explicit Norm(std::int64_t size, const BlockOptions& options = {});
  at::Tensor operator()(const at::Tensor& x) const;  ///< [.., N] -> [.., N]
  at::Tensor weight, bias;                           ///< g and b [N]; b undefined where there is none

 private:
  bool rms_;
  double epsilon_;
};

/// The nonlinearity by name: relu max(0, x); gelu x Φ(x) (Hendrycks & Gimpel 2016); gelu_tanh x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))), the
/// approximation of that paper; silu x σ(x), there too.
using kernels::Activation;
/// Throws kUnknownName.
Activation activation_of(const std::string& name);

/// W_2 act(W_1 x + b_1) + b_2 (Vaswani et al. 2017, §3.3), or gated W_2 (act(W_1 x + b_1) ⊙ (W_3 x + b_3)) + b_2 (Shazeer 2020, eq. 6),
/// with dropout before W_2. Parameters: in.* (W_1, [F, N]), out.* (W_2, [N, F]), gated also times.* (W_3, [F, N]); biases by option.
/// Threads may share it as any Module.
class FeedForward : public Module {
 public:
  FeedForward(std::int64_t size, std::int64_t hidden, double dropout, const BlockOptions& options = {});
  at::Tensor operator()(const at::Tensor& x) const;  ///< [.., N] -> [.., N]

 private:
  std::shared_ptr<Linear> in_, out_, times_;
  Activation activation_;
  double dropout_;
};

}  // namespace attend
