#pragma once
// One mechanism with given sizes and parameters, for the tests of single mechanisms.
#include <torch/csrc/autograd/autograd.h>

#include "attention/cases.h"

namespace attend::testing {

/// float64, evaluation mode, parameters from cosines.
inline std::shared_ptr<Mechanism> make_filled(std::string_view name, const MechanismOptions& options) {
  auto mechanism = make_mechanism(name, options);
  fill_parameters(*mechanism);
  mechanism->eval();
  return mechanism;
}

inline void set_parameter(Mechanism& mechanism, const std::string& name, const at::Tensor& value) {
  auto parameters = mechanism.named_parameters();
  ASSERT_TRUE(parameters.contains(name)) << name;
  ASSERT_EQ(parameters[name].sizes(), value.sizes()) << name;
  parameters[name].set_data(value.to(at::kDouble).clone());
}

inline std::vector<std::string> parameter_names(const Mechanism& mechanism) { return mechanism.named_parameters().keys(); }

/// A call whose scores are e [B, H, T, S] themselves, for mechanisms over `dot` made with of_scores(options, S): q·k with k one-hot.
inline Problem of_scores(const at::Tensor& e, const at::Tensor& values) {
  const auto keys = e.size(3);
  return {e, at::eye(keys, at::kDouble).expand({e.size(0), e.size(1), keys, keys}), values, {}};
}
inline MechanismOptions of_scores(MechanismOptions o, std::int64_t keys) {
  o.query_size = o.key_size = keys;
  o.of<InnerScoreOptions>().score = "dot";
  return o;
}

/// The gradient of a scalar at x, which need not be a leaf.
inline at::Tensor gradient(const at::Tensor& scalar, const at::Tensor& x) {
  return torch::autograd::grad({scalar}, {x}, {}, /*retain_graph=*/true)[0];
}

/// The scores up to a constant of the row, from the weights: ln w + lse = e.
inline at::Tensor energies(const Result& r) { return r.weights.log() + r.lse.unsqueeze(-1); }

}  // namespace attend::testing
