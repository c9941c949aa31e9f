#include "attend/layers/basic.h"

#include <cmath>

namespace attend {

Linear::Linear(std::int64_t in, std::int64_t out, bool with_bias) {
  const double bound = std::sqrt(6.0 / static_cast<double>(in + out));
  weight = register_parameter("weight", at::empty({out, in}, float_options()).uniform_(-bound, bound));  // [out, in]
  if (with_bias) bias = register_parameter("bias", at::zeros({out}, float_options()));
}

Embedding::Embedding(std::int64_t vocabulary, std::int64_t size, bool scaled)
    : scale_(scaled ? std::sqrt(static_cast<double>(size)) : 1.0) {
  const double deviation = scaled ? 1.0 / std::sqrt(static_cast<double>(size)) : 0.1;
  auto initial = at::empty({vocabulary, size}, float_options()).normal_(0, deviation);  // [V, N]
  if (vocabulary > 1) initial[1].zero_();
  weight = register_parameter("weight", initial);  // [V, N]
}

at::Tensor Embedding::operator()(const at::Tensor& ids) const {
  const std::int64_t padding = weight.size(0) > 1 ? 1 : -1;
  auto vectors = at::embedding(weight, ids, padding);  // [.., N]
  return scale_ == 1.0 ? vectors : vectors * scale_;
}

void InputOptions::visit(OptionVisitor& v) {
  v(sinusoids, "sinusoids", "interleaved", "positions sinusoidal: sine and cosine by turns, or all sines first (tensor2tensor, Marian)",
    one_of({"interleaved", "halves"}));
  v(sinusoid_end, "sinusoid_end", false,
    "positions sinusoidal: the slowest one turns by 1/10000 a position (tensor2tensor, fairseq) in place of the one that would follow it");
  v(first_position, "first_position", 0, "positions sinusoidal or learned: what the first one is called; 2 in fairseq's models",
    between(0, 1 << 20));
}

at::Tensor sinusoidal_table(std::int64_t positions, std::int64_t size, const InputOptions& o) {
  const bool halves = o.sinusoids == "halves";
  ATTEND_CHECK(!halves || size % 2 == 0, kValue, "positions: sinusoids halves need an even size, got {}; use interleaved", size);
  ATTEND_CHECK(!o.sinusoid_end || size >= 4, kValue, "positions: sinusoid_end needs two sinusoids, a size of at least 4, got {}", size);
  const auto steps = static_cast<double>(o.sinusoid_end ? size - 2 + size % 2 : size);  // exponents are 0, 2/steps, 4/steps, ...
  const auto p = at::arange(positions, double_options()).unsqueeze(1);                  // [P, 1]
  const auto rate = at::exp(at::arange(0, size, 2, double_options()) * (-std::log(10000.0) / steps));  // [ceil(N/2)]
  auto table = at::zeros({positions, size}, double_options());                                         // [P, N]
  const auto half = size / 2, step = std::int64_t{halves ? 1 : 2};
  table.slice(1, 0, halves ? half : size, step).copy_(at::sin(p * rate));
  table.slice(1, halves ? half : 1, size, step).copy_(at::cos(p * rate.slice(0, 0, half)));
  return table.to(at::kFloat);
}

InputPositions::InputPositions(const std::string& kind, std::int64_t size, std::int64_t longest, const InputOptions& options)
    : kind_(kind), options_(options) {
  if (kind == "learned") table_ = register_parameter("table", at::empty({longest, size}, float_options()).normal_(0, 0.02));  // [P, N]
  if (kind == "sinusoidal") table_ = sinusoidal_table(longest, size, options);                                                // [P, N]
}

at::Tensor InputPositions::operator()(const at::Tensor& x, std::int64_t offset) const {
  if (kind_ == "none") return x;
  const auto begin = offset + options_.first_position, end = begin + x.size(1);
  if (kind_ == "sinusoidal") {  // a formula, not parameters: longer inputs get a longer table
    const auto table = end <= table_.size(0) ? table_ : sinusoidal_table(end, table_.size(1), options_);  // [P, N]
    return x + table.slice(0, begin, end).to(x.scalar_type());
  }
  ATTEND_CHECK(end <= table_.size(0), kValue,
               "positions: the learned table ends at {}, the input needs {}; train with a larger model.longest or use sinusoidal positions",
               table_.size(0), end);
  return x + table_.slice(0, begin, end);
}

}  // namespace attend
