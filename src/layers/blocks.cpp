#include "attend/layers/blocks.h"

namespace attend {

void BlockOptions::visit(OptionVisitor& v) {
  v(norm_kind, "norm_kind", "layer", "norm of a transformer: layer, or rms, which only divides by the root of the mean square",
    one_of({"layer", "rms"}));
  v(norm_epsilon, "norm_epsilon", 1e-5, "added to the variance, or to the mean square, before its root is taken", between(1e-15, 1));
  v(norm_bias, "norm_bias", true, "norm_kind layer: a bias; rms has none");
  v(activation, "activation", "relu", "in a transformer's feed-forward part; gelu_tanh is the approximation that GPT-2 has",
    one_of({"relu", "gelu", "gelu_tanh", "silu"}));
  v(gated, "gated", false, "feed-forward part: a second projection is multiplied to what the activation gives (GEGLU, SwiGLU)");
  v(feed_forward_bias, "feed_forward_bias", true, "biases in a transformer's feed-forward part");
}

Norm::Norm(std::int64_t size, const BlockOptions& o) : rms_(o.norm_kind == "rms"), epsilon_(o.norm_epsilon) {
  weight = register_parameter("weight", at::ones({size}, float_options()));                         // [N]
  if (!rms_ && o.norm_bias) bias = register_parameter("bias", at::zeros({size}, float_options()));  // [N]
}

at::Tensor Norm::operator()(const at::Tensor& x) const {
  const auto size = weight.size(0);
  return rms_ ? at::rms_norm(x, {size}, weight, epsilon_) : at::layer_norm(x, {size}, weight, bias, epsilon_);  // [.., N]
}

Activation activation_of(const std::string& name) {
  if (name == "relu") return Activation::kRelu;
  if (name == "gelu") return Activation::kGelu;
  if (name == "gelu_tanh") return Activation::kGeluTanh;
  if (name == "silu") return Activation::kSilu;
  fail_unknown_name("activation", name, std::vector<std::string>{"relu", "gelu", "gelu_tanh", "silu"});
}

FeedForward::FeedForward(std::int64_t size, std::int64_t hidden, double rate, const BlockOptions& o)
    : in_(register_module("in", std::make_shared<Linear>(size, hidden, o.feed_forward_bias))),
      out_(register_module("out", std::make_shared<Linear>(hidden, size, o.feed_forward_bias))),
      times_(o.gated ? register_module("times", std::make_shared<Linear>(size, hidden, o.feed_forward_bias)) : nullptr),
      activation_(activation_of(o.activation)),
      dropout_(rate) {}

at::Tensor FeedForward::operator()(const at::Tensor& x) const {
  auto inner = (*in_)(x, activation_);  // [.., F]
  if (times_) inner = inner * (*times_)(x);
  return (*out_)(apply_dropout(*this, inner, dropout_));
}

}  // namespace attend
