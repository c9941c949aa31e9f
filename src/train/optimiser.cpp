#include "attend/train/optimiser.h"

#include <cmath>
#include <numbers>

namespace attend {

double scheduled_rate(const TrainOptions& o, std::int64_t step, std::int64_t model_size, double clock) {
  const auto t = static_cast<double>(step), w = static_cast<double>(o.warmup);
  if (o.schedule == "noam") return o.rate / std::sqrt(static_cast<double>(model_size)) * std::min(1 / std::sqrt(t), t * std::pow(w, -1.5));
  const double rising = o.warmup > 0 && t < w ? t / w : 1.0;
  if (o.schedule == "inverse_sqrt") return o.rate * rising * (t > w && w > 0 ? std::sqrt(w / t) : w > 0 ? 1.0 : 1 / std::sqrt(t));
  if (o.schedule == "cosine") {
    const double share = std::clamp(o.steps > 0 ? (t - w) / std::max(1.0, static_cast<double>(o.steps) - w) : clock, 0.0, 1.0);
    return rising * (o.minimum_rate + (o.rate - o.minimum_rate) * 0.5 * (1 + std::cos(std::numbers::pi * share)));
  }
  return o.rate * rising;
}

double clip_gradients(const std::vector<at::Tensor>& parameters, double largest) {
  std::vector<at::Tensor> gradients;
  for (const auto& p : parameters)
    if (p.grad().defined()) gradients.push_back(p.grad());
  if (gradients.empty()) return 0;
  const double norm = at::stack(at::_foreach_norm(gradients)).norm().item<double>();
  if (largest > 0 && norm > largest) at::_foreach_mul_(gradients, largest / (norm + 1e-6));
  return norm;
}

void PlateauState::validated(bool better, const TrainOptions& o) {
  if (better) {
    count = 0;
  } else if (++count > o.plateau_patience) {
    factor *= o.plateau_factor;
    count = 0;
  }
}

Optimiser::Optimiser(const TrainOptions& options, const NamedTensors& parameters) : options_(options) {
  const bool moments = options.optimiser != "sgd";
  const bool remembers = moments || options.momentum > 0;  // libtorch's SGD refuses buffers that it has no use for
  for (const auto& [name, p] : parameters) {
    if (!p.requires_grad()) continue;
    names_.push_back(name);
    parameters_.push_back(p);
    if (remembers) first_.push_back(at::zeros_like(p));
    if (moments) {
      second_.push_back(at::zeros_like(p));
      steps_.push_back(at::zeros({}, float_options()));
    }
  }
}

void Optimiser::step(double rate) {
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> p, g, m, v, t;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!parameters_[i].grad().defined()) continue;
    p.push_back(parameters_[i]);
    g.push_back(parameters_[i].grad());
    if (!first_.empty()) m.push_back(first_[i]);
    if (!second_.empty()) {
      v.push_back(second_[i]);
      t.push_back(steps_[i]);
    }
  }
  if (p.empty()) return;
  // The fused steps below do not count as writes, by which others see that a weight has changed (ops/packed_linear.h).
  for (const auto& parameter : p) parameter.unsafeGetTensorImpl()->bump_version();
  if (options_.optimiser == "sgd") {
    at::_fused_sgd_(p, g, m, options_.weight_decay, options_.momentum, rate, 0.0, false, false, false);
    return;
  }
  at::_foreach_add_(t, 1.0);
  if (options_.optimiser == "adamw") {
    at::_fused_adamw_(p, g, m, v, {}, t, rate, options_.beta1, options_.beta2, options_.weight_decay, options_.epsilon, false, false);
  } else {
    at::_fused_adam_(p, g, m, v, {}, t, rate, options_.beta1, options_.beta2, options_.weight_decay, options_.epsilon, false, false);
  }
}

void Optimiser::zero_gradients() {
  for (auto& p : parameters_) p.mutable_grad() = at::Tensor();
}

NamedTensors Optimiser::state() const {
  NamedTensors tensors;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (!first_.empty()) tensors.emplace_back("first." + names_[i], first_[i]);
    if (second_.empty()) continue;
    tensors.emplace_back("second." + names_[i], second_[i]);
    tensors.emplace_back("steps." + names_[i], steps_[i]);
  }
  return tensors;
}

}  // namespace attend
