#pragma once
// One mechanism with given sizes and parameters, for the tests of single mechanisms.
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

/// The scores up to a constant of the row, from the weights: ln w + lse = e.
inline at::Tensor energies(const Result& r) { return r.weights.log() + r.lse.unsqueeze(-1); }

}  // namespace attend::testing
