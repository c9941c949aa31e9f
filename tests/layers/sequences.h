#pragma once
// Small sequences of uneven lengths, for the layers that take one step after another.
#include <cmath>
#include <limits>

#include "support/gradcheck.h"

namespace attend::testing {

inline constexpr double kTight = 1e-12, kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr std::int64_t kBatch = 3, kSteps = 4, kIn = 2, kSize = 3;

inline at::Tensor ids(at::ArrayRef<std::int64_t> values) { return at::tensor(values, at::kLong); }
inline at::Tensor numbers(at::ArrayRef<double> values) { return at::tensor(values, at::kDouble); }
inline at::Tensor uneven_lengths() { return ids({2, 4, 3}); }  // of kBatch items of at most kSteps steps

inline NamedTensors parameters_of(const Module& module) {
  NamedTensors all;
  for (const auto& p : module.named_parameters()) all.emplace_back(p.key(), p.value());
  return all;
}

inline double logit(double p) { return std::log(p / (1 - p)); }

// Halting probabilities σ(bias) whatever the state.
inline void halt_by_bias(Module& module, double bias) {
  module.named_parameters()["halting.weight"].set_data(at::zeros({1, kSize}, at::kDouble));
  module.named_parameters()["halting.bias"].set_data(numbers({bias}));
}

}  // namespace attend::testing
