#pragma once
// Autograd against central differences, (f(x + h d) − f(x − h d)) / 2h, in float64.
#include <functional>

#include "attend/core/random.h"
#include "support/tensors.h"

namespace attend::testing {

struct GradientBudget {
  double step = 1e-6, relative = 1e-5, absolute = 1e-8;
};

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// One leaf of a loss that reads it anew at every call, with what autograd left there.
class CheckedLeaf {
 public:
  CheckedLeaf(const std::function<at::Tensor()>& loss, const std::string& name, const at::Tensor& x, const GradientBudget& budget)
      : loss_(loss), name_(name), budget_(budget), gradient_(gradient_of(x).contiguous()), element_(x.mutable_data_ptr<double>()) {
    start_.assign(element_, element_ + x.numel());
  }

  /// Along a direction in which every element moves by another length, up or down: a wrong element shows in any of them.
  bool agrees_along(std::uint64_t direction) const {
    RandomStream stream(random_key(direction, {start_.size()}));
    double along = 0, squares = 0;
    std::vector<double> d(start_.size(), 0);
    for (std::size_t i = 0; i < d.size(); ++i) {
      const double length = stream.uniform() + 0.5;
      d[i] = std::isfinite(start_[i]) ? stream.uniform() < 0.5 ? -length : length : 0;
      const double part = analytic(i) * d[i];
      along += part, squares += part * part;
      if (d[i] == 0 && std::abs(analytic(i)) > budget_.absolute) return false;
    }
    const double tolerance = budget_.absolute * std::sqrt(static_cast<double>(d.size())) + budget_.relative * std::sqrt(squares);
    return std::abs(along - difference(d)) <= tolerance;
  }

  void expect_every_element() const {
    std::vector<double> d(start_.size(), 0);
    for (std::size_t i = 0; i < d.size(); ++i) {
      d[i] = 1;
      const double numeric = std::isfinite(start_[i]) ? difference(d) : 0;
      d[i] = 0;
      EXPECT_NEAR(analytic(i), numeric, budget_.absolute + budget_.relative * std::abs(numeric))
          << "gradient of " << name_ << ", element " << i;
    }
  }

 private:
  double analytic(std::size_t i) const { return gradient_.const_data_ptr<double>()[i]; }
  double difference(const std::vector<double>& d) const {
    const auto at = [&](double step) {
      for (std::size_t i = 0; i < d.size(); ++i)
        if (d[i] != 0) element_[i] = start_[i] + step * d[i];
      return loss_().item<double>();
    };
    const double above = at(budget_.step), below = at(-budget_.step);
    std::copy(start_.begin(), start_.end(), element_);
    return (above - below) / (2 * budget_.step);
  }

  const std::function<at::Tensor()>& loss_;
  const std::string& name_;
  const GradientBudget& budget_;
  at::Tensor gradient_;
  double* element_;
  std::vector<double> start_;
};

/// `loss` must be a scalar that reads the given leaves (float64, contiguous) anew at every call. Elements that are not finite
/// (the −inf of a bias) must have gradient zero. Two directions are taken through each leaf; where one disagrees, or the leaf is small,
/// every element is compared, which names those that are wrong.
inline void expect_gradients(const std::function<at::Tensor()>& loss, const NamedTensors& leaves, const GradientBudget& budget = {}) {
  for (const auto& [name, x] : leaves) {
    ASSERT_TRUE(x.is_leaf() && x.requires_grad() && x.is_contiguous() && x.scalar_type() == at::kDouble) << name;
    x.mutable_grad() = at::Tensor();
  }
  loss().backward();
  at::NoGradGuard no_grad;
  for (const auto& [name, x] : leaves) {
    const CheckedLeaf checked(loss, name, x, budget);
    const bool agrees = checked.agrees_along(1) && checked.agrees_along(2);
    EXPECT_TRUE(agrees) << "gradient of " << name << ", along all elements at once";
    if (!agrees || x.numel() <= 2) checked.expect_every_element();
  }
}

}  // namespace attend::testing
