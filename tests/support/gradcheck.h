#pragma once
// Autograd against central differences, (f(x + h) − f(x − h)) / 2h, element by element in float64.
#include <functional>

#include "support/tensors.h"

namespace attend::testing {

struct GradientBudget {
  double step = 1e-6, relative = 1e-5, absolute = 1e-8;
};

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// `loss` must be a scalar that reads the given leaves (float64, contiguous) anew at every call. Elements that are not finite
/// (the −inf of a bias) must have gradient zero.
inline void expect_gradients(const std::function<at::Tensor()>& loss, const NamedTensors& leaves, const GradientBudget& budget = {}) {
  for (const auto& [name, x] : leaves) {
    ASSERT_TRUE(x.is_leaf() && x.requires_grad() && x.is_contiguous() && x.scalar_type() == at::kDouble) << name;
    x.mutable_grad() = at::Tensor();
  }
  loss().backward();
  at::NoGradGuard no_grad;
  for (const auto& [name, x] : leaves) {
    const auto gradient = testing::gradient_of(x).contiguous();
    const auto* analytic = gradient.const_data_ptr<double>();
    auto* element = x.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      const double here = element[i];
      double numeric = 0;
      if (std::isfinite(here)) {
        element[i] = here + budget.step;
        const double above = loss().item<double>();
        element[i] = here - budget.step;
        const double below = loss().item<double>();
        element[i] = here;
        numeric = (above - below) / (2 * budget.step);
      }
      EXPECT_NEAR(analytic[i], numeric, budget.absolute + budget.relative * std::abs(numeric))
          << "gradient of " << name << ", element " << i;
    }
  }
}

}  // namespace attend::testing
