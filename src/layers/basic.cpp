#include "attend/layers/basic.h"

#include <cmath>

namespace attend {

Linear::Linear(std::int64_t in, std::int64_t out, bool with_bias) {
  const double bound = std::sqrt(6.0 / static_cast<double>(in + out));
  weight = register_parameter("weight", at::empty({out, in}).uniform_(-bound, bound));
  if (with_bias) bias = register_parameter("bias", at::zeros({out}));
}

Embedding::Embedding(std::int64_t vocabulary, std::int64_t size, bool scaled)
    : scale_(scaled ? std::sqrt(static_cast<double>(size)) : 1.0) {
  const double deviation = scaled ? 1.0 / std::sqrt(static_cast<double>(size)) : 0.1;
  auto initial = at::empty({vocabulary, size}).normal_(0, deviation);
  if (vocabulary > 1) initial[1].zero_();
  weight = register_parameter("weight", initial);
}

at::Tensor Embedding::operator()(const at::Tensor& ids) const {
  const std::int64_t padding = weight.size(0) > 1 ? 1 : -1;
  auto vectors = at::embedding(weight, ids, padding);
  return scale_ == 1.0 ? vectors : vectors * scale_;
}

LayerNorm::LayerNorm(std::int64_t size) {
  weight = register_parameter("weight", at::ones({size}));
  bias = register_parameter("bias", at::zeros({size}));
}
at::Tensor LayerNorm::operator()(const at::Tensor& x) const { return at::layer_norm(x, {weight.size(0)}, weight, bias, 1e-5); }

FeedForward::FeedForward(std::int64_t size, std::int64_t hidden, double rate)
    : in_(register_module("in", std::make_shared<Linear>(size, hidden))),
      out_(register_module("out", std::make_shared<Linear>(hidden, size))),
      dropout_(rate) {}
at::Tensor FeedForward::operator()(const at::Tensor& x) const { return (*out_)(apply_dropout((*in_)(x).relu_(), dropout_, is_training())); }

at::Tensor sinusoidal_table(std::int64_t positions, std::int64_t size) {
  const auto p = at::arange(positions, at::kDouble).unsqueeze(1);                                                     // [P, 1]
  const auto rate = at::exp(at::arange(0, size, 2, at::kDouble) * (-std::log(10000.0) / static_cast<double>(size)));  // [ceil(N/2)]
  auto table = at::zeros({positions, size}, at::kDouble);
  table.slice(1, 0, size, 2).copy_(at::sin(p * rate));
  table.slice(1, 1, size, 2).copy_(at::cos(p * rate.slice(0, 0, size / 2)));
  return table.to(at::kFloat);
}

InputPositions::InputPositions(const std::string& kind, std::int64_t size, std::int64_t longest) : kind_(kind) {
  if (kind == "learned") table_ = register_parameter("table", at::empty({longest, size}).normal_(0, 0.02));
  if (kind == "sinusoidal") table_ = sinusoidal_table(longest, size);
}

at::Tensor InputPositions::operator()(const at::Tensor& x, std::int64_t offset) const {
  if (kind_ == "none") return x;
  const auto end = offset + x.size(1);
  if (kind_ == "sinusoidal") {  // a formula, not parameters: longer inputs get a longer table
    const auto table = end <= table_.size(0) ? table_ : sinusoidal_table(end, table_.size(1));
    return x + table.slice(0, offset, end).to(x.scalar_type());
  }
  ATTEND_CHECK(end <= table_.size(0), kValue,
               "positions: the learned table ends at {}, the input needs {}; train with a larger model.longest or use sinusoidal positions",
               table_.size(0), end);
  return x + table_.slice(0, offset, end);
}

}  // namespace attend
